use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;

use super::*;
use crate::source::testing::{Seen, Server, impatient, json as page, status};
use crate::source::{BandSpec, Scene, SceneSource, SourceSpec};

fn spec(stac: &str) -> SourceSpec {
    SourceSpec {
        stac: stac.to_owned(),
        collection: Some("sentinel-2-l2a".to_owned()),
        query: None,
        profile: None,
        bands: vec![BandSpec {
            name: "red".to_owned(),
            ..BandSpec::default()
        }],
        mask: None,
    }
}

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// Zagreb in August 2023.
const PLACE: Bounds = Bounds {
    west: 15.2,
    south: 45.2,
    east: 15.8,
    north: 45.8,
};

async fn search_in(
    spec: &SourceSpec,
    bounds: Bounds,
    config: SourceConfig,
) -> Result<Vec<Scene>, SourceError> {
    SceneSource::new(config, Compute::new(1))
        .unwrap()
        .of_catalogue(&spec.stac)
        .search(
            spec,
            bounds,
            time("2023-08-01T00:00:00Z"),
            time("2023-09-01T00:00:00Z"),
        )
        .await
}

async fn search(spec: &SourceSpec) -> Result<Vec<Scene>, SourceError> {
    search_in(spec, PLACE, impatient()).await
}

fn ids(scenes: &[Scene]) -> Vec<&str> {
    scenes.iter().map(|scene| scene.id.as_str()).collect()
}

fn item_with(id: &str, change: &Value) -> Value {
    let mut item = json!({
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": id,
        "collection": "sentinel-2-l2a",
        "geometry": null,
        "bbox": [15.0, 45.0, 16.4, 46.0],
        "properties": {"datetime": "2023-08-15T09:58:11Z", "eo:cloud_cover": 20},
        "assets": {"red": {"href": format!("{id}/B04.tif"), "nodata": "nan"}},
        "links": [],
    });
    let fields = item.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    item
}

fn item(id: &str) -> Value {
    item_with(id, &json!({}))
}

fn collection_of(items: &[Value], next: Option<Value>) -> Value {
    json!({
        "type": "FeatureCollection",
        "features": items,
        "links": next.into_iter().collect::<Vec<_>>(),
    })
}

/// An API whose search is answered by `answer`.
async fn api<F>(answer: F) -> Server
where
    F: Fn(&Seen) -> Response<Body> + Clone + Send + Sync + 'static,
{
    Server::start(move |request| match request.path.as_str() {
        "/" => page(&json!({
            "type": "Catalog", "stac_version": "1.0.0", "id": "api",
            "conformsTo": ["https://api.stacspec.org/v1.0.0/item-search"],
            "links": [{"rel": "search", "href": "./search", "method": "POST"}],
        })),
        _ => answer(request),
    })
    .await
}

#[tokio::test]
async fn a_search_asks_for_what_is_wanted_and_follows_pages_with_all_their_parts() {
    let server = api(|request| {
        let next = |link: Value| Some(link);
        match (request.path.as_str(), &request.body["token"]) {
            // The body is merged, a header is wished for.
            ("/search", Value::Null) => page(&collection_of(
                &[item("a"), item("b")],
                next(json!({
                    "rel": "next", "href": "/search", "method": "POST", "merge": true,
                    "body": {"token": "2"}, "headers": {"x-page": "two"},
                })),
            )),
            // The body is replaced, and so is the address.
            ("/search", token) if token == "2" => page(&collection_of(
                &[item("c")],
                next(json!({
                    "rel": "next", "href": "/more", "method": "POST", "body": {"token": "3"},
                })),
            )),
            ("/more", token) if token == "3" => page(&collection_of(
                &[item("d")],
                next(json!({"rel": "next", "href": "?page=4"})),
            )),
            ("/more?page=4", _) => page(&collection_of(&[item("e")], None)),
            _ => status(400),
        }
    })
    .await;
    let mut spec = spec(&server.url);
    spec.query = Some(json!({"eo:cloud_cover": {"lt": 60}}));
    let scenes = search(&spec).await.unwrap();
    assert_eq!(ids(&scenes), ["a", "b", "c", "d", "e"]);

    let seen = server.seen();
    let first = json!({
        "collections": ["sentinel-2-l2a"],
        "bbox": [15.2, 45.2, 15.8, 45.8],
        "datetime": "2023-08-01T00:00:00.000Z/2023-08-31T23:59:59.999Z",
        "limit": 100,
        "query": {"eo:cloud_cover": {"lt": 60}},
    });
    assert_eq!((&seen[1].method, &seen[1].body), (&Method::POST, &first));
    let mut second = first;
    second["token"] = json!("2");
    assert_eq!(seen[2].body, second);
    assert_eq!(seen[2].headers["x-page"], "two");
    assert_eq!(seen[3].body, json!({"token": "3"}));
    assert!(!seen[3].headers.contains_key("x-page"));
    assert_eq!(
        (&seen[4].method, &seen[4].body),
        (&Method::GET, &Value::Null)
    );
}

