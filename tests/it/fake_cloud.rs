//! A folder served as buckets: each folder in it is one, as far as reading and
//! listing go in the protocols of S3, Google Cloud Storage and Azure, whose paths
//! are the same when each bucket is a part of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use cubetiler::{config::Config, storage::S3Config};
use tokio::net::TcpListener;

/// Entries of one page of a listing, few, so that there are more pages.
const PAGE: usize = 2;

/// Some time, which every object is from.
const MODIFIED: &str = "Mon, 01 Jan 2024 00:00:00 GMT";

/// Whose protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    S3,
    Google,
    Azure,
}

impl Cloud {
    pub(crate) const ALL: [Self; 3] = [Self::S3, Self::Google, Self::Azure];

    /// The address of what lies at a key of the bucket `maps`.
    pub(crate) fn address(self, key: &str) -> String {
        let scheme = match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        };
        format!("{scheme}://maps/{key}")
    }

    /// A configuration that finds public buckets at a server.
    pub(crate) fn config(self, server: &FakeCloud) -> Config {
        server.config_with(
            match self {
                Self::S3 => &[],
                Self::Google => &[("GOOGLE_SKIP_SIGNATURE", "true")],
                Self::Azure => &[("AZURE_SKIP_SIGNATURE", "true")],
            },
            true,
        )
    }
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// What a listing is of.
    pub(crate) listed: Option<String>,
    pub(crate) authorization: String,
    pub(crate) status: u16,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    is_failing: AtomicBool,
    hides_what_is_missing: AtomicBool,
    log: Mutex<Vec<Asked>>,
}

/// The server.
#[derive(Debug)]
pub(crate) struct FakeCloud {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

impl FakeCloud {
    pub(crate) async fn of(folder: &Path) -> Self {
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            is_failing: AtomicBool::new(false),
            hides_what_is_missing: AtomicBool::new(false),
            log: Mutex::default(),
        });
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    /// A configuration with these variables in the environment.
    pub(crate) fn config_with(&self, variables: &[(&str, &str)], anonymous: bool) -> Config {
        let url = self.url.as_str();
        let mut config = Config::default();
        let places = [
            ("GOOGLE_BASE_URL", url),
            ("AZURE_STORAGE_ENDPOINT", url),
            ("AZURE_STORAGE_ACCOUNT_NAME", "acme"),
        ];
        config.buckets = places
            .iter()
            .chain(variables)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        config.s3 = S3Config {
            region: "eu-central-1".to_owned(),
            endpoint: url.to_owned(),
            anonymous,
        };
        config
    }

    /// Makes every answer be 503.
    pub(crate) fn fail(&self) {
        self.shared.is_failing.store(true, Ordering::SeqCst);
    }

    /// Answers as S3 does to those who may read but not list: what is missing is
    /// forbidden, and so is listing.
    pub(crate) fn hide_what_is_missing(&self) {
        self.shared
            .hides_what_is_missing
            .store(true, Ordering::SeqCst);
    }

    /// What was asked since this was called before.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.log.lock().unwrap())
    }
}

type Parameters = HashMap<String, String>;

async fn answer(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    let path = percent_decoded(request.uri().path());
    let is_list = parameters.contains_key("list-type") || parameters.contains_key("comp");
    let response = if shared.is_failing.load(Ordering::SeqCst) {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    } else if is_list {
        list(&shared, path.trim_matches('/'), &parameters)
    } else {
        object(
            &shared,
            path.trim_matches('/'),
            request.method(),
            request.headers(),
        )
    };
    let authorization = request.headers().get("authorization");
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let prefix = parameters.get("prefix").cloned().unwrap_or_default();
    shared.log.lock().unwrap().push(Asked {
        path,
        listed: is_list.then_some(prefix),
        authorization: authorization.unwrap_or_default().to_owned(),
        status: response.status().as_u16(),
    });
    response
}

fn percent_decoded(path: &str) -> String {
    let query = format!("path={}", path.replace('+', "%2B"));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.next().unwrap().1.into_owned()
}

