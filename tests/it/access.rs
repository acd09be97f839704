//! Who may do what, over HTTP.

use std::fs;

use cubetiler::{
    config::{Config, Scope, TokenConfig, TokenHash},
    http::Access,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::fixture::{Local, Server};

/// May do everything; the others may do something to `alps`.
const ROOT: &str = "of the environment";
const READER: &str = "of a reader";
const FILLER: &str = "of a filler";
const ADMIN: &str = "of an admin";

/// Two empty cubes and their server.
struct Site {
    local: Local,
    server: Server,
}

impl Site {
    async fn new(protect_reading: bool) -> Self {
        let local = Local::new();
        let mut config = Config::default();
        for name in ["alps", "coast"] {
            let store = local.create(name);
            config.cubes.insert(name.to_owned(), store.into());
        }
        for (name, token, scope) in [
            ("reader", READER, Scope::Read),
            ("filler", FILLER, Scope::Fill),
            ("boss", ADMIN, Scope::Admin),
        ] {
            let told = TokenConfig {
                hash: TokenHash::of(token),
                scopes: vec![scope],
                cubes: Some(vec!["alps".to_owned()]),
            };
            config.tokens.insert(name.to_owned(), told);
        }
        config.server.protect_reading = protect_reading;
        config.server.state_dir = local.path("state").into();
        let server = Server::of(&config, Access::Token(ROOT.to_owned())).await;
        Self { local, server }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server.url);
        self.server.client.request(method, url)
    }

    async fn get(&self, path: &str, token: &str) -> Response {
        let request = self.request(Method::GET, path).bearer_auth(token);
        request.send().await.unwrap()
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Response {
        let request = self.request(Method::POST, path).bearer_auth(token);
        request.json(&body).send().await.unwrap()
    }

    /// Has a chunk of a cube filled, by who may do everything.
    async fn job_of(&self, cube: &str) -> String {
        let path = format!("/admin/cubes/{cube}/backfill");
        let job = self.post(&path, ROOT, json!({"chunks": [[0, 0, 0]]})).await;
        assert_eq!(job.status(), StatusCode::ACCEPTED);
        told(job).await["id"].as_str().unwrap().to_owned()
    }
}

async fn told(answer: Response) -> Value {
    answer.json().await.unwrap()
}

async fn detail(answer: Response) -> String {
    told(answer).await["detail"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scope_opens_what_it_includes_and_a_refusal_names_the_one_that_is_needed() {
    let site = Site::new(true).await;
    let routes = [
        (Method::GET, "/cubes/alps", "read"),
        (Method::GET, "/cubes/alps/0/0/0.png", "read"),
        (Method::GET, "/cubes/alps/preview.png", "read"),
        (Method::GET, "/cubes/alps/info", "read"),
        (Method::POST, "/admin/cubes/alps/backfill", "fill"),
        (Method::GET, "/admin/jobs", "fill"),
        (Method::GET, "/admin/cubes/alps/history", "admin"),
        (Method::POST, "/admin/cubes/alps/gc", "admin"),
    ];
    for (token, may) in [
        (None, &[][..]),
        (Some(READER), &["read"]),
        (Some(FILLER), &["read", "fill"]),
        (Some(ADMIN), &["read", "fill", "admin"]),
        (Some(ROOT), &["read", "fill", "admin"]),
    ] {
        for (method, path, scope) in &routes {
            let mut request = site.request(method.clone(), path);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if method == Method::POST {
                request = request.json(&json!({"dry_run": true}));
            }
            let answer = request.send().await.unwrap();
            let expected = match token {
                _ if may.contains(scope) => 200,
                Some(_) => 403,
                None => 401,
            };
            assert_eq!(answer.status(), expected, "{token:?} {path}");
            if expected == 401 {
                assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Bearer");
            }
            if expected == 403 {
                let detail = detail(answer).await;
                assert!(detail.contains(&format!("needs `{scope}`")), "{detail}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_cube_touches_no_other_and_learns_nothing_of_its_jobs() {
    let site = Site::new(true).await;
    let (own, other) = (site.job_of("alps").await, site.job_of("coast").await);

    let listed = told(site.get("/cubes", READER).await).await;
    assert_eq!(listed["reading"], "token");
    let names: Vec<&Value> = (listed["cubes"].as_array().unwrap().iter())
        .map(|cube| &cube["id"])
        .collect();
    assert_eq!(names, ["alps"]);
    let all = told(site.get("/cubes", ROOT).await).await;
    assert_eq!(all["cubes"].as_array().unwrap().len(), 2);

    for path in [
        "/cubes/coast",
        "/cubes/coast/0/0/0.png",
        "/cubes/coast/coverage",
        "/cubes/c%6Fast/WebMercatorQuad/tilejson.json",
        // Nobody learns by it what there is.
        "/cubes/nowhere",
    ] {
        let answer = site.get(path, READER).await;
        assert_eq!(answer.status(), 403, "{path}");
        let detail = detail(answer).await;
        assert!(detail.contains("`reader` is for alps"), "{detail}");
    }
    for (path, token) in [
        ("/admin/cubes/coast/backfill", FILLER),
        ("/admin/cubes/coast/rollback", ADMIN),
    ] {
        let body = json!({"revision": "1", "dry_run": true});
        assert_eq!(site.post(path, token, body).await.status(), 403, "{path}");
    }

    let new = json!({"name": "dunes", "recipe": {}});
    let refused = site.post("/admin/cubes", ADMIN, new).await;
    assert_eq!(refused.status(), 403);
    let said = detail(refused).await;
    assert!(said.contains("needs one for `dunes`"), "{said}");

    let jobs = told(site.get("/admin/jobs", FILLER).await).await;
    assert_eq!(
        (&jobs["count"], &jobs["jobs"][0]["id"]),
        (&json!(1), &json!(own))
    );
    let jobs = told(site.get("/admin/jobs", ROOT).await).await;
    assert_eq!(jobs["count"], 2);
    let refused = site.get("/admin/jobs?cube=coast", FILLER).await;
    assert_eq!(refused.status(), 403);
    for (method, end) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::POST, "/retry"),
        (Method::GET, "/events"),
        (Method::GET, "/timeline.svg"),
    ] {
        let path = format!("/admin/jobs/{other}{end}");
        let request = site.request(method.clone(), &path).bearer_auth(FILLER);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 404, "{method} {path}");
        let none = path.replace(&other, "6f6e6f6e-0000-4000-8000-000000000000");
        let request = site.request(method, &none).bearer_auth(FILLER);
        let nothing = detail(request.send().await.unwrap()).await;
        let same = nothing.replace("6f6e6f6e-0000-4000-8000-000000000000", &other);
        assert_eq!(detail(answer).await, same, "as if there were none");
    }
    let path = format!("/admin/jobs/{own}");
    assert_eq!(site.get(&path, FILLER).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_reading_is_protected_a_token_comes_in_a_header_as_a_password_or_in_the_address() {
    let site = Site::new(true).await;
    let tile = "/cubes/alps/0/0/0.png?variable=red";
    let send = async |request: RequestBuilder| request.send().await.unwrap();

    let challenges = |answer: &Response| {
        let all = answer.headers().get_all(header::WWW_AUTHENTICATE);
        let all: Vec<&str> = all.iter().map(|value| value.to_str().unwrap()).collect();
        all.join("; ")
    };
    let nobody = send(site.request(Method::GET, tile)).await;
    assert_eq!(nobody.status(), 401);
    assert!(challenges(&nobody).contains("Basic realm"));
    let page = site.request(Method::GET, tile).header("referer", "/");
    let page = send(page).await;
    assert_eq!(
        (page.status().as_u16(), &*challenges(&page)),
        (401, "Bearer")
    );

    let get = || site.request(Method::GET, tile);
    let with_token = |path: &str| format!("{path}&access_token=of+a+reader");
    for request in [
        get().bearer_auth(READER),
        get().basic_auth("anybody", Some(READER)),
        site.request(Method::GET, &with_token(tile)),
        site.request(Method::HEAD, &with_token(tile)),
    ] {
        assert_eq!(send(request).await.status(), 200);
    }
    let wrong = site.request(Method::GET, &format!("{tile}&access_token=wrong"));
    assert_eq!(send(wrong).await.status(), 401);

    // What is seen so is nobody else's to keep.
    let document = site.get("/cubes/alps", READER).await;
    assert_eq!(document.headers()[header::CACHE_CONTROL], "private");
    let varies = document.headers().get_all(header::VARY);
    assert!(varies.iter().any(|value| value == "authorization"));

    // It is in no message and in no link but those of a request that had it.
    let typo = with_token("/cubes/alps/0/0/0.png?varable=red");
    let detail = detail(send(site.request(Method::GET, &typo)).await).await;
    assert!(
        detail.contains("`varable`") && !detail.contains("reader"),
        "{detail}"
    );
    let tilejson = "/cubes/alps/WebMercatorQuad/tilejson.json?variable=red";
    let template = async |request: RequestBuilder| {
        told(send(request).await).await["tiles"][0]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let asked = |path: &str| site.request(Method::GET, path);
    let plain = template(asked(tilejson).bearer_auth(READER)).await;
    assert!(plain.ends_with(".png?variable=red"), "{plain}");
    let carried = template(asked(&with_token(tilejson))).await;
    assert!(
        carried.ends_with(".png?variable=red&access_token=of+a+reader"),
        "{carried}"
    );
    let address = ["z", "x", "y"].iter().fold(carried, |address, axis| {
        address.replace(&format!("{{{axis}}}"), "0")
    });
    assert_eq!(send(site.server.client.get(address)).await.status(), 200);

    // A page of another server may send it.
    let preflight = site
        .request(Method::OPTIONS, tile)
        .header(header::ORIGIN, "https://example.org")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization");
    let allowed = send(preflight).await;
    let allowed = &allowed.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS];
    assert!(
        allowed.to_str().unwrap().contains("authorization"),
        "{allowed:?}"
    );

    // The admin API takes a header and nothing else.
    let jobs = |query: &str| site.request(Method::GET, &format!("/admin/jobs{query}"));
    for request in [
        jobs("?access_token=of+the+environment"),
        jobs("").basic_auth("anybody", Some(ROOT)),
    ] {
        assert_eq!(send(request).await.status(), 401);
    }
    for path in [
        "/",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/docs/",
        "/static/viewer.js",
    ] {
        assert_eq!(site.server.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_many_wrong_tokens_is_told_to_wait_and_reads_what_everybody_may() {
    let site = Site::new(false).await;
    // What everybody may read is nothing to guess: a page of somebody else could do
    // this with its readers.
    for n in 0..20 {
        let path = format!("/cubes?access_token=guess{n}");
        assert_eq!(site.server.get(&path).await.status(), 200);
    }
    assert_eq!(site.get("/admin/jobs", ROOT).await.status(), 200);
    for n in 0..10 {
        let answer = site.get("/admin/jobs", &format!("guess {n}")).await;
        assert_eq!(answer.status(), 401);
    }
    for token in ["guess 10", ROOT] {
        let answer = site.get("/admin/jobs", token).await;
        assert_eq!(
            answer.status(),
            429,
            "a right token is not told from a wrong one"
        );
        let wait: u32 = answer.headers()[header::RETRY_AFTER]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    // Nobody guesses 256 random bits.
    assert_eq!(site.get("/admin/jobs", FILLER).await.status(), 200);
    let listing = site.get("/cubes", ROOT).await;
    assert_eq!(listing.status(), 200);
    let listing = told(listing).await;
    assert_eq!(
        (&listing["admin"], &listing["reading"]),
        (&json!("token"), &json!("open"))
    );
    assert_eq!(
        site.get("/cubes/coast/0/0/0.png", READER).await.status(),
        200
    );
    let nobody = site
        .request(Method::GET, "/admin/jobs")
        .send()
        .await
        .unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_or_refused_is_a_line_of_the_audit_log_and_what_is_asked_is_none() {
    let site = Site::new(false).await;
    let backfill = "/admin/cubes/alps/backfill";
    let asked = site.post(backfill, FILLER, json!({"dry_run": true})).await;
    assert_eq!(asked.status(), 200);
    // One that makes no plan.
    let asked = json!({"dry_run": true, "bbox": [50, 1, 51, 2]});
    assert_eq!(site.post(backfill, FILLER, asked).await.status(), 422);
    assert_eq!(site.get("/admin/jobs", FILLER).await.status(), 200);
    assert_eq!(site.post(backfill, "wrong", json!({})).await.status(), 401);

    let refused = site.post(backfill, READER, json!({})).await;
    assert_eq!(refused.status(), 403);
    let begun = site.post(backfill, FILLER, json!({})).await;
    let id = told(begun).await["id"].as_str().unwrap().to_owned();
    let path = format!("/admin/jobs/{id}");
    let request = site.request(Method::DELETE, &path).bearer_auth(ADMIN);
    let cancelled = request.send().await.unwrap().status().as_u16();
    let rollback = "/admin/cubes/alps/rollback";
    let refused = site.post(rollback, FILLER, json!({"revision": "1"})).await;
    assert_eq!(refused.status(), 403);

    let text = fs::read_to_string(site.local.path("state/audit.jsonl")).unwrap();
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &mut lines {
        let time = line.as_object_mut().unwrap().remove("time").unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap()).is_ok());
        assert_eq!(line["address"], "127.0.0.1");
        line.as_object_mut().unwrap().remove("address");
    }
    let line = |token: &str, action: &str, job: Option<&str>, status: u16| json!({"token": token, "action": action, "cube": "alps", "job": job, "status": status});
    let expected = [
        line("reader", "backfill", None, 403),
        line("filler", "backfill", Some(&id), 202),
        line("boss", "cancel", Some(&id), cancelled),
        line("filler", "rollback", None, 403),
    ];
    assert_eq!(lines, expected);
}