#[tokio::test]
async fn an_api_without_a_search_link_has_its_search_below_its_root() {
    let server = Server::start(|request| match request.path.as_str() {
        "/stac/v1" => page(&json!({
            "type": "Catalog", "stac_version": "1.1.0", "id": "api", "links": [],
            "conformsTo": ["https://api.stacspec.org/v1.0.0/item-search"],
        })),
        "/stac/v1/search" => page(&collection_of(&[item("a")], None)),
        _ => status(404),
    })
    .await;
    let scenes = search(&spec(&format!("{}/stac/v1", server.url)))
        .await
        .unwrap();
    assert_eq!(ids(&scenes), ["a"]);
    let base = &server.url;
    assert_eq!(
        scenes[0].bands[0].asset.to_string(),
        format!("{base}/stac/v1/a/B04.tif")
    );
}

#[tokio::test]
async fn what_a_server_gives_beyond_the_question_changes_nothing() {
    let server = api(|_| {
        let when =
            |datetime: &str| json!({"properties": {"datetime": datetime, "eo:cloud_cover": 5}});
        page(&collection_of(
            &[
                item_with("elsewhere", &json!({"bbox": [17.0, 45.0, 18.0, 46.0]})),
                item_with("before", &when("2023-07-31T23:59:59.999Z")),
                item_with("at the start", &when("2023-08-01T00:00:00Z")),
                item_with("at the end", &when("2023-09-01T00:00:00Z")),
                item_with("without time", &json!({"properties": {"datetime": null}})),
                item_with("other", &json!({"collection": "landsat-c2-l2"})),
                item_with(
                    "cloudy",
                    &json!({"properties":
                    {"datetime": "2023-08-15T00:00:00Z", "eo:cloud_cover": 90}}),
                ),
                item("good"),
                item("good"),
            ],
            None,
        ))
    })
    .await;
    let mut spec = spec(&server.url);
    spec.query = Some(json!({"eo:cloud_cover": {"lt": 60}}));
    assert_eq!(ids(&search(&spec).await.unwrap()), ["at the start", "good"]);
}

#[tokio::test]
async fn pages_that_overlap_give_each_item_once() {
    let server = api(|request| match request.body["token"].as_u64() {
        None => page(&collection_of(
            &[item("a"), item("b")],
            Some(json!({"rel": "next", "href": "/search", "method": "POST", "body": {"token": 2}})),
        )),
        Some(_) => page(&collection_of(&[item("b"), item("c")], None)),
    })
    .await;
    assert_eq!(
        ids(&search(&spec(&server.url)).await.unwrap()),
        ["a", "b", "c"]
    );
}

