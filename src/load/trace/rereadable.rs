//! A trace that is read more than once, although it may come out of a pipe.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::TraceError;

/// Where a trace can be read again and again. What is no file, such as `/dev/stdin` behind a pipe, gives its bytes only
/// once: they are copied, as they are, to a temporary file that goes with this value.
#[derive(Debug)]
pub struct Rereadable {
    path: PathBuf,
    copy: Option<NamedTempFile>,
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
            return Ok(Self { path: path.to_owned(), copy: None });
        }
        let mut pipe = File::open(path).map_err(open)?;
        let failed = |source| TraceError::Read { line: 0, source };
        let mut copy = NamedTempFile::new().map_err(failed)?;
        io::copy(&mut pipe, &mut copy).and_then(|_| copy.flush()).map_err(failed)?;
        Ok(Self { path: path.to_owned(), copy: Some(copy) })
    }

    /// The file to read.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.copy.as_ref().map_or(self.path.as_path(), NamedTempFile::path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::trace::{OnBroken, TraceReader};

    #[test]
    fn what_comes_out_of_a_pipe_can_be_read_again() {
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
        for _ in 0..2 {
            let reader = TraceReader::open(trace.path(), None, OnBroken::Refuse).unwrap();
            assert_eq!(reader.map(Result::unwrap).count(), 99_999);
        }
        let file = NamedTempFile::new().unwrap();
        assert_eq!(Rereadable::new(file.path()).unwrap().path(), file.path());
        assert!(matches!(Rereadable::new(Path::new("/nowhere/at/all")), Err(TraceError::Open { .. })));
    }
}
