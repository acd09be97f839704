//! Items of a STAC catalogue of any kind: an API, an `ItemCollection`, or a
//! static Catalog or Collection. Servers are not trusted to filter rightly or
//! to come to an end: what they give is filtered again and bounded.
//! See <https://github.com/radiantearth/stac-spec> (1.0, 1.1) and
//! <https://github.com/radiantearth/stac-api-spec> (item search).

mod document;

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt};
use reqwest::Method;
use serde_json::{Map, Value, json};

use self::document::{Kind, Request, kind, links, next, objects};
use super::footprint::footprint;
use super::query::Query;
use super::retry::{Exhausted, RetryPolicy};
use super::{SourceConfig, SourceError, Traffic};
use crate::compute::Compute;
use crate::grid::Bounds;
use crate::storage::{FetchError, Location, Storage};

/// What is looked for.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) collection: Option<String>,
    pub(super) query: Query,
    /// Longitude and latitude; none crosses the antimeridian.
    pub(super) boxes: Vec<Bounds>,
    pub(super) start: DateTime<Utc>,
    /// The first moment that is not looked for any more.
    pub(super) end: DateTime<Utc>,
}

/// The parts of an item that are used. This is read more leniently than by
/// the `stac` crate, which refuses an item for a field that is of no matter
/// here (a `nodata` of `"nan"`, say), and catalogues are full of such.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(default)]
    pub(super) collection: Option<String>,
    #[serde(default)]
    pub(super) bbox: Option<Vec<f64>>,
    #[serde(default)]
    pub(super) geometry: Option<Value>,
    #[serde(default)]
    pub(super) properties: Map<String, Value>,
    #[serde(default)]
    pub(super) assets: std::collections::BTreeMap<String, Asset>,
    /// The document it came with, which its relative addresses start from.
    #[serde(skip)]
    pub(super) document: Option<Location>,
}

/// An asset of an item.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Asset {
    pub(super) href: String,
    #[serde(flatten)]
    pub(super) fields: Map<String, Value>,
}

impl Item {
    /// When it was taken: its `datetime`, or the start of its interval.
    pub(super) fn datetime(&self) -> Option<DateTime<Utc>> {
        ["datetime", "start_datetime"].iter().find_map(|key| {
            let text = self.properties.get(*key)?.as_str()?;
            DateTime::parse_from_rfc3339(text)
                .map(|time| time.to_utc())
                .ok()
        })
    }
}

impl Search {
    fn matches(&self, item: &Item) -> bool {
        let of_collection = match (&self.collection, &item.collection) {
            (Some(wanted), Some(actual)) => wanted == actual,
            (None, _) | (_, None) => true,
        };
        let in_time = item
            .datetime()
            .is_some_and(|time| self.start <= time && time < self.end);
        of_collection
            && in_time
            && self.query.matches(&item.properties)
            && footprint(item.bbox.as_deref(), item.geometry.as_ref())
                .iter()
                .any(|part| self.boxes.iter().any(|bounds| bounds.overlaps(part)))
    }

    /// The body of a search request.
    fn body(&self, bounds: Bounds, page_size: u32) -> Map<String, Value> {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
        // The interval of a STAC API includes its end.
        let last = self.end - TimeDelta::milliseconds(1);
        let mut body = Map::new();
        if let Some(collection) = &self.collection {
            body.insert("collections".to_owned(), json!([collection]));
        }
        body.insert("bbox".to_owned(), json!(bounds.to_array()));
        body.insert(
            "datetime".to_owned(),
            json!(format!(
                "{}/{}",
                time(self.start),
                time(last.max(self.start))
            )),
        );
        body.insert("limit".to_owned(), json!(page_size));
        if let Some(query) = self.query.text() {
            body.insert("query".to_owned(), query.clone());
        }
        body
    }
}

/// The matching items found so far, each id once.
#[derive(Debug, Default)]
struct Found {
    items: Vec<Item>,
    ids: HashSet<String>,
}

/// The smallest page that is asked for instead of one that fails.
const SMALLEST_PAGE: u32 = 10;