#[tokio::test]
async fn a_next_link_into_the_network_is_not_followed() {
    for (link, host) in [
        ("http://169.254.169.254/latest/", "169.254.169.254"),
        ("http://localhost:1/page", "localhost"),
    ] {
        let server = api(move |_| {
            page(&collection_of(
                &[item("one")],
                Some(json!({
                    "rel": "next", "href": link,
                })),
            ))
        })
        .await;
        let text = search(&spec(&server.url)).await.unwrap_err().to_string();
        assert!(
            text.contains(&format!("{host} has the address")) && text.contains("attempts: 1"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn what_a_search_asks_is_counted_for_its_own_source_and_no_other() {
    let server = api(|_| page(&collection_of(&[item("one")], None))).await;
    let source = SceneSource::new(impatient(), Compute::new(1)).unwrap();
    let counted = source.of_catalogue(&server.url);
    let (start, end) = (time("2023-08-01T00:00:00Z"), time("2023-09-01T00:00:00Z"));
    let found = counted.search(&spec(&server.url), PLACE, start, end).await;
    assert_eq!(ids(&found.unwrap()), ["one"]);
    assert_eq!(counted.traffic().requests(), server.seen().len() as u64);
    assert!(counted.traffic().bytes() > 0);
    assert_eq!(source.traffic().requests(), 0);
}

#[tokio::test]
async fn a_reprocessing_on_another_page_takes_the_place_of_the_first() {
    let processed = |id: &str, baseline: &str, strip: &str| {
        item_with(
            id,
            &json!({"properties": {
                "datetime": "2023-08-15T09:58:11Z",
                "grid:code": "MGRS-33TWL",
                "s2:datatake_id": format!("GS2A_20230815T095031_042547_N{baseline}"),
                "s2:datastrip_id": format!("S2A_OPER_MSI_L2A_DS_2APS_{strip}_N{baseline}"),
                "s2:processing_baseline": baseline,
            }}),
        )
    };
    let server = api(move |request| match request.body["token"].as_u64() {
        None => page(&collection_of(
            &[
                processed("first half", "05.09", "20230815T155057_S20230815T095630"),
                processed("second half", "05.09", "20230815T160000_S20230815T095800"),
            ],
            Some(json!({"rel": "next", "href": "/search", "method": "POST", "body": {"token": 2}})),
        )),
        Some(_) => page(&collection_of(
            &[processed(
                "first half again",
                "05.10",
                "20240901T000000_S20230815T095630",
            )],
            None,
        )),
    })
    .await;
    let scenes = search(&spec(&server.url)).await.unwrap();
    assert_eq!(ids(&scenes), ["first half again", "second half"]);
    assert_eq!(scenes[0].overpass, scenes[1].overpass);
}

#[tokio::test]
async fn pages_that_go_round_are_an_error_however_they_do_it() {
    // The link leads back to the first page.
    let back = api(|request| {
        page(&collection_of(
            &[item(&format!("item {}", request.number))],
            Some(json!({"rel": "next", "href": "/search", "method": "POST",
                        "merge": true, "body": {}})),
        ))
    })
    .await;
    let error = search(&spec(&back.url)).await.unwrap_err().to_string();
    assert!(
        error.contains("`next` link of page 1 leads to a page that was read"),
        "{error}"
    );
    assert_eq!(back.seen().len(), 2);

    // The token is always a new one, and the items are the same.
    let same = api(|request| {
        page(&collection_of(
            &[item("a"), item("b")],
            Some(json!({"rel": "next", "href": format!("/search?token={}", request.number)})),
        ))
    })
    .await;
    let error = search(&spec(&same.url)).await.unwrap_err().to_string();
    assert!(error.contains("page 2 repeats items"), "{error}");
    assert!(error.contains(&same.url), "{error}");

    // Empty pages for ever.
    let empty = api(|request| {
        page(&collection_of(
            &[],
            Some(json!({"rel": "next", "href": format!("/search?token={}", request.number)})),
        ))
    })
    .await;
    let config = SourceConfig {
        max_pages: 7,
        ..impatient()
    };
    let error = search_in(&spec(&empty.url), PLACE, config)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("more than 7 pages"), "{error}");
    assert_eq!(empty.seen().len(), 8);
}

#[tokio::test]
async fn more_items_than_allowed_are_an_error_that_tells_what_to_do() {
    let server = api(|_| page(&collection_of(&[item("a"), item("b"), item("c")], None))).await;
    let config = |max_items| SourceConfig {
        max_items,
        ..impatient()
    };
    let spec = spec(&server.url);
    assert!(search_in(&spec, PLACE, config(3)).await.is_ok());
    let error = search_in(&spec, PLACE, config(2)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("more than 2 matching items"), "{text}");
    assert!(text.contains("raise `max_items`"), "{text}");
}

#[tokio::test]
async fn a_passing_failure_of_an_api_is_tried_again_and_a_lasting_one_is_told() {
    let server = api(|request| match request.number {
        1 => status(500),
        2 => status(429),
        _ => page(&collection_of(&[item("a")], None)),
    })
    .await;
    assert_eq!(ids(&search(&spec(&server.url)).await.unwrap()), ["a"]);
    assert_eq!(server.seen().len(), 4);

    // Three times for each of the page sizes 100, 50, 25, 12 and 10.
    for (code, requests, transient) in [(502, 15, true), (400, 1, false)] {
        let server = api(move |_| status(code)).await;
        let error = search(&spec(&server.url)).await.unwrap_err();
        assert_eq!(server.seen().len(), 1 + requests);
        assert_eq!(error.is_transient(), transient);
        let text = error.to_string();
        assert!(
            text.starts_with("page of a search of http://127.0.0.1"),
            "{text}"
        );
        assert!(
            text.contains(&format!("answered {code}: this is a {code}")),
            "{text}"
        );
    }
}

/// The page size that a request asks for, in its body or its address.
fn limit(request: &Seen) -> u64 {
    let of_query = |query: &str| {
        let mut parts = query.split('&');
        parts.find_map(|part| part.strip_prefix("limit=")?.parse().ok())
    };
    let in_address = request.path.split_once('?').map(|(_, query)| query);
    request.body["limit"]
        .as_u64()
        .or_else(|| in_address.and_then(of_query))
        .unwrap()
}

fn limits(server: &Server) -> Vec<u64> {
    server.seen()[1..].iter().map(limit).collect()
}

#[tokio::test]
async fn pages_that_are_too_large_for_a_server_are_asked_for_in_halves() {
    // 413 is no passing failure, so it is not tried again in the same size.
    for (code, tries) in [(500, 3), (502, 3), (413, 1)] {
        let server = api(move |request| {
            if limit(request) > 30 {
                return status(code);
            }
            match request.body["token"].as_u64() {
                None => page(&collection_of(
                    &[item("a"), item("b")],
                    Some(json!({"rel": "next", "href": "/search", "method": "POST",
                                "merge": true, "body": {"token": 2}})),
                )),
                Some(_) => page(&collection_of(&[item("c")], None)),
            }
        })
        .await;
        let scenes = search(&spec(&server.url)).await.unwrap();
        assert_eq!(ids(&scenes), ["a", "b", "c"]);
        let mut expected = [vec![100; tries], vec![50; tries]].concat();
        expected.extend([25, 25]);
        assert_eq!(limits(&server), expected);
    }
}

#[tokio::test]
async fn a_later_page_that_fails_is_halved_where_a_cursor_allows_it() {
    let token = "next:s2:S2A%3D%2F+x";
    let server = api(move |request| match request.path.as_str() {
        "/search" => page(&collection_of(
            &[item("a"), item("b")],
            Some(json!({"rel": "next", "href": format!("/search?token={token}&limit=100")})),
        )),
        _ if limit(request) > 60 => status(504),
        _ => page(&collection_of(&[item("c")], None)),
    })
    .await;
    let scenes = search(&spec(&server.url)).await.unwrap();
    assert_eq!(ids(&scenes), ["a", "b", "c"]);
    assert_eq!(limits(&server), [100, 100, 100, 100, 50]);
    assert_eq!(
        server.seen()[5].path,
        format!("/search?token={token}&limit=50"),
        "the token is kept to the letter"
    );
}

#[tokio::test]
async fn numbered_pages_that_fail_are_read_again_from_the_first_in_smaller_ones() {
    // Page 2 of 50 does not begin where page 2 of 100 does.
    let names: Vec<String> = (0..120).map(|n| format!("{n:03}")).collect();
    let expected = names.clone();
    let server = api(move |request| {
        let number = request.body["page"].as_u64().unwrap_or(1);
        let limit = limit(request);
        if number > 1 && limit > 50 {
            return status(500);
        }
        let at = |page: u64| usize::try_from((page - 1) * limit).unwrap();
        let items: Vec<Value> = names[at(number)..names.len().min(at(number + 1))]
            .iter()
            .map(|id| item(id))
            .collect();
        let next = (at(number + 1) < names.len()).then(|| {
            json!({"rel": "next", "href": "/search", "method": "POST",
                   "merge": true, "body": {"page": number + 1}})
        });
        page(&collection_of(&items, next))
    })
    .await;
    let scenes = search(&spec(&server.url)).await.unwrap();
    assert_eq!(ids(&scenes), expected);
    assert_eq!(limits(&server), [100, 100, 100, 100, 50, 50, 50]);
}

#[tokio::test]
async fn a_server_that_fails_whatever_the_size_of_the_page_fails_the_search() {
    let server = api(|_| status(500)).await;
    let error = search(&spec(&server.url)).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let mut sizes = limits(&server);
    sizes.dedup();
    assert_eq!(sizes, [100, 50, 25, 12, 10]);
}

#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let server = api(|request| match request.number {
        1 => {
            let mut refusal = status(429);
            refusal
                .headers_mut()
                .insert("retry-after", "7".parse().unwrap());
            refusal
        }
        _ => page(&collection_of(&[item("a")], None)),
    })
    .await;
    let config = SourceConfig {
        retry_base_millis: 1,
        retry_longest_millis: 60,
        ..impatient()
    };
    let begun = std::time::Instant::now();
    let scenes = search_in(&spec(&server.url), PLACE, config).await.unwrap();
    assert_eq!(ids(&scenes), ["a"]);
    // Seven seconds are more than the longest wait that is allowed here.
    assert!(begun.elapsed() >= std::time::Duration::from_millis(60));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_page_without_end_or_without_sense_is_an_error() {
    let config = SourceConfig {
        max_document_bytes: 1000,
        ..impatient()
    };
    let large = api(|_| page(&json!({"features": ["x".repeat(5000)]}))).await;
    let error = search_in(&spec(&large.url), PLACE, config)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("more than 1000 bytes"),
        "{error}"
    );
    assert_eq!(large.seen().len(), 2);

    for (answer, reason) in [
        (json!({"type": "FeatureCollection"}), "has no `features`"),
        (json!({"features": [17]}), "not one of STAC"),
        (json!([]), "not a JSON object"),
        (
            collection_of(
                &[item("a")],
                Some(json!({"rel": "next", "href": "file:///etc/x"})),
            ),
            "a remote catalogue may not",
        ),
        (
            collection_of(
                &[item("a")],
                Some(json!({"rel": "next", "method": "PUT", "href": "x"})),
            ),
            "the method PUT",
        ),
    ] {
        let server = api(move |_| page(&answer)).await;
        let error = search(&spec(&server.url)).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    let other = Server::start(|_| page(&json!({"hello": "world"}))).await;
    let error = search(&spec(&other.url)).await.unwrap_err().to_string();
    assert!(error.contains("is not a STAC document"), "{error}");
}

#[tokio::test]
async fn a_search_across_the_antimeridian_asks_for_both_sides() {
    let server = api(|request| {
        let west = request.body["bbox"][0].as_f64();
        let crossing = json!({"bbox": [179.2, -17.0, -179.7, -16.0]});
        page(&collection_of(
            &[
                item_with(if west < Some(0.0) { "east" } else { "west" }, &crossing),
                item_with("both", &crossing),
            ],
            None,
        ))
    })
    .await;
    let bounds = Bounds {
        west: 179.5,
        south: -17.0,
        east: -179.5,
        north: -16.5,
    };
    let scenes = search_in(&spec(&server.url), bounds, impatient())
        .await
        .unwrap();
    assert_eq!(ids(&scenes), ["both", "east", "west"]);
    assert_eq!(scenes[0].footprint.len(), 2);
    let boxes: Vec<Value> = server.seen()[1..]
        .iter()
        .map(|seen| seen.body["bbox"].clone())
        .collect();
    assert_eq!(
        boxes,
        [
            json!([179.5, -17.0, 180.0, -16.5]),
            json!([-180.0, -17.0, -179.5, -16.5])
        ]
    );
}

#[tokio::test]
async fn a_local_item_collection_is_searched_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.json");
    let items = [
        item("a"),
        item_with("elsewhere", &json!({"bbox": [17.0, 45.0, 18.0, 46.0]})),
        item_with(
            "remote",
            &json!({"assets": {"red": {"href": "https://example.com/B04.tif"}}}),
        ),
    ];
    std::fs::write(&path, collection_of(&items, None).to_string()).unwrap();
    for stac in [
        path.display().to_string(),
        format!("file://{}", path.display()),
    ] {
        let scenes = search(&spec(&stac)).await.unwrap();
        assert_eq!(ids(&scenes), ["a", "remote"]);
        assert_eq!(
            scenes[0].bands[0].asset,
            Location::Local(folder.path().join("a/B04.tif"))
        );
    }
    let error = search(&spec("/not/there.json")).await.unwrap_err();
    assert!(
        error.to_string().contains("the catalogue /not/there.json"),
        "{error}"
    );
    let error = search(&spec("items.json")).await.unwrap_err();
    assert!(
        error.to_string().contains("the path is relative"),
        "{error}"
    );
}

