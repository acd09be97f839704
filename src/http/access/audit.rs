//! Who did what through the admin API: lines of a file, and events of the log.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

/// The file in the server's folder. When it is full it becomes that with `.1`, in
/// place of the one before.
const FILE: &str = "audit.jsonl";

/// Bytes of the file at most: some 40 000 lines.
const FULL: u64 = 8 << 20;

/// The target of the events.
const TARGET: &str = "cubetiler::audit";

/// The audit log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct AuditError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Something that was done, or asked for in vain.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Entry<'a> {
    /// The name of the token; none where everybody may do everything.
    pub(super) token: Option<&'a str>,
    pub(super) address: IpAddr,
    /// What: `backfill`, `cancel`, …
    pub(super) action: &'a str,
    pub(super) cube: Option<&'a str>,
    pub(super) job: Option<&'a str>,
    /// The status of the answer.
    pub(super) status: u16,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    entry: &'a Entry<'a>,
}

/// The audit log. Without a folder it is in the events alone.
#[derive(Debug, Default)]
pub(super) struct Audit(Option<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    path: PathBuf,
    file: File,
    bytes: u64,
    full: u64,
}

impl Audit {
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, AuditError> {
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        let path = folder.join(FILE);
        let book = fs::create_dir_all(folder).and_then(|()| Book::open(path.clone(), FULL));
        let book = book.map_err(|source| AuditError { path, source })?;
        Ok(Self(Some(Mutex::new(book))))
    }

    /// Notes an action. It is done already, so that a full disk cannot undo it: the
    /// event is there in any case.
    pub(super) fn note(&self, entry: &Entry<'_>) {
        let Entry {
            token,
            address,
            action: what,
            cube,
            job,
            status,
        } = entry;
        tracing::info!(target: TARGET, token, %address, action = what, cube, job, status, "an admin action");
        let Some(book) = &self.0 else {
            return;
        };
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let written = serde_json::to_vec(&Line { time, entry })
            .map_err(io::Error::from)
            // A line goes to the page cache in microseconds, and they are rare.
            .and_then(|line| {
                book.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .add(line)
            });
        if let Err(error) = written {
            tracing::error!(%error, "the audit log cannot be written");
        }
    }
}

impl Book {
    fn open(path: PathBuf, full: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            bytes,
            full,
        })
    }

    fn add(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        let length = line.len() as u64;
        let is_full = self.bytes > 0 && self.bytes + length > self.full;
        if is_full || !self.path.exists() {
            if self.path.exists() {
                fs::rename(&self.path, self.path.with_extension("jsonl.1"))?;
            }
            *self = Self::open(self.path.clone(), self.full)?;
        }
        // At once, so that no line is cut in two by another process.
        self.file.write_all(&line)?;
        self.bytes += length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn action(job: &str) -> Entry<'_> {
        Entry {
            token: Some("ops"),
            address: "192.0.2.1".parse().unwrap(),
            action: "backfill",
            cube: Some("alps"),
            job: Some(job),
            status: 202,
        }
    }

    #[test]
    fn an_action_is_a_line_and_a_restart_goes_on_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        for job in ["a", "b"] {
            Audit::open(Some(&state)).unwrap().note(&action(job));
        }
        let text = fs::read_to_string(state.join(FILE)).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["job"], "b");
        let mut first = lines[0].clone();
        let time = first.as_object_mut().unwrap().remove("time").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        let expected = json!({
            "token": "ops", "address": "192.0.2.1", "action": "backfill", "cube": "alps",
            "job": "a", "status": 202,
        });
        assert_eq!(first, expected);
    }

    #[test]
    fn a_full_file_makes_way_for_the_next_and_of_old_ones_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut book = Book::open(path.clone(), 10).unwrap();
        for line in ["12345678", "abcdefgh", "ABCDEFGH"] {
            book.add(line.into()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "ABCDEFGH\n");
        let old = fs::read_to_string(path.with_extension("jsonl.1")).unwrap();
        assert_eq!(old, "abcdefgh\n");
        fs::remove_file(&path).unwrap();
        book.add("again".into()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "again\n");
    }
}