fn refused(shared: &Shared, bucket: &str) -> Response {
    let (status, code) = if shared.hides_what_is_missing.load(Ordering::SeqCst) {
        (StatusCode::FORBIDDEN, "AccessDenied")
    } else if shared.folder.join(bucket).is_dir() {
        (StatusCode::NOT_FOUND, "NoSuchKey")
    } else {
        (StatusCode::NOT_FOUND, "NoSuchBucket")
    };
    (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
}

fn object(shared: &Shared, path: &str, method: &Method, headers: &HeaderMap) -> Response {
    let bucket = path.split('/').next().unwrap_or_default();
    let file = shared.folder.join(path);
    let Some(bytes) = file.is_file().then(|| fs::read(file).unwrap()) else {
        return refused(shared, bucket);
    };
    let e_tag = e_tag(&bytes);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let builder = Response::builder()
        .header("etag", &e_tag)
        .header("last-modified", MODIFIED);
    if header("if-none-match") == Some(&e_tag) {
        let builder = builder.status(StatusCode::NOT_MODIFIED);
        return builder.body(Body::empty()).unwrap();
    }
    let size = bytes.len();
    let (builder, bytes) = match header("range") {
        None => (builder, bytes),
        Some(range) => {
            let (first, last) = range
                .strip_prefix("bytes=")
                .unwrap()
                .split_once('-')
                .unwrap();
            let (first, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
                (Ok(first), Ok(last)) => (first, (last + 1).min(size)),
                (Ok(first), Err(_open)) => (first, size),
                (Err(_suffix), last) => (size - last.unwrap().min(size), size),
            };
            let told = format!("bytes {first}-{}/{size}", end - 1);
            let builder = builder.status(StatusCode::PARTIAL_CONTENT);
            (
                builder.header("content-range", told),
                bytes[first..end].to_vec(),
            )
        }
    };
    let builder = builder.header("content-length", bytes.len());
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(bytes)
    };
    builder.body(body).unwrap()
}

fn e_tag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:x}\"", hasher.finish())
}

/// What lies directly below a prefix, a page of it, in the XML of the protocol.
fn list(shared: &Shared, bucket: &str, parameters: &Parameters) -> Response {
    let is_azure = parameters.contains_key("comp");
    let root = shared.folder.join(bucket);
    if !root.is_dir() || shared.hides_what_is_missing.load(Ordering::SeqCst) {
        return refused(shared, bucket);
    }
    let prefix = parameters.get("prefix").map_or("", String::as_str);
    let delimiter = parameters.get("delimiter").map_or("", String::as_str);
    let mut folders = BTreeSet::new();
    let mut objects = BTreeMap::new();
    for key in keys(&root) {
        let Some(rest) = key.strip_prefix(prefix) else {
            continue;
        };
        let folder = rest.split_once(delimiter).filter(|_| !delimiter.is_empty());
        if let Some((folder, _)) = folder {
            folders.insert(format!("{prefix}{folder}/"));
        } else {
            let bytes = fs::read(root.join(&key)).unwrap();
            objects.insert(key, (bytes.len(), e_tag(&bytes)));
        }
    }
    let folder = |name: &String| {
        if is_azure {
            format!("<BlobPrefix><Name>{name}</Name></BlobPrefix>")
        } else {
            format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>")
        }
    };
    let object = |(key, (size, e_tag)): (&String, &(usize, String))| {
        if is_azure {
            format!(
                "<Blob><Name>{key}</Name><Properties><Last-Modified>{MODIFIED}</Last-Modified>\
                 <Content-Length>{size}</Content-Length><Content-Type>application/octet-stream\
                 </Content-Type><Etag>{e_tag}</Etag></Properties></Blob>"
            )
        } else {
            format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>{e_tag}</ETag>\
                 <LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
            )
        }
    };
    let all: Vec<String> = folders
        .iter()
        .map(folder)
        .chain(objects.iter().map(object))
        .collect();
    let token = if is_azure {
        "marker"
    } else {
        "continuation-token"
    };
    let first: usize = parameters
        .get(token)
        .map_or(0, |token| token.parse().unwrap());
    let end = (first + PAGE).min(all.len());
    let page = all[first..end].concat();
    let next = if end < all.len() {
        end.to_string()
    } else {
        String::new()
    };
    let xml = if is_azure {
        format!(
            "<EnumerationResults><Prefix>{prefix}</Prefix><Blobs>{page}</Blobs>\
             <NextMarker>{next}</NextMarker></EnumerationResults>"
        )
    } else {
        let next = if next.is_empty() {
            next
        } else {
            format!("<NextContinuationToken>{next}</NextContinuationToken>")
        };
        format!("<ListBucketResult>{page}{next}</ListBucketResult>")
    };
    ([("content-type", "application/xml")], xml).into_response()
}

/// The keys of all files below a folder.
fn keys(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let key = path.strip_prefix(root).unwrap();
                found.push(key.to_str().unwrap().to_owned());
            }
        }
    }
    found
}