/// The page size to go on with after a failure that a large page may be the
/// cause of: an API behind a gateway that bounds its answers (AWS Lambda: 6 MB)
/// fails with a generic 5xx for what is larger.
fn smaller_page(error: &SourceError, request: &Request) -> Option<u32> {
    let SourceError::Request {
        source: FetchError::Status(refusal),
        ..
    } = error
    else {
        return None;
    };
    let size = request.page_size()?;
    let may_help = refusal.status == 413 || refusal.status >= 500;
    (may_help && size > SMALLEST_PAGE).then(|| (size / 2).max(SMALLEST_PAGE))
}

/// A way to read catalogues.
#[derive(Clone, Copy, Debug)]
pub(super) struct Catalogue<'a> {
    pub(super) storage: &'a Storage,
    pub(super) config: &'a SourceConfig,
    pub(super) retry: RetryPolicy,
    pub(super) compute: &'a Compute,
    pub(super) traffic: &'a Traffic,
}

impl Catalogue<'_> {
    /// All items that match, in whatever order they come.
    pub(super) async fn items(
        &self,
        root: &Location,
        search: &Search,
    ) -> Result<Vec<Item>, SourceError> {
        let request = Request::get(root.clone());
        let document = self.fetch("the catalogue", &request).await?;
        let mut found = Found::default();
        match kind(&document, root)? {
            Kind::Items => {
                self.pages(request, Some(document), search, &mut found)
                    .await?;
            }
            Kind::Item => self.add([document], root, search, &mut found)?,
            Kind::Api(location) => {
                for bounds in &search.boxes {
                    let first = Request {
                        location: location.clone(),
                        method: Method::POST,
                        body: Some(search.body(*bounds, self.config.page_size)),
                        headers: Map::new(),
                    };
                    self.pages(first, None, search, &mut found).await?;
                }
            }
            Kind::Static => self.crawl(document, root, search, &mut found).await?,
        }
        Ok(found.items)
    }

    /// Follows the pages from `request` on, the first of which may be at hand.
    async fn pages(
        &self,
        mut request: Request,
        mut at_hand: Option<Map<String, Value>>,
        search: &Search,
        found: &mut Found,
    ) -> Result<(), SourceError> {
        let first = request.clone();
        let mut requests = HashSet::from([request.fingerprint()]);
        let mut ids = HashSet::new();
        for number in 1..=self.config.max_pages {
            let fetched = match at_hand.take() {
                Some(page) => Ok(page),
                None => self.fetch("page of a search of", &request).await,
            };
            let mut page = match fetched {
                Ok(page) => page,
                Err(error) => {
                    let Some(size) = smaller_page(&error, &request) else {
                        return Err(error);
                    };
                    tracing::warn!(%error, size, "a search goes on in smaller pages");
                    request = if request.has_cursor() {
                        request.with_page_size(size)
                    } else {
                        // From the beginning: what is known is not added twice.
                        requests.clear();
                        ids.clear();
                        first.with_page_size(size)
                    };
                    requests.insert(request.fingerprint());
                    continue;
                }
            };
            let Some(Value::Array(features)) = page.remove("features") else {
                return Err(SourceError::Document {
                    location: request.location.to_string(),
                    reason: "is not an ItemCollection: it has no `features`".to_owned(),
                });
            };
            let before = ids.len();
            let count = features.len();
            ids.extend(features.iter().filter_map(|feature| {
                let mut hasher = DefaultHasher::new();
                feature.get("id")?.as_str()?.hash(&mut hasher);
                Some(hasher.finish())
            }));
            let nothing_new = number > 1 && count > 0 && ids.len() == before;
            self.add(objects(features), &request.location, search, found)?;
            let Some(next) = next(&page, &request)? else {
                return Ok(());
            };
            let reason = if nothing_new {
                format!("page {number} repeats items and still has a `next` link")
            } else if !requests.insert(next.fingerprint()) {
                format!("the `next` link of page {number} leads to a page that was read")
            } else {
                request = next;
                continue;
            };
            return Err(SourceError::Paging {
                location: request.location.to_string(),
                reason,
            });
        }
        Err(SourceError::TooMany {
            location: request.location.to_string(),
            what: "pages",
            limit: self.config.max_pages,
            advice: "ask for a smaller area or period, or raise `max_pages` or `page_size`",
        })
    }

    /// Reads a static catalogue level by level, several documents at once.
    async fn crawl(
        &self,
        root: Map<String, Value>,
        location: &Location,
        search: &Search,
        found: &mut Found,
    ) -> Result<(), SourceError> {
        let mut seen = HashSet::from([location.clone()]);
        let mut level = links(&root, location)?;
        if level.is_empty() {
            return Err(SourceError::Document {
                location: location.to_string(),
                reason: "is neither a STAC API nor has it links to items or to other catalogues"
                    .to_owned(),
            });
        }
        for _ in 0..self.config.max_crawl_depth {
            level.retain(|next| seen.insert(next.clone()));
            if seen.len() > self.config.max_crawl_documents {
                return Err(SourceError::TooMany {
                    location: location.to_string(),
                    what: "documents",
                    limit: self.config.max_crawl_documents,
                    advice: "use an API or an ItemCollection, or raise `max_crawl_documents`",
                });
            }
            let mut documents = futures::stream::iter(std::mem::take(&mut level))
                .map(|next| async move {
                    let request = Request::get(next);
                    let document = self.fetch("document of the catalogue,", &request).await?;
                    Ok::<_, SourceError>((request.location, document))
                })
                .buffered(self.config.concurrency.max(1));
            while let Some((location, mut document)) = documents.try_next().await? {
                match kind(&document, &location)? {
                    Kind::Item => self.add([document], &location, search, found)?,
                    Kind::Items => {
                        if let Some(Value::Array(features)) = document.remove("features") {
                            self.add(objects(features), &location, search, found)?;
                        }
                    }
                    Kind::Static | Kind::Api(_) => level.extend(links(&document, &location)?),
                }
            }
            if level.is_empty() {
                return Ok(());
            }
        }
        Err(SourceError::TooMany {
            location: location.to_string(),
            what: "levels of catalogues",
            limit: self.config.max_crawl_depth,
            advice: "use a catalogue further down, or raise `max_crawl_depth`",
        })
    }

    /// Keeps those items that match and are not known yet.
    fn add(
        &self,
        items: impl IntoIterator<Item = Map<String, Value>>,
        location: &Location,
        search: &Search,
        found: &mut Found,
    ) -> Result<(), SourceError> {
        for object in items {
            let item: Item = serde_json::from_value(Value::Object(object)).map_err(|error| {
                SourceError::Document {
                    location: location.to_string(),
                    reason: format!("has an item that is not one of STAC: {error}"),
                }
            })?;
            if !search.matches(&item) || !found.ids.insert(item.id.clone()) {
                continue;
            }
            if found.items.len() == self.config.max_items {
                return Err(SourceError::TooMany {
                    location: location.to_string(),
                    what: "matching items",
                    limit: self.config.max_items,
                    advice: "ask for a smaller area or period, narrow the `query`, \
                             or raise `max_items`",
                });
            }
            found.items.push(Item {
                document: Some(location.clone()),
                ..item
            });
        }
        Ok(())
    }

    /// Reads a document with patience and within bounds.
    async fn fetch(
        &self,
        step: &'static str,
        request: &Request,
    ) -> Result<Map<String, Value>, SourceError> {
        let limit = self.config.max_document_bytes;
        let attempt = || async {
            self.traffic.asked();
            match &request.location {
                Location::Local(_) | Location::Bucket(_) => {
                    self.storage.object(&request.location)?.all(limit).await
                }
                Location::Http(url) => {
                    let mut http = self
                        .storage
                        .request(request.method.clone(), url.clone())
                        .header("accept", "application/geo+json, application/json");
                    for (name, value) in &request.headers {
                        if let Some(value) = value.as_str() {
                            http = http.header(name, value);
                        }
                    }
                    if let Some(body) = &request.body {
                        http = http.json(body);
                    }
                    self.storage.send(http, limit).await
                }
            }
        };
        let bytes = self
            .retry
            .run(attempt)
            .await
            .map_err(|Exhausted { attempts, error }| SourceError::Request {
                step,
                location: request.location.to_string(),
                attempts,
                source: error,
            })?;
        self.traffic.came(bytes.len());
        let parsed = self
            .compute
            .run(move || serde_json::from_slice::<Map<String, Value>>(&bytes))
            .await?;
        parsed.map_err(|error| SourceError::Document {
            location: request.location.to_string(),
            reason: format!("is not a JSON object: {error}"),
        })
    }
}

#[cfg(test)]
mod tests;
