//! The folder that cubes are made in while the server runs. Each folder in it
//! is a cube of that name.

use std::{
    io::ErrorKind,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use uuid::Uuid;

use super::{Catalog, CreateError, Entry};
use crate::{cube::Cube, zarr};

/// Cubes there are at most before no more are made.
const MOST: usize = 1000;

/// Bytes of a new name.
const LONGEST_NAME: usize = 64;

/// Cubes that are being made are called so; what begins with a dot is no cube.
const UNFINISHED: &str = ".new-";

/// An unfinished cube of so long ago is left over.
const LEFT_OVER: Duration = Duration::from_hours(1);

impl Catalog {
    /// Makes cubes in a folder from now on, and opens those that are in it. One
    /// that cannot be opened is told to the log and left out: the others are
    /// served.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub async fn settle(&mut self, folder: &Path) -> Result<(), CreateError> {
        let failed = |source| CreateError::Folder {
            folder: folder.to_owned(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        for found in std::fs::read_dir(folder).map_err(failed)? {
            let found = found.map_err(failed)?;
            let name = found.file_name().to_string_lossy().into_owned();
            if name.starts_with(UNFINISHED) {
                take_away_left_over(&found.path());
            } else if check_name(&name).is_ok()
                && found.path().is_dir()
                && !self.read().has(&name)
                && let Err(error) = self.open(&name, found.path()).await
            {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "a cube of `server.cubes_dir` is left out");
            }
        }
        self.home = Some(folder.to_owned());
        Ok(())
    }

    /// Makes an empty cube and opens it. Whoever else makes one of this name is
    /// refused, and one that is half made is no cube.
    ///
    /// # Errors
    /// If none are made here, the name is unusable or taken, or it cannot be
    /// written.
    pub async fn create(&self, name: &str, cube: &Cube) -> Result<Arc<Entry>, CreateError> {
        let Some(folder) = &self.home else {
            return Err(CreateError::Off);
        };
        check_name(name)?;
        let taken = || CreateError::Taken(name.to_owned());
        let count = {
            let open = self.read();
            if open.has(name) {
                return Err(taken());
            }
            open.cubes.len()
        };
        if count >= MOST {
            return Err(CreateError::Full(count));
        }
        let unfinished = folder.join(format!("{UNFINISHED}{}", Uuid::now_v7()));
        zarr::create_at(&unfinished, cube).await?;
        let place = folder.join(name);
        // A cube is no empty folder, so this replaces none.
        if let Err(source) = std::fs::rename(&unfinished, &place) {
            let _left = std::fs::remove_dir_all(&unfinished);
            let kinds = [ErrorKind::DirectoryNotEmpty, ErrorKind::AlreadyExists];
            return Err(if kinds.contains(&source.kind()) {
                taken()
            } else {
                CreateError::Folder {
                    folder: folder.clone(),
                    source,
                }
            });
        }
        Ok(self.open(name, place).await?)
    }
}

fn check_name(name: &str) -> Result<(), CreateError> {
    let begins = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let plain = |c: char| begins(c) || matches!(c, '-' | '_');
    if name.len() <= LONGEST_NAME && name.starts_with(begins) && name.chars().all(plain) {
        Ok(())
    } else {
        Err(CreateError::Name(name.to_owned()))
    }
}

/// Somebody may be making one right now, so only an old one goes.
fn take_away_left_over(unfinished: &Path) {
    let written = std::fs::metadata(unfinished).and_then(|file| file.modified());
    let age = written.map(|at| SystemTime::now().duration_since(at));
    if matches!(age, Ok(Ok(age)) if age > LEFT_OVER)
        && let Err(error) = std::fs::remove_dir_all(unfinished)
    {
        tracing::warn!(%error, "cannot take away a half-made cube");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cube::testing::cube, storage::BucketSettings};

    fn catalog() -> Catalog {
        Catalog::new(Duration::from_secs(1), BucketSettings::default())
    }

    #[tokio::test]
    async fn a_cube_is_served_once_it_is_made_and_found_again_later() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("cubes");
        let mut first = catalog();
        assert!(matches!(
            first.create("alps", &cube()).await,
            Err(CreateError::Off)
        ));
        first.settle(&home).await.unwrap();
        first.create("alps", &cube()).await.unwrap();
        assert!(first.get("alps").is_ok());
        assert!(matches!(
            first.create("alps", &cube()).await,
            Err(CreateError::Taken(_))
        ));
        // Beside it lie a cube that was never finished, and what is none.
        std::fs::create_dir(home.join(".new-1")).unwrap();
        std::fs::create_dir(home.join("none")).unwrap();
        let mut second = catalog();
        second.settle(&home).await.unwrap();
        let names: Vec<_> = second
            .entries()
            .iter()
            .map(|e| e.name().to_owned())
            .collect();
        assert_eq!(names, ["alps"]);
    }

    #[tokio::test]
    async fn of_two_who_make_the_same_cube_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut catalog = catalog();
        catalog.settle(folder.path()).await.unwrap();
        let cube = cube();
        let (a, b) = tokio::join!(catalog.create("alps", &cube), catalog.create("alps", &cube));
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1);
        let error = a.err().or(b.err()).unwrap();
        assert!(matches!(error, CreateError::Taken(_)), "{error}");
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing is left of the other");
    }

    #[test]
    fn a_name_can_stand_in_an_address_and_a_file_system() {
        for name in ["a", "2023-alps_1", &"a".repeat(64)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "Alps",
            "-a",
            ".new",
            "a/b",
            "a b",
            "..",
            &"a".repeat(65),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
