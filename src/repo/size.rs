//! How much room a repository takes on disk.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Repo, RepoError, storage};

/// Bytes that were uploaded through an open repository.
#[derive(Debug, Default)]
pub(super) struct Uploaded(AtomicU64);

impl Uploaded {
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Repo {
    /// Bytes of chunks that were uploaded since it was opened, whether or not
    /// anything refers to them.
    #[must_use]
    pub fn uploaded(&self) -> u64 {
        self.uploaded.0.load(Ordering::Relaxed)
    }
}

/// Bytes of the files in a local repository, also of what no state reaches. It
/// looks at every file, which takes seconds for a million.
///
/// # Errors
/// If a folder cannot be read.
pub fn bytes_on_disk(folder: &Path) -> Result<u64, RepoError> {
    let looked = look_through(folder);
    looked.map_err(|error| storage(format!("look through {}", folder.display()), error))
}

fn look_through(folder: &Path) -> io::Result<u64> {
    let mut open = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = open.pop() {
        for found in std::fs::read_dir(folder)? {
            let found = found?;
            match found.metadata() {
                Ok(file) if file.is_dir() => open.push(found.path()),
                Ok(file) => bytes += file.len(),
                // It was deleted meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_below_a_folder_count() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/one"), [0; 10]).unwrap();
        std::fs::write(folder.path().join("two"), [0; 7]).unwrap();
        assert_eq!(bytes_on_disk(folder.path()).unwrap(), 17);
        assert!(bytes_on_disk(&folder.path().join("none")).is_err());
    }
}
