//! A trace that is read more than once, although it may come out of a pipe.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use super::TraceError;
use crate::base::temporary;

/// Where a trace can be read again and again. What is no file, such as `/dev/stdin` behind a pipe, gives its bytes only
/// once: they are copied, as they are, to a temporary file. It has no name in any folder, so that it goes with this value
/// and with this process, however that ends.
#[derive(Debug)]
pub struct Rereadable {
    path: PathBuf,
    _copy: Option<File>,
}

impl Rereadable {
    /// Makes the trace at a path one that can be read again.
    ///
    /// # Errors
    /// Where the pipe cannot be opened or read, or its copy cannot be written.
    pub fn new(path: &Path) -> Result<Self, TraceError> {
        let open = |source| TraceError::Open { path: path.to_owned(), source };
        let kind = fs::metadata(path).map_err(open)?.file_type();
        if kind.is_file() || kind.is_dir() {
            return Ok(Self { path: path.to_owned(), _copy: None });
        }
        let copy = copied(File::open(path).map_err(open)?)?;
        // Whoever opens this opens the file anew, from its beginning.
        Ok(Self { path: format!("/proc/self/fd/{}", copy.as_raw_fd()).into(), _copy: Some(copy) })
    }

    /// The file to read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn copied(mut pipe: File) -> Result<File, TraceError> {
    let folder = temporary::directory();
    let keep = |source| TraceError::Keep { folder: folder.clone(), source };
    let mut copy = tempfile::tempfile_in(&folder).map_err(keep)?;
    let mut some = vec![0; 1 << 16];
    loop {
        match pipe.read(&mut some) {
            Ok(0) => return Ok(copy),
            Ok(read) => copy.write_all(&some[..read]).map_err(keep)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(TraceError::Read { line: 0, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tempfile::NamedTempFile;

    use super::*;
    use crate::load::trace::{OnBroken, TraceReader};

    #[test]
    fn what_comes_out_of_a_pipe_can_be_read_again_and_has_no_name() {
        let (reading, mut writing) = io::pipe().unwrap();
        let feed = std::thread::spawn(move || {
            for line in 0..100_000 {
                let text = if line == 0 { "time_ms,key,operation,size_bytes\n" } else { "1,a,read,1\n" };
                writing.write_all(text.as_bytes()).unwrap();
            }
        });
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reading));
        let trace = Rereadable::new(Path::new(&path)).unwrap();
        feed.join().unwrap();
        let named = fs::read_link(trace.path()).unwrap().to_string_lossy().into_owned();
        assert!(named.ends_with("(deleted)"), "{named}");
        for _ in 0..2 {
            let reader = TraceReader::open(trace.path(), None, OnBroken::Refuse).unwrap();
            assert_eq!(reader.map(Result::unwrap).count(), 99_999);
        }
        let file = NamedTempFile::new().unwrap();
        assert_eq!(Rereadable::new(file.path()).unwrap().path(), file.path());
        assert!(matches!(Rereadable::new(Path::new("/nowhere/at/all")), Err(TraceError::Open { .. })));
    }
}
