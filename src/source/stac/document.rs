//! What a STAC document is, and where it leads.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::source::SourceError;
use crate::storage::Location;

/// The parameter of a search that bounds its pages.
const LIMIT: &str = "limit";

/// Parameters by which servers in use tell after which item a page begins:
/// pgstac and stac-fastapi the first, stac-server the second.
const CURSORS: [&str; 2] = ["token", "next"];

/// A request for a document.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) location: Location,
    pub(super) method: Method,
    pub(super) body: Option<Map<String, Value>>,
    pub(super) headers: Map<String, Value>,
}

impl Request {
    pub(super) fn get(location: Location) -> Self {
        Self {
            location,
            method: Method::GET,
            body: None,
            headers: Map::new(),
        }
    }

    /// How many items a page of it has at most, if it says so.
    pub(super) fn page_size(&self) -> Option<u32> {
        let in_body = self
            .body
            .as_ref()
            .and_then(|body| body.get(LIMIT)?.as_u64());
        let limit = in_body.or_else(|| self.query(LIMIT)?.parse().ok())?;
        u32::try_from(limit).ok()
    }

    /// Whether it goes on after an item rather than from a numbered page: the
    /// pages after it may then be of any size and still hold the same items.
    pub(super) fn has_cursor(&self) -> bool {
        CURSORS.iter().any(|key| {
            self.body
                .as_ref()
                .is_some_and(|body| body.contains_key(*key))
                || self.query(key).is_some()
        })
    }

    /// The same in pages of another size, wherever it states theirs.
    pub(super) fn with_page_size(&self, size: u32) -> Self {
        let mut resized = self.clone();
        if let Some(limit) = resized.body.as_mut().and_then(|body| body.get_mut(LIMIT)) {
            *limit = json!(size);
        }
        if let Location::Http(url) = &mut resized.location
            && let Some(query) = url.query()
        {
            // By hand, so that a token stays in the characters that it came in.
            let parts: Vec<String> = query
                .split('&')
                .map(|part| match part.split_once('=') {
                    Some((LIMIT, _)) => format!("{LIMIT}={size}"),
                    Some(_) | None => part.to_owned(),
                })
                .collect();
            url.set_query(Some(&parts.join("&")));
        }
        resized
    }

    fn query(&self, key: &str) -> Option<String> {
        match &self.location {
            Location::Local(_) | Location::Bucket(_) => None,
            Location::Http(url) => url
                .query_pairs()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.into_owned()),
        }
    }

    /// Tells requests apart without keeping their bodies.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.location.hash(&mut hasher);
        self.method.hash(&mut hasher);
        // Maps of serde_json are sorted by key, so equal ones have equal texts.
        json!([self.body, self.headers])
            .to_string()
            .hash(&mut hasher);
        hasher.finish()
    }
}

/// What a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Items,
    Item,
    /// An API, with the address of its item search.
    Api(Location),
    /// A static Catalog or Collection.
    Static,
}

pub(super) fn kind(
    document: &Map<String, Value>,
    location: &Location,
) -> Result<Kind, SourceError> {
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    match text("type") {
        Some("FeatureCollection") => return Ok(Kind::Items),
        Some("Feature") => return Ok(Kind::Item),
        Some(_) | None => {}
    }
    if let Some(href) = href_of(document, "search") {
        return join(location, href, "the `search` link").map(Kind::Api);
    }
    let searchable = document
        .get("conformsTo")
        .and_then(Value::as_array)
        .is_some_and(|classes| {
            classes
                .iter()
                .filter_map(Value::as_str)
                .any(|class| class.contains("item-search"))
        });
    if searchable {
        return Ok(Kind::Api(location.child("search")));
    }
    if text("stac_version").is_some() || matches!(text("type"), Some("Catalog" | "Collection")) {
        return Ok(Kind::Static);
    }
    Err(SourceError::Document {
        location: location.to_string(),
        reason: "is not a STAC document: neither a catalogue nor items".to_owned(),
    })
}

pub(super) fn objects(values: Vec<Value>) -> impl Iterator<Item = Map<String, Value>> {
    values.into_iter().map(|value| match value {
        Value::Object(object) => object,
        // Refused as an item, with a message, for it has no id.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    })
}

fn links_of(document: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    document
        .get("links")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

fn href_of<'a>(document: &'a Map<String, Value>, rel: &str) -> Option<&'a str> {
    links_of(document)
        .find(|link| link.get("rel").and_then(Value::as_str) == Some(rel))
        .and_then(|link| link.get("href")?.as_str())
}

fn join(base: &Location, href: &str, what: &str) -> Result<Location, SourceError> {
    base.join(href).map_err(|source| SourceError::Location {
        what: format!("{what} of {base}"),
        source,
    })
}

/// Where a static catalogue goes on.
pub(super) fn links(
    document: &Map<String, Value>,
    location: &Location,
) -> Result<Vec<Location>, SourceError> {
    links_of(document)
        .filter(|link| {
            matches!(
                link.get("rel").and_then(Value::as_str),
                Some("child" | "item")
            )
        })
        .filter_map(|link| link.get("href")?.as_str())
        .map(|href| join(location, href, "a link"))
        .collect()
}

/// The request for the page after this one (STAC API, paging).
pub(super) fn next(
    page: &Map<String, Value>,
    current: &Request,
) -> Result<Option<Request>, SourceError> {
    let Some(link) =
        links_of(page).find(|link| link.get("rel").and_then(Value::as_str) == Some("next"))
    else {
        return Ok(None);
    };
    let malformed = |reason: &str| SourceError::Document {
        location: current.location.to_string(),
        reason: format!("has a `next` link {reason}"),
    };
    let href = link
        .get("href")
        .and_then(Value::as_str)
        .ok_or_else(|| malformed("without `href`"))?;
    let method = match link.get("method").and_then(Value::as_str) {
        None => Method::GET,
        Some(method) if method.eq_ignore_ascii_case("GET") => Method::GET,
        Some(method) if method.eq_ignore_ascii_case("POST") => Method::POST,
        Some(other) => return Err(malformed(&format!("with the method {other}"))),
    };
    let part = |key: &str| link.get(key).and_then(Value::as_object).cloned();
    let (mut body, mut headers) = (part("body"), part("headers").unwrap_or_default());
    if link.get("merge").and_then(Value::as_bool) == Some(true) {
        body = Some(merged(current.body.as_ref(), body));
        headers = merged(Some(&current.headers), Some(headers));
    }
    Ok(Some(Request {
        location: join(&current.location, href, "the `next` link")?,
        body: body.filter(|_| method == Method::POST),
        method,
        headers,
    }))
}

/// The former fields, replaced by the new ones.
fn merged(
    former: Option<&Map<String, Value>>,
    new: Option<Map<String, Value>>,
) -> Map<String, Value> {
    let mut merged = former.cloned().unwrap_or_default();
    merged.extend(new.unwrap_or_default());
    merged
}
