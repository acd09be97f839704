//! What the server answers to what it cannot do.

use cubetiler::http::Access;
use serde_json::{Value, json};

use crate::fixture::{Local, Server};

const TILES: &str = "/cubes/formula/tiles/WebMercatorQuad";

async fn server(access: Access, root_path: &str) -> (Local, Server) {
    let local = Local::new();
    let store = local.create("cube");
    let server = Server::start(store.into(), access, root_path).await;
    (local, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_answered_with_what_would_be_right() {
    let (_local, server) = server(Access::Off, "").await;
    let tile = format!("{TILES}/10/529/375");
    let cases = [
        ("/cubes/formla".to_owned(), 404, "did you mean `formula`?"),
        ("/cubes/formla/10/529/375.png".to_owned(), 404, "formla"),
        (format!("{tile}.png?variable=rad"), 400, "red, green, count"),
        (format!("{tile}.png?sel=time=2023-07-01"), 400, "2023-08-01"),
        (format!("{tile}.png?sel=time=soon"), 400, "2023-08-01"),
        (format!("{tile}.gif"), 400, "png"),
        (format!("{tile}@9x.png"), 400, "@4x"),
        (format!("{TILES}/25/0/0.png"), 404, "24"),
        (format!("{TILES}/3/8/0.png"), 404, "this zoom has 8 columns"),
        (format!("{TILES}/3/x/0.png"), 400, "x"),
        (format!("{TILES}/10/0/0.png"), 404, "outside"),
        (format!("{tile}.png?rescale=9,1"), 400, "min < max"),
        (
            format!("{tile}.png?varable=red"),
            400,
            "did you mean `variable`?",
        ),
        (format!("{tile}.png?colormap_name=viridus"), 400, "viridis"),
        (
            format!("{tile}.png?variable=red&variable=green"),
            400,
            "of three",
        ),
        (format!("{tile}.png?tilesize=20000"), 413, "1024"),
        (format!("{tile}.png?tilesize=0"), 400, "1024"),
        (
            "/cubes/formula/tiles/Mars/1/1/1.png".to_owned(),
            400,
            "WebMercatorQuad",
        ),
        ("/admin/jobs/1".to_owned(), 403, "CUBETILER_ADMIN_TOKEN"),
        ("/nowhere".to_owned(), 404, "/nowhere"),
    ];
    for (path, status, part) in cases {
        let answer = server.get(&path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{path}"
        );
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        assert!(
            answer.headers().contains_key("access-control-allow-origin"),
            "{path}"
        );
        let problem: Value = answer.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{path}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_wants_its_token_and_a_request_that_means_something() {
    let (_local, server) = server(Access::Token("secret".to_owned()), "").await;
    let url = format!("{}/admin/cubes/formula/backfill", server.url);
    let post = |token: Option<&'static str>, body: Value| {
        let request = server.client.post(&url).json(&body);
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
        .send()
    };
    assert_eq!(post(None, json!({})).await.unwrap().status(), 401);
    assert_eq!(post(Some("wrong"), json!({})).await.unwrap().status(), 401);
    let cases = [
        (json!({"bbox": [6, 43, 5, 44]}), "west < east"),
        (json!({"bbox": [50, 43, 51, 44]}), "does not touch"),
        (json!({"datetime": "yesterday"}), "2023-08-01/2023-08-31"),
        (json!({"datetime": "1999-01-01"}), "2023-08-01"),
        (json!({"bobx": [6, 43, 7, 44]}), "did you mean `bbox`?"),
    ];
    for (body, part) in cases {
        let answer = post(Some("secret"), body.clone()).await.unwrap();
        assert_eq!(answer.status(), 422, "{body}");
        let problem: Value = answer.json().await.unwrap();
        assert!(
            problem["detail"].as_str().unwrap().contains(part),
            "{problem}"
        );
    }
    let plan = post(Some("secret"), json!({"dry_run": true}))
        .await
        .unwrap();
    assert_eq!(plan.status(), 200);
    let plan: Value = plan.json().await.unwrap();
    assert_eq!((&plan["build"], &plan["done"]), (&json!(4), &json!(0)));
    let job = server
        .client
        .get(format!("{}/admin/jobs/1", server.url))
        .bearer_auth("secret");
    assert_eq!(job.send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_offered_under_a_path_prefix_and_links_carry_it() {
    let (_local, server) = server(Access::Off, "/maps").await;
    for path in [
        "/",
        "/static/viewer.js",
        "/static/leaflet/leaflet.js",
        "/docs/",
        "/openapi.json",
        "/healthz",
        "/metrics",
    ] {
        for prefix in ["", "/maps"] {
            let answer = server.get(&format!("{prefix}{path}")).await;
            assert_eq!(answer.status(), 200, "{prefix}{path}");
        }
    }
    let document: Value = server
        .get("/maps/cubes/formula/WebMercatorQuad/tilejson.json?variable=red")
        .await
        .json()
        .await
        .unwrap();
    let template = document["tiles"][0].as_str().unwrap();
    assert!(
        template.starts_with(&format!("{}/maps/cubes/formula/tiles/", server.url)),
        "{template}"
    );
    assert!(
        template.ends_with("{z}/{x}/{y}.png?variable=red"),
        "{template}"
    );
    let tile = template
        .replace("{z}", "10")
        .replace("{x}", "529")
        .replace("{y}", "375");
    assert_eq!(
        server.client.head(&tile).send().await.unwrap().status(),
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_documented() {
    let (_local, server) = server(Access::Off, "").await;
    let document: Value = server.get("/openapi.json").await.json().await.unwrap();
    let paths: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for path in [
        "/cubes",
        "/cubes/{cube}",
        "/cubes/{cube}/tiles/{tileMatrixSetId}/{z}/{x}/{y}",
        "/cubes/{cube}/{tileMatrixSetId}/tilejson.json",
        "/cubes/{cube}/{z}/{x}/{y}",
        "/cubes/{cube}/zarr/{key}",
        "/wmts",
        "/collections/{cube}/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
        "/stac/collections/{cube}",
        "/cubes/{cube}/preview",
        "/cubes/{cube}/bbox/{bounds}/{size}",
        "/cubes/{cube}/tiles",
        "/colorMaps/{colorMapId}",
        "/admin/cubes/{cube}/backfill",
        "/admin/cubes/{cube}/history",
        "/admin/cubes/{cube}/rollback",
        "/admin/jobs",
        "/admin/jobs/{id}",
        "/admin/jobs/{id}/retry",
        "/admin/jobs/{id}/events",
        "/healthz",
        "/metrics",
    ] {
        assert!(paths.contains(&path), "{path} of {paths:?}");
    }
}
