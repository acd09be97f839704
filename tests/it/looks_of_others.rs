//! What is computed of the values of a data set of somebody else is what is computed of the
//! cube that it was written from.

use cubetiler::{config::Config, http::Access};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    fixture::Server,
    looks::{LEFT, RIGHT, hills, planes, same},
    support::{cubetiler, succeed},
    titiler::{document, found, pixels},
};

/// A cube of hills and two data sets, `plain` and `older`, written from it.
async fn hills_and_exports() -> (tempfile::TempDir, Server) {
    let (folder, _) = hills().await;
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut config = Config::default();
    config.server.state_dir = folder.path().join("state of all");
    config.cubes.insert("hills".to_owned(), path("cube").into());
    for (name, profile) in [("plain", "unsharded"), ("older", "zarr2")] {
        let to = path(name);
        succeed(&mut cubetiler(&[
            "export",
            &path("cube"),
            &to,
            "--profile",
            profile,
        ]));
        config.cubes.insert(name.to_owned(), to.into());
    }
    let server = Server::of(&config, Access::Off).await;
    (folder, server)
}

fn of_other(path: &str, name: &str) -> String {
    path.replacen("/cubes/hills/", &format!("/cubes/{name}/"), 1)
}

async fn error(server: &Server, path: &str) -> (StatusCode, String) {
    let answer = server.get(path).await;
    let status = answer.status();
    let told: Value = answer.json().await.unwrap();
    (
        status,
        told["detail"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn files_of_what_is_computed_are_those_of_the_cube() {
    let (_folder, server) = hills_and_exports().await;
    let red = "variable=red&sel=time=2023-08-02&resampling=bilinear";
    let shade = "algorithm=hillshade&algorithm_params=%7B%22azimuth%22:315%7D";
    let both = "variable=red&variable=nir&sel=time=2023-08-02";
    for path in [
        format!("{LEFT}.npy?{red}&algorithm=slope"),
        format!("{LEFT}.npy?{red}&{shade}"),
        format!("{RIGHT}.npy?{red}&{shade}&buffer=5"),
        format!("{LEFT}.npy?{red}&buffer=2.5"),
        format!("{LEFT}.npy?{red}&algorithm=contours"),
        format!("{LEFT}.npy?{red}&algorithm=terrainrgb"),
        format!("{LEFT}.npy?{both}&algorithm=normalizedIndex"),
        format!("{LEFT}.npy?{both}&algorithm=sum"),
        format!("/cubes/hills/preview.npy?{red}&{shade}"),
        format!(
            "/cubes/hills/preview.npy?{red}&algorithm=slope&dst_crs=EPSG:3035&width=70&height=60"
        ),
        format!("{LEFT}.npy?variable=red&reduce=median"),
        format!(
            "{LEFT}.npy?variable=red&variable=green&reduce=mean&sel=time=2023-08-07/2023-08-17"
        ),
        format!("{LEFT}.npy?variable=red&reduce=difference&sel=time=2023-08-07/2023-08"),
        format!("{LEFT}.npy?expression=ndvi&reduce=max&sel=time=../2023-08-12"),
        format!("{LEFT}.npy?{red}&reduce=min&algorithm=slope"),
        format!("{LEFT}.npy?expression=savi&sel=time=2023-08-12"),
    ] {
        let (expected, cols) = planes(&server, &path).await;
        for name in ["plain", "older"] {
            let (found, width) = planes(&server, &of_other(&path, name)).await;
            assert_eq!(
                (found.len(), width),
                (expected.len(), cols),
                "{name} {path}"
            );
            for (found, expected) in std::iter::zip(&found, &expected) {
                same(found, expected, 1e-3);
            }
        }
    }
}

#[tokio::test]
async fn ranges_that_are_found_and_legends_are_those_of_the_cube() {
    let (_folder, server) = hills_and_exports().await;
    for query in [
        "variable=red&sel=time=2023-08-12&rescale=auto",
        "expression=(red-green)/(red%2Bgreen)&rescale=auto",
        "variable=red&reduce=median&rescale=auto",
        "variable=red&variable=green&variable=red&rescale=auto",
        "variable=red&algorithm=slope",
        "expression=ndvi",
        "expression=ndvi&reduce=mean",
    ] {
        let path = format!("{LEFT}.png?{query}");
        let answer = found(&server, &path).await;
        let theirs = found(&server, &of_other(&path, "plain")).await;
        let range = |answer: &reqwest::Response| answer.headers().get("x-cube-rescale").cloned();
        assert_eq!(range(&theirs), range(&answer), "{query}");
        assert_eq!(range(&answer).is_some(), query.contains("auto"), "{query}");
        let (shown, _) = pixels(&server, &of_other(&path, "plain")).await;
        assert_eq!(shown, pixels(&server, &path).await.0, "{query}");
        assert!(shown.iter().any(|pixel| pixel[3] > 0), "{query}");
        if query.matches("variable").count() < 3 {
            let legend = format!("/cubes/hills/legend.json?{query}");
            let ours = document(&server, &legend).await;
            let theirs = document(&server, &of_other(&legend, "plain")).await;
            assert_eq!(
                (&theirs["range"], &theirs["ticks"]),
                (&ours["range"], &ours["ticks"])
            );
        }
        // A map that a client begins is checked by the same rules.
        let map = format!("/cubes/plain/WebMercatorQuad/tilejson.json?{query}");
        assert!(document(&server, &map).await["tiles"].is_array(), "{query}");
    }
}

#[tokio::test]
async fn the_steps_that_become_one_are_told_and_typos_say_what_is_there() {
    let (_folder, server) = hills_and_exports().await;
    let path = of_other(LEFT, "plain");
    let answer = found(
        &server,
        &format!("{path}.npy?variable=red&reduce=max&sel=time=2023-08-03/2023-08-14"),
    )
    .await;
    assert_eq!(
        answer.headers()["x-cube-time"],
        "2023-08-07T00:00:00/2023-08-12T00:00:00"
    );
    for (query, told) in [
        (
            "variable=red&reduce=max&sel=time=2024/2025",
            "holds none of the times",
        ),
        (
            "variable=red&reduce=max&sel=time=2023-08/soon",
            "`soon` is no date",
        ),
        ("variable=red&reduce=max&sel=day=1", "time"),
        ("variable=red&algorithm=normalizedIndex", "2"),
        ("variable=red&reduce=difference", "needs `rescale=min,max`"),
        ("variable=red&algorithm=sum", "needs `rescale=min,max`"),
        ("expression=evi", "no variable `blue`"),
    ] {
        let (status, detail) = error(&server, &format!("{path}.png?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {detail}");
        assert!(detail.contains(told), "{query}: {detail}");
        let map = format!("/cubes/plain/WebMercatorQuad/tilejson.json?{query}");
        assert_eq!(error(&server, &map).await, (status, detail), "{query}");
    }
}

#[tokio::test]
async fn statistics_of_what_is_computed_are_those_of_its_file() {
    let (_folder, server) = hills_and_exports().await;
    let square = json!({"type": "Feature", "properties": {}, "geometry": {
        "type": "Polygon",
        "coordinates": [[[5.9, 43.1], [6.1, 43.1], [6.1, 43.3], [5.9, 43.3], [5.9, 43.1]]],
    }});
    for query in [
        "variable=red&reduce=median",
        "variable=red&variable=green&reduce=max&sel=time=2023-08-02/2023-08-12",
        "variable=red&sel=time=2023-08-02&algorithm=slope",
        "expression=ndvi&sel=time=2023-08-02&algorithm=ceil",
    ] {
        let (values, _) = planes(&server, &format!("/cubes/hills/preview.npy?{query}")).await;
        let ours = document(&server, &format!("/cubes/hills/statistics?{query}")).await;
        let theirs = document(&server, &format!("/cubes/plain/statistics?{query}")).await;
        let ours: Vec<&Value> = ours.as_object().unwrap().values().collect();
        let theirs: Vec<&Value> = theirs.as_object().unwrap().values().collect();
        assert_eq!(ours.len(), values.len(), "{query}");
        for known in ["min", "max", "mean", "std", "valid_pixels"] {
            for (ours, theirs) in std::iter::zip(&ours, &theirs) {
                let (ours, theirs) = (&ours[known], &theirs[known]);
                let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
                assert!(
                    (ours - theirs).abs() < 1e-3,
                    "{query} {known}: {ours} {theirs}"
                );
            }
        }
        let mut sums: Vec<f64> = values
            .iter()
            .map(|values| values.iter().filter(|value| !value.is_nan()).sum())
            .collect();
        let mut told: Vec<f64> = ours.iter().map(|of| of["sum"].as_f64().unwrap()).collect();
        sums.sort_by(f64::total_cmp);
        told.sort_by(f64::total_cmp);
        for (sum, told) in std::iter::zip(sums, told) {
            assert!(
                (sum - told).abs() < 1e-4 * sum.abs().max(1.0),
                "{query}: {sum} {told}"
            );
        }
        let mut means = Vec::new();
        for name in ["hills", "plain"] {
            let url = format!("{}/cubes/{name}/statistics?{query}", server.url);
            let answer = server
                .client
                .post(url)
                .body(square.to_string())
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{query}");
            let told: Value = answer.json().await.unwrap();
            let told = told["properties"]["statistics"]
                .as_object()
                .unwrap()
                .clone();
            let of = |told: &Value| told["mean"].as_f64().unwrap();
            let mut told: Vec<f64> = told.values().map(of).collect();
            told.sort_by(f64::total_cmp);
            means.push(told);
        }
        for (ours, theirs) in std::iter::zip(&means[0], &means[1]) {
            assert!((ours - theirs).abs() < 1e-3, "{query}: {ours} {theirs}");
        }
    }
}

#[tokio::test]
async fn steps_that_are_too_many_are_told_with_how_many_would_not_be() {
    let (folder, _server) = hills_and_exports().await;
    let mut config = Config::default();
    config.cache.memory_mib = 16;
    config.server.state_dir = folder.path().join("small");
    config
        .cubes
        .insert("plain".to_owned(), folder.path().join("plain"));
    let server = Server::of(&config, Access::Off).await;
    let path = of_other(LEFT, "plain");
    let (status, told) = error(
        &server,
        &format!("{path}.png?variable=red&reduce=median&rescale=0,9"),
    )
    .await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{told}");
    assert!(
        told.contains("these are 5 time steps; ask for at most"),
        "{told}"
    );
    // Fewer pixels are not.
    let mean = format!("{path}.png?variable=red&reduce=mean&rescale=0,9&tilesize=128");
    assert_eq!(server.get(&mean).await.status(), StatusCode::OK);
}