#[tokio::test]
async fn a_static_catalogue_is_read_through_its_links() {
    let link = |rel: &str, href: &str| json!({"rel": rel, "href": href});
    let catalogue = |links: Value| json!({"type": "Catalog", "stac_version": "1.0.0", "id": "c", "links": links});
    let documents = Arc::new(move |request: &Seen| match request.path.as_str() {
        "/catalog.json" => page(&catalogue(json!([
            link("self", "/catalog.json"),
            link("child", "2023/catalog.json"),
            link("item", "top.json"),
        ]))),
        // It leads back to its parent, which is not read again.
        "/2023/catalog.json" => page(&catalogue(json!([
            link("child", "../catalog.json"),
            link("child", "empty.json"),
            link("item", "a/a.json"),
            link("item", "elsewhere.json"),
        ]))),
        "/2023/empty.json" => page(&catalogue(json!([]))),
        "/top.json" => page(&item("top")),
        "/2023/a/a.json" => page(&item("a")),
        "/2023/elsewhere.json" => page(&item_with(
            "elsewhere",
            &json!({"bbox": [17.0, 45.0, 18.0, 46.0]}),
        )),
        _ => status(404),
    });
    let server = Server::start(move |request| documents(request)).await;
    let spec = spec(&format!("{}/catalog.json", server.url));
    let scenes = search(&spec).await.unwrap();
    assert_eq!(ids(&scenes), ["a", "top"]);
    assert_eq!(
        scenes[0].bands[0].asset.to_string(),
        format!("{}/2023/a/a/B04.tif", server.url)
    );
    assert_eq!(server.seen().len(), 6);

    let limited = |max_crawl_depth, max_crawl_documents| SourceConfig {
        max_crawl_documents,
        max_crawl_depth,
        ..impatient()
    };
    let error = search_in(&spec, PLACE, limited(1, 100)).await.unwrap_err();
    assert!(error.to_string().contains("more than 1 levels"), "{error}");
    let error = search_in(&spec, PLACE, limited(8, 4)).await.unwrap_err();
    assert!(
        error.to_string().contains("more than 4 documents"),
        "{error}"
    );
}

#[tokio::test]
async fn a_document_that_is_missing_from_a_static_catalogue_is_not_passed_over() {
    let server = Server::start(|request| match request.path.as_str() {
        "/" => page(&json!({
            "type": "Collection", "stac_version": "1.1.0", "id": "c",
            "links": [{"rel": "item", "href": "a.json"}, {"rel": "item", "href": "gone.json"}],
        })),
        "/a.json" => page(&item("a")),
        _ => status(404),
    })
    .await;
    let error = search(&spec(&server.url)).await.unwrap_err().to_string();
    assert!(
        error.contains("gone.json: the server answered 404"),
        "{error}"
    );
    let bare = Server::start(|_| {
        page(&json!({"type": "Collection", "stac_version": "1.0.0", "id": "c", "links": []}))
    })
    .await;
    let error = search(&spec(&bare.url)).await.unwrap_err().to_string();
    assert!(
        error.contains("is neither a STAC API nor has it links"),
        "{error}"
    );
}
