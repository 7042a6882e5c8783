//! Writing so that a crash, a full disk or a kill leaves whole rows and whole files.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::ResultsError;
use crate::base::secrets;

/// Replaces a file in one step: readers see the old content or the new, never a part of it.
///
/// # Errors
/// Names the file and what to do; the old content is then still there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ResultsError> {
    let temporary = beside(path);
    let written =
        write_and_sync(&temporary, &without_secrets(path, bytes)).and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        // The error of the write is the one worth telling.
        let _ = fs::remove_file(&temporary);
        return Err(ResultsError::io("write", path, source));
    }
    sync_parent(path);
    Ok(())
}

/// Writes a file that somebody named: as [`write_atomically`] does where a regular file or nothing is there, and else into
/// what is there, as into a pipe or through a link, which stay what they are.
///
/// # Errors
/// Names the file and what to do.
pub fn write_named(path: &Path, bytes: &[u8]) -> Result<(), ResultsError> {
    let is_special = fs::symlink_metadata(path).is_ok_and(|there| !there.is_file());
    if !is_special {
        return write_atomically(path, bytes);
    }
    let written = File::create(path).and_then(|mut file| file.write_all(&without_secrets(path, bytes)));
    written.map_err(|source| ResultsError::io("write", path, source))
}

/// Returns what is kept on the disk of a text. A picture and other bytes are as they are, and the fields of a CSV
/// were struck out one by one.
fn without_secrets<'a>(path: &Path, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.into() };
    let struck = match path.extension().and_then(OsStr::to_str) {
        Some("csv") => return bytes.into(),
        Some("html" | "svg") => secrets::strike_markup(text),
        _ => secrets::strike(text),
    };
    match struck {
        Cow::Borrowed(text) => text.as_bytes().into(),
        Cow::Owned(text) => text.into_bytes().into(),
    }
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A hidden name in the same folder, so that the rename stays within one file system.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Makes a new name in the folder survive a power cut. Some file systems cannot; the data itself is synced already.
pub(super) fn sync_parent(path: &Path) {
    if let Some(parent) = path.parent()
        && let Ok(folder) = File::open(parent)
    {
        let _ = folder.sync_all();
    }
}

/// A file that grew, and the length that it had before.
#[derive(Debug)]
pub(super) struct Appended {
    path: PathBuf,
    length_before: u64,
}

impl Appended {
    /// Cuts the file back to what it was.
    pub(super) fn undo(&self) {
        let cut = OpenOptions::new().write(true).open(&self.path).and_then(|f| f.set_len(self.length_before));
        // Where even this fails, readers still ignore the rows: their cell has no row in summary.csv.
        drop(cut);
    }
}

/// Appends bytes and waits until they are on disk; on failure the file is as long as before.
///
/// # Errors
/// Names the file and what to do.
pub(super) fn append(path: &Path, bytes: &[u8]) -> Result<Appended, ResultsError> {
    let failed = |source| ResultsError::io("append to", path, source);
    let mut file = OpenOptions::new().append(true).open(path).map_err(failed)?;
    let length_before = file.metadata().map_err(failed)?.len();
    let appended = Appended { path: path.to_owned(), length_before };
    if let Err(source) = file.write_all(&without_secrets(path, bytes)).and_then(|()| file.sync_data()) {
        appended.undo();
        return Err(failed(source));
    }
    Ok(appended)
}

/// The length of the part of a CSV that consists of whole rows: up to the last line end outside quotes.
pub(super) fn whole_rows(text: &[u8]) -> usize {
    let mut quoted = false;
    let mut end = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => end = at + 1,
            _ => {}
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_whole_only_with_its_line_end_outside_quotes() {
        assert_eq!(whole_rows(b"a,b\n1,2\n3,"), 8);
        assert_eq!(whole_rows(b"a,b\n1,\"two\nlines"), 4);
        let quoted = b"a,b\n1,\"a \"\"quoted\"\" word\"\n";
        assert_eq!(whole_rows(quoted), quoted.len());
        assert_eq!(whole_rows(b"a,b"), 0);
    }

    #[test]
    fn replacing_a_file_that_cannot_be_replaced_leaves_no_scraps() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("run.json");
        fs::create_dir_all(target.join("in the way")).unwrap();
        let error = write_atomically(&target, b"{}").unwrap_err().to_string();
        assert!(error.contains("run.json") && error.contains("in the way"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
