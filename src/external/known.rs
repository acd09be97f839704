//! What a store is known to hold from the last look at it, so that the next one
//! asks for what is new alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::repo::Repo;

/// A document as it was, and what its server calls this state of it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) e_tag: String,
    pub(super) bytes: Bytes,
}

/// What was found at the last look.
#[derive(Debug, Default)]
pub(super) struct Known {
    documents: Mutex<HashMap<String, Seen>>,
    repo: Mutex<Option<Arc<Repo>>>,
}

impl Known {
    /// The document at a key, if its server told how to ask whether it changed.
    pub(super) fn document(&self, key: &str) -> Option<Seen> {
        lock(&self.documents).get(key).cloned()
    }

    pub(super) fn keep_document(&self, key: &str, seen: Option<Seen>) {
        let mut documents = lock(&self.documents);
        match seen {
            Some(seen) => documents.insert(key.to_owned(), seen),
            None => documents.remove(key),
        };
    }

    /// The repository, if it is one and the last look did not fail.
    pub(super) fn repo(&self) -> Option<Arc<Repo>> {
        lock(&self.repo).clone()
    }

    pub(super) fn keep_repo(&self, repo: Option<Arc<Repo>>) {
        *lock(&self.repo) = repo;
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
