//! The group that a request is about: of a data set, or the full resolution of a cube.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    cube::TimeAxis,
    dataset::{Dataset, DatasetError, Documents, Draft, Values, Variable},
    external::{Contents, External},
    http::{
        ApiError, AppState,
        about::{About, Served},
    },
    zarr::{StoredCube, ZarrError},
};

/// Where the full resolution of a cube is.
const FINEST: &str = "0";

/// What is in a group.
pub(super) enum Held {
    Other(Arc<External>),
    Cube(Box<(Dataset, Contents)>),
}

impl Held {
    pub(super) async fn of(state: &AppState, about: &About) -> Result<Self, ApiError> {
        match &about.served {
            Served::External(entry) => Ok(Self::Other(entry.source().current().await)),
            Served::Cube(name) => {
                let stored = state.tiles.catalog().get(name)?.current().await;
                let found = of_cube(&stored).await?;
                Ok(Self::Cube(Box::new(found)))
            }
        }
    }

    pub(super) fn dataset(&self) -> &Dataset {
        match self {
            Self::Other(external) => &external.dataset,
            Self::Cube(held) => &held.0,
        }
    }

    pub(super) fn contents(&self) -> &Contents {
        match self {
            Self::Other(external) => &external.contents,
            Self::Cube(held) => &held.1,
        }
    }

    /// Why a variable has no place on the globe, if it has none.
    pub(super) fn misplaced(&self, variable: &Variable) -> Option<String> {
        match self {
            Self::Other(external) => external.placed(variable).err().map(|e| e.to_string()),
            Self::Cube(_) => None,
        }
    }
}

/// A cube as any reader of its documents sees it.
async fn of_cube(stored: &StoredCube) -> Result<(Dataset, Contents), ApiError> {
    let mut documents = Documents::default();
    let all = stored.snapshot.documents().await.map_err(ZarrError::from)?;
    let is_of_it = |path: &str| path.is_empty() || path.split('/').next() == Some(FINEST);
    let understood = (|| {
        for (path, text) in all.iter().filter(|(path, _)| is_of_it(path)) {
            let key = format!("{path}/zarr.json");
            documents.insert(key.trim_start_matches('/'), text)?;
        }
        let tree = documents.tree()?;
        let draft = Draft::new(&tree, FINEST)?;
        let coordinates = draft.coordinates()?.into_iter();
        let mut values: BTreeMap<String, Values> = coordinates
            .filter(|array| array.path.ends_with("time"))
            .map(|array| (array.path.clone(), days(stored.cube.times())))
            .collect();
        let dataset = draft.finish(&values)?;
        let contents = Contents::of(tree.group(&dataset.path), &mut values);
        Ok::<_, DatasetError>((dataset, contents))
    })();
    understood.map_err(|error| ApiError::from(&error))
}

/// The first days of time steps as a cube stores them, counted from 1970.
fn days(times: &TimeAxis) -> Values {
    let starts = times.starts().iter();
    let days = starts.map(|day| (*day - chrono::NaiveDate::default()).num_days());
    Values::Integers(days.collect())
}
