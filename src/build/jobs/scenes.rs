//! The scenes of chunks under way: neighbours share one search.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

use super::queue::Place;
use crate::{
    build::{
        chunk::Workshop,
        plan::Batch,
        run::chain,
        search::{scenes_of, source_spec},
        stages::Stage,
    },
    grid::ChunkIndex,
    source::{Scene, SourceSpec},
    zarr::StoredCube,
};

/// What a search found, or why it found nothing.
pub(super) type Found = Result<Arc<Vec<Scene>>, String>;

/// Searches that are remembered: of the chunks under way, and some more.
const REMEMBERED: usize = 32;

/// Searches of one cube.
pub(super) struct Scenes {
    spec: Arc<SourceSpec>,
    searches: Mutex<VecDeque<Search>>,
}

struct Search {
    batch: Batch,
    found: Shared<BoxFuture<'static, Found>>,
}

impl Scenes {
    pub(super) fn new(stored: &StoredCube) -> Self {
        Self {
            spec: Arc::new(source_spec(stored.cube.recipe())),
            searches: Mutex::default(),
        }
    }

    /// The scenes of a chunk, and perhaps more. `near` are the chunks to be
    /// searched with it, if it has to be.
    pub(super) async fn of(
        &self,
        place: Place,
        near: Vec<ChunkIndex>,
        workshop: &Workshop,
    ) -> Found {
        let found = self.search(place, near, workshop);
        let result = found.clone().await;
        if result.is_err() {
            // The next chunk asks again, as the next attempt at this one does.
            let mut searches = self.searches.lock().unwrap_or_else(PoisonError::into_inner);
            searches.retain(|search| !search.found.ptr_eq(&found));
        }
        result
    }

    fn search(
        &self,
        place: Place,
        near: Vec<ChunkIndex>,
        workshop: &Workshop,
    ) -> Shared<BoxFuture<'static, Found>> {
        let mut searches = self.searches.lock().unwrap_or_else(PoisonError::into_inner);
        let covers = |search: &&Search| {
            search.batch.time == place.time() && search.batch.chunks.contains(&place.chunk())
        };
        if let Some(search) = searches.iter().find(covers) {
            return search.found.clone();
        }
        let batch = Batch {
            time: place.time(),
            chunks: near,
        };
        let (spec, workshop, asked) = (Arc::clone(&self.spec), workshop.clone(), batch.clone());
        let search = async move {
            let searching = scenes_of(&workshop, &spec, &asked);
            let found = workshop.clock.wait(Stage::Search, searching).await;
            found.map(Arc::new).map_err(|error| chain(&error))
        };
        let found = search.boxed().shared();
        searches.push_back(Search {
            batch,
            found: found.clone(),
        });
        if searches.len() > REMEMBERED {
            searches.pop_front();
        }
        found
    }
}
