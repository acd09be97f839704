//! One writer at a time, on a local file system: an OS file lock, which the
//! kernel releases when the process dies however it dies.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// The lock file, beside Icechunk's own files.
const FILE: &str = "cubetiler.lock";

/// Who holds the lock, in words that a person can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder(String);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else writes.
    #[error("{} is being written by {holder}; wait for it to end, or stop it", path.display())]
    Held {
        /// The cube.
        path: PathBuf,
        /// Who.
        holder: Holder,
    },
    /// There is no lock between processes in a bucket.
    #[error("{} is in a bucket: it can be served from there, and is built on a local disk", _0.display())]
    Remote(PathBuf),
    /// The lock file cannot be opened or locked.
    #[error("cannot lock {}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the file system says.
        #[source]
        source: io::Error,
    },
}

/// The right to write. Dropping it gives it back.
#[derive(Debug)]
pub struct WriterLock {
    _file: File,
}

impl WriterLock {
    pub(super) fn take(store: &Path, purpose: &str) -> Result<Self, LockError> {
        let path = store.join(FILE);
        let io_error = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // A holder that has not yet written its name is still a holder.
                let _unread = file.read_to_string(&mut text);
                let holder = match text.trim() {
                    "" => "another process".to_owned(),
                    text => text.to_owned(),
                };
                return Err(LockError::Held {
                    path: store.to_owned(),
                    holder: Holder(holder),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        let name = format!(
            "`{purpose}`, process {} since {}\n",
            std::process::id(),
            chrono::Utc::now().format("%Y-%m-%d %H:%M:%S UTC")
        );
        file.set_len(0).map_err(io_error)?;
        file.rewind().map_err(io_error)?;
        file.write_all(name.as_bytes()).map_err(io_error)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_the_first_is_and_may_write_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = WriterLock::take(dir.path(), "cubetiler build").unwrap();
        let error = WriterLock::take(dir.path(), "cubetiler serve").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`cubetiler build`"), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(first);
        assert!(WriterLock::take(dir.path(), "cubetiler serve").is_ok());
    }
}
