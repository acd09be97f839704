//! What is computed of values before they are shown, and what is done to pictures: against
//! the same computed here from files of samples.

use std::collections::BTreeSet;

use cubetiler::{config::Config, http::Access, raster::Resampling};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    fixture::{Server, archive_of, recipe},
    round_trip::decode,
    support::{cubetiler, succeed},
    titiler::{document, found, other, pixels},
};

/// Two tiles beside each other that the cube is in.
pub(crate) const LEFT: &str = "/cubes/hills/tiles/WebMercatorQuad/10/528/375";
pub(crate) const RIGHT: &str = "/cubes/hills/tiles/WebMercatorQuad/10/529/375";
const SIDE: usize = 256;

/// A server of a cube of five time steps of five days whose red is hilly, and higher by 100
/// each; of the last there is nothing east of 6 degrees.
pub(crate) async fn hills() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_of(folder.path(), |n, (lon, lat)| {
        let height = 500.0 + 300.0 * (lon * 90.0).sin() * (lat * 70.0).cos() + 2000.0 * (lon - 5.9);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some hundreds"
        )]
        let height = height as u16;
        height + 100 * n
    });
    let text = recipe(archive.directory.join("items.json").to_str().unwrap())
        .replace("start = \"2023-08-01\"", "start = \"2023-08-02\"")
        .replace("[\"red\", \"green\"]", "[\"red\", \"green\", \"nir\"]")
        .replace(
            "end = \"2023-08-31\"",
            "end = \"2023-08-22\"\nperiod = \"P5D\"",
        );
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("recipe.toml"), text).unwrap();
    succeed(&mut cubetiler(&[
        "create",
        &path("recipe.toml"),
        &path("cube"),
    ]));
    succeed(&mut cubetiler(&["build", &path("cube")]));
    let mut config = Config::default();
    config.server.state_dir = folder.path().join("state");
    config.cubes.insert("hills".to_owned(), path("cube").into());
    let server = Server::of(&config, Access::Off).await;
    (folder, server)
}

/// The planes of an array of numpy's without its mask, NaN where there is no data, and its
/// columns.
pub(crate) async fn planes(server: &Server, path: &str) -> (Vec<Vec<f64>>, usize) {
    let file = found(server, path).await.bytes().await.unwrap();
    let header = std::str::from_utf8(&file[10..128]).unwrap();
    let is_float = header.contains("<f4");
    let shape = header.split_once("'shape': (").unwrap().1;
    let shape: Vec<usize> = shape
        .split_once(')')
        .unwrap()
        .0
        .split(", ")
        .map(|side| side.parse().unwrap())
        .collect();
    let samples: Vec<f64> = if is_float {
        let samples = file[128..].chunks(4);
        samples
            .map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().unwrap())))
            .collect()
    } else {
        let samples = file[128..].chunks(2);
        samples
            .map(
                |bytes| match u16::from_le_bytes(bytes.try_into().unwrap()) {
                    0 => f64::NAN,
                    sample => f64::from(sample),
                },
            )
            .collect()
    };
    let planes = samples.chunks(shape[1] * shape[2]).take(shape[0] - 1);
    (planes.map(<[f64]>::to_vec).collect(), shape[2])
}

/// What the values of a pixel that are data become, of which the least is first.
type By = fn(&[f64]) -> f64;

async fn plane(server: &Server, path: &str) -> Vec<f64> {
    planes(server, path).await.0.remove(0)
}

#[track_caller]
pub(crate) fn same(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let mut valid = 0;
    for (n, (a, b)) in std::iter::zip(found, expected).enumerate() {
        let is_same = (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance;
        assert!(is_same, "{n}: {a} {b}");
        valid += usize::from(!a.is_nan());
    }
    assert!(valid > 1000, "{valid}");
}

/// `numpy.percentile` of the values that are data.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let place = f64::from(u32::try_from(values.len() - 1).unwrap()) * share / 100.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among them"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (values[above] - values[below]) * place.fract()
}

#[tokio::test]
async fn every_method_of_resampling_is_answered_under_both_of_its_parameters() {
    let (_folder, server) = hills().await;
    let red = "variable=red&sel=time=2023-08-02";
    let small = "/cubes/hills/preview/23x19.npy";
    let mut names = BTreeSet::new();
    for method in Resampling::ALL.map(Resampling::name) {
        for picture in [&format!("{LEFT}.npy"), small] {
            let path = |parameter| format!("{picture}?{red}&{parameter}={method}");
            let etag = async |parameter| {
                let answer = server.get(&path(parameter)).await;
                assert_eq!(answer.status(), StatusCode::OK, "{method}");
                answer.headers()["etag"].to_str().unwrap().to_owned()
            };
            let name = etag("resampling").await;
            assert_eq!(etag("reproject").await, name);
            assert!(names.insert(name), "{method} has the name of another");
        }
    }
    // Several cells a pixel.
    let told = async |method| plane(&server, &format!("{small}?{red}&reproject={method}")).await;
    let mut lower = told("min").await;
    for method in ["q1", "med", "q3", "max"] {
        let upper = told(method).await;
        let rises = std::iter::zip(&lower, &upper)
            .filter(|(a, b)| a < b)
            .count();
        assert!(rises > 100, "{method}: {rises}");
        let falls = std::iter::zip(&lower, &upper).any(|(a, b)| a > b);
        assert!(!falls, "{method}");
        lower = upper;
    }
    let answer = server.get(&format!("{small}?{red}&reproject=gauss")).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let text = answer.text().await.unwrap();
    for word in ["`reproject=gauss`", "cubic_spline", "rms"] {
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn a_hillshade_and_slopes_have_no_seams_and_are_numpys() {
    let (_folder, server) = hills().await;
    let red = "variable=red&sel=time=2023-08-02&resampling=bilinear";
    let (with_buffer, cols) = planes(&server, &format!("{LEFT}.npy?{red}&buffer=3")).await;
    let (with_buffer, rows) = (&with_buffer[0], cols);
    assert_eq!(with_buffer.len(), 262 * 262);
    // The buffer is the tile's neighbour.
    let right = plane(&server, &format!("{RIGHT}.npy?{red}")).await;
    let left = plane(&server, &format!("{LEFT}.npy?{red}")).await;
    let mut compared = 0;
    for row in 0..SIDE {
        let of_buffer = &with_buffer[(row + 3) * cols..][..cols];
        for (at, expected) in [(3, left[row * SIDE]), (258, left[row * SIDE + 255])] {
            assert_eq!(of_buffer[at].to_bits(), expected.to_bits(), "{row} {at}");
        }
        for beyond in 0..3 {
            let (found, expected) = (of_buffer[259 + beyond], right[row * SIDE + beyond]);
            assert_eq!(found.to_bits(), expected.to_bits(), "{row} {beyond}");
            compared += usize::from(!found.is_nan());
        }
    }
    assert!(compared > 300, "{compared}");
    // numpy.gradient: half of the way between the neighbours.
    let at = |row: usize, col: usize| with_buffer[row * cols + col];
    let gradient = |row: usize, col: usize| {
        let down = (at(row + 1, col) - at(row - 1, col)) / 2.0 + 0.0 * at(row, col);
        (down, (at(row, col + 1) - at(row, col - 1)) / 2.0)
    };
    let places = || (3..rows - 3).flat_map(|row| (3..cols - 3).map(move |col| (row, col)));
    let cell = 40_075_016.685_578_49 / 1024.0 / 256.0;
    let slopes: Vec<f64> = places()
        .map(|(row, col)| {
            let (down, right) = gradient(row, col);
            ((down / cell).powi(2) + (right / cell).powi(2))
                .sqrt()
                .atan()
                .to_degrees()
        })
        .collect();
    let slope = plane(&server, &format!("{LEFT}.npy?{red}&algorithm=slope")).await;
    same(&slope, &slopes, 1e-4);
    let shades: Vec<f64> = places()
        .map(|(row, col)| {
            let (down, right) = gradient(row, col);
            let slope = std::f64::consts::FRAC_PI_2 - down.hypot(right).atan();
            let aspect = (-down).atan2(right);
            let (azimuth, altitude) = (45_f64.to_radians(), 30_f64.to_radians());
            let shaded = altitude.sin() * slope.sin()
                + altitude.cos() * slope.cos() * (azimuth - aspect).cos();
            (255.0 * f64::midpoint(shaded, 1.0)).floor()
        })
        .collect();
    let query =
        "algorithm=hillshade&algorithm_params=%7B%22azimuth%22:315,%22angle_altitude%22:30%7D";
    let shade = plane(&server, &format!("{LEFT}.npy?{red}&{query}")).await;
    // A sum in another order is another byte at an edge.
    same(&shade, &shades, 1.0);
    // The picture shows them as they are, with a buffer that was asked for around.
    let (shown, width) = pixels(&server, &format!("{LEFT}.png?{red}&{query}")).await;
    assert_eq!(width, SIDE);
    for (pixel, expected) in std::iter::zip(&shown, &shade) {
        assert_eq!(pixel[3] == 0, expected.is_nan());
        assert!(pixel[3] == 0 || (f64::from(pixel[0]) - expected).abs() < 1e-9);
    }
    let (_, width) = pixels(&server, &format!("{LEFT}.png?{red}&{query}&buffer=3")).await;
    assert_eq!(width, SIDE);
    let (_, width) = pixels(&server, &format!("{LEFT}.png?{red}&{query}&buffer=5.5")).await;
    assert_eq!(width, SIDE + 5);
    let preview = planes(&server, &format!("/cubes/hills/preview.npy?{red}&{query}")).await;
    assert_eq!((preview.0[0].len(), preview.1), (64 * 64, 64));
}

#[tokio::test]
async fn a_buffer_is_around_the_tile_and_padding_changes_nothing() {
    let (_folder, server) = hills().await;
    let style = "variable=red&rescale=0,2000&sel=time=2023-08-02";
    let plain = found(&server, &format!("{LEFT}.png?{style}")).await;
    let padded = found(&server, &format!("{LEFT}.png?{style}&padding=4&buffer=0")).await;
    assert_eq!(plain.headers()["etag"], padded.headers()["etag"]);
    let wide = found(&server, &format!("{LEFT}.png?{style}&buffer=0.5")).await;
    assert_ne!(plain.headers()["etag"], wide.headers()["etag"]);
    let corner = |answer: &reqwest::Response| -> Vec<f64> {
        let text = answer.headers()["content-bbox"].to_str().unwrap();
        text.split(',').map(|n| n.parse().unwrap()).collect()
    };
    let (inner, outer) = (corner(&plain), corner(&wide));
    let half = (inner[2] - inner[0]) / 512.0;
    for (n, sign) in [(0, -1.0), (1, -1.0), (2, 1.0), (3, 1.0)] {
        assert!(
            (outer[n] - inner[n] - sign * half).abs() < 1e-6,
            "{outer:?} {inner:?}"
        );
    }
    let file = wide.bytes().await.unwrap();
    assert_eq!(decode(&file).0.len(), 4 * 257 * 257);
}

#[tokio::test]
async fn steps_of_an_interval_become_one_without_what_is_missing() {
    let (_folder, server) = hills().await;
    let base = "/cubes/hills/preview.npy?variable=red";
    let mut steps = Vec::new();
    for day in ["02", "07", "12", "17", "22"] {
        steps.push(plane(&server, &format!("{base}&sel=time=2023-08-{day}")).await);
    }
    assert!(steps[4].iter().any(|value| value.is_nan()));
    let of = |steps: &[Vec<f64>], by: By| -> Vec<f64> {
        let pixels = 0..steps[0].len();
        let values = pixels.map(|pixel| {
            let mut values: Vec<f64> = steps.iter().map(|step| step[pixel]).collect();
            values.retain(|value| !value.is_nan());
            values.sort_by(f64::total_cmp);
            if values.is_empty() {
                f64::NAN
            } else {
                by(&values)
            }
        });
        values.collect()
    };
    let median: By = |v| f64::midpoint(v[(v.len() - 1) / 2], v[v.len() / 2]);
    let mean: By = |v| v.iter().sum::<f64>() / f64::from(u32::try_from(v.len()).unwrap());
    let (max, min): (By, By) = (|v| v[v.len() - 1], |v| v[0]);
    for (name, by) in [
        ("median", median),
        ("mean", mean),
        ("max", max),
        ("min", min),
    ] {
        let path = format!("{base}&reduce={name}");
        same(&plane(&server, &path).await, &of(&steps, by), 1e-3);
        let path = format!("{path}&sel=time=2023-08-03/2023-08-14");
        same(&plane(&server, &path).await, &of(&steps[..3], by), 1e-3);
    }
    let path = format!("{base}&reduce=difference&sel=time=2023-08-07/2023-08-22");
    let answer = found(&server, &path).await;
    assert_eq!(answer.headers()["x-cube-time"], "2023-08-07/2023-08-22");
    let difference: Vec<f64> = std::iter::zip(&steps[4], &steps[1])
        .map(|(last, first)| last - first)
        .collect();
    same(&plane(&server, &path).await, &difference, 1e-3);
    // An expression is computed of each step, and its greatest value is not that of the
    // greatest variables.
    let path = "/cubes/hills/preview.npy?expression=green-red&reduce=max";
    let greens = vec![800.0; steps[0].len()];
    let least = of(&steps, min);
    let expected: Vec<f64> = std::iter::zip(greens, least).map(|(g, r)| g - r).collect();
    same(&plane(&server, path).await, &expected, 1e-3);
    // As a picture in the range of the recipe's or the request's style.
    let path = "/cubes/hills/preview.png?variable=red&reduce=max&rescale=0,2550";
    let greatest = of(&steps, max);
    for (pixel, value) in std::iter::zip(pixels(&server, path).await.0, greatest) {
        let expected = (value / 10.0).floor();
        assert!(value.is_nan() || (f64::from(pixel[0]) - expected).abs() < 1e-9);
    }
}

#[tokio::test]
async fn what_many_steps_would_take_is_refused_before_anything_is_read() {
    let (folder, _server) = hills().await;
    let mut config = Config::default();
    config.cache.memory_mib = 16;
    config.server.state_dir = folder.path().join("state2");
    config
        .cubes
        .insert("hills".to_owned(), folder.path().join("cube"));
    let server = Server::of(&config, Access::Off).await;
    let tile = format!("{LEFT}.png?variable=red&reduce=median&rescale=0,9");
    let answer = server.get(&tile).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let told: Value = answer.json().await.unwrap();
    let told = told["detail"].as_str().unwrap().to_owned();
    assert!(
        told.contains("these are 5 time steps; ask for at most 1,"),
        "{told}"
    );
    let single = format!("{tile}&sel=time=2023-08-02/2023-08-02");
    assert_eq!(server.get(&single).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_range_that_is_found_is_the_same_for_all_tiles_and_told() {
    let (_folder, server) = hills().await;
    let range = |answer: &reqwest::Response| -> Vec<f64> {
        let text = answer.headers()["x-cube-rescale"].to_str().unwrap();
        text.split([',', ';']).map(|n| n.parse().unwrap()).collect()
    };
    for (query, band) in [
        ("variable=red&sel=time=2023-08-12", 0),
        ("expression=(red-green)/(red%2Bgreen)", 0),
        ("variable=red&reduce=median", 0),
        ("variable=red&variable=green&variable=red", 2),
        ("variable=red&variable=green&algorithm=sum", 0),
    ] {
        let overview = format!("/cubes/hills/preview/16x16.npy?{query}");
        let values = planes(&server, &overview).await.0.swap_remove(band);
        let left = found(&server, &format!("{LEFT}.png?{query}&rescale=auto")).await;
        let right = found(&server, &format!("{RIGHT}.png?{query}&rescale=auto")).await;
        let found = range(&left);
        assert_eq!(found, range(&right), "{query}");
        let found = &found[2 * band..2 * band + 2];
        for (found, share) in std::iter::zip(found, [2.0, 98.0]) {
            let expected = percentile(&values, share);
            assert!(
                (found - expected).abs() < 1e-3 * expected.abs().max(0.1),
                "{query}: {found} {expected}"
            );
        }
    }
    // The same as with that range written out.
    let auto = found(&server, &format!("{LEFT}.png?variable=red&rescale=auto")).await;
    let [min, max] = range(&auto)[..] else {
        panic!("a range has two ends");
    };
    let written = found(
        &server,
        &format!("{LEFT}.png?variable=red&rescale={min},{max}"),
    )
    .await;
    assert_eq!(auto.headers()["etag"], written.headers()["etag"]);
    assert!(!written.headers().contains_key("x-cube-rescale"));
}

#[tokio::test]
async fn colours_are_changed_by_a_formula_and_beyond_the_range() {
    let (_folder, server) = hills().await;
    let rgb = format!(
        "{LEFT}.png?variable=red&variable=green&variable=red&rescale=0,2000&sel=time=2023-08-02"
    );
    let (plain, _) = pixels(&server, &rgb).await;
    let (shown, _) = pixels(&server, &format!("{rgb}&color_formula=gamma%20G%202")).await;
    let gamma = |sample: u8| {
        let share = (f64::from(sample) / 255.0).sqrt();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a byte, and its fraction is cut"
        )]
        let byte = (share * 255.0) as u8;
        byte
    };
    assert!(plain.iter().any(|pixel| pixel[3] == 255));
    for (plain, shown) in std::iter::zip(&plain, &shown) {
        let [red, green, blue, alpha] = *plain;
        assert_eq!(alpha, shown[3]);
        if alpha > 0 {
            assert_eq!([red, blue], [shown[0], shown[2]]);
            // Roots of two libraries may be one byte apart where they are cut.
            assert!(gamma(green).abs_diff(shown[1]) <= 1, "{green} {shown:?}");
        }
    }

    let one = "variable=red&sel=time=2023-08-22";
    let values = plane(&server, &format!("{LEFT}.npy?{one}")).await;
    let extremes = "rescale=850,1000&colormap_name=viridis&below=ff0000&above=0,0,255,128";
    let path = format!("{LEFT}.png?{one}&{extremes}&nodata_color=white");
    let (shown, _) = pixels(&server, &path).await;
    let mut seen = [0; 4];
    for (value, pixel) in std::iter::zip(&values, &shown) {
        let (kind, expected) = match value {
            value if value.is_nan() => (0, Some([255; 4])),
            value if *value < 850.0 => (1, Some([255, 0, 0, 255])),
            value if *value > 1000.0 => (2, Some([0, 0, 255, 128])),
            _ => (3, None),
        };
        seen[kind] += 1;
        assert!(
            expected.is_none_or(|color| color == *pixel),
            "{value} {pixel:?}"
        );
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
}

#[tokio::test]
async fn indices_have_names_where_the_cube_has_their_bands() {
    let (_folder, server) = hills().await;
    let ndvi = plane(&server, "/cubes/hills/preview.npy?expression=ndvi").await;
    let written = "/cubes/hills/preview.npy?expression=(nir-red)/(nir%2Bred)";
    same(&ndvi, &plane(&server, written).await, 0.0);
    // Without a range it is shown from -1 to 1, and has a legend of these.
    let (shown, _) = pixels(&server, "/cubes/hills/preview.png?expression=ndvi").await;
    for (pixel, value) in std::iter::zip(shown, ndvi).filter(|(_, value)| !value.is_nan()) {
        let expected = (f64::midpoint(value, 1.0) * 255.0).floor();
        assert!((f64::from(pixel[0]) - expected).abs() <= 1.0);
    }
    let legend = document(&server, "/cubes/hills/legend.json?expression=ndvi").await;
    assert_eq!(
        (&legend["title"], &legend["range"]),
        (&json!("ndvi"), &json!([-1.0, 1.0]))
    );
    let answer = server.get("/cubes/hills/preview.png?expression=evi").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let told: Value = answer.json().await.unwrap();
    let told = told["detail"].as_str().unwrap();
    assert!(told.contains("no variable `blue`"), "{told}");
}

#[tokio::test]
async fn algorithms_are_told_of_as_titiler_does() {
    let (_folder, server) = hills().await;
    let listed = document(&server, "/algorithms").await;
    let all = listed["algorithms"].as_array().unwrap();
    assert_eq!(all.len(), 18);
    assert_eq!(all[0]["id"], "hillshade");
    let one = document(&server, "/algorithms/hillshade").await;
    // As TiTiler 2.4.0 has answered it.
    let expected = json!({"title":"Hillshade","description":"Create hillshade from DEM dataset.","inputs":{"nbands":1},"outputs":{"nbands":1,"dtype":"uint8","min":null,"max":null},"parameters":{"azimuth":{"default":45,"maximum":360,"minimum":0,"title":"Azimuth","type":"integer"},"angle_altitude":{"default":45.0,"maximum":90.0,"minimum":-90.0,"title":"Angle Altitude","type":"number"},"buffer":{"default":3,"maximum":99,"minimum":0,"title":"Buffer","type":"integer"},"z_exaggeration":{"default":1.0,"maximum":1_000_000.0,"minimum":1e-6,"title":"Z Exaggeration","type":"number"}}});
    assert_eq!(one, expected);
}

#[tokio::test]
async fn legends_tell_the_range_and_the_names_of_classes() {
    let (folder, server) = hills().await;
    let style = "variable=red&rescale=auto&colormap_name=viridis";
    let told = document(&server, &format!("/cubes/hills/legend.json?{style}")).await;
    let tile = found(&server, &format!("{LEFT}.png?{style}")).await;
    let range = tile.headers()["x-cube-rescale"].to_str().unwrap();
    let range: Vec<f64> = range.split(',').map(|n| n.parse().unwrap()).collect();
    let told_range: Vec<f64> = serde_json::from_value(told["range"].clone()).unwrap();
    for (found, expected) in std::iter::zip(told_range, range) {
        assert!((found - expected).abs() < 1e-9 * expected.abs());
    }
    assert_eq!(
        (&told["title"], &told["colors"][255]),
        (&json!("red"), &json!("#fde724ff"))
    );
    assert!(told["ticks"].as_array().unwrap().len() >= 2);
    let svg = found(&server, &format!("/cubes/hills/legend.svg?{style}")).await;
    assert_eq!(svg.headers()["content-type"], "image/svg+xml");
    let svg = svg.text().await.unwrap();
    assert!(
        svg.contains(">red</text>") && svg.matches("</text>").count() >= 3,
        "{svg}"
    );
    let path = format!("/cubes/hills/legend.png?{style}&width=200&height=60");
    let (shown, width) = pixels(&server, &path).await;
    assert_eq!((shown.len(), width), (200 * 60, 200));
    assert!(shown.contains(&[68, 1, 84, 255]) && shown.contains(&[253, 231, 36, 255]));
    let answer = found(&server, &path).await;
    let again = server.client.get(format!("{}{path}", server.url));
    let again = again.header("if-none-match", &answer.headers()["etag"]);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    // Classes of somebody else's data, in their colours on the map too.
    let store = folder.path().join("classes.zarr");
    let attributes = json!({
        "long_name": "land cover", "flag_values": [5, 7],
        "flag_meanings": "water bare_soil", "flag_colors": "#0000ff #804020",
    });
    other(&store, attributes);
    let mut config = Config::default();
    config.cubes.insert("classes".to_owned(), store);
    let server = Server::of(&config, Access::Off).await;
    let tile = "/cubes/classes/tiles/WebMercatorQuad/7/64/43.png";
    let (shown, _) = pixels(&server, tile).await;
    assert!(shown.contains(&[0x80, 0x40, 0x20, 255]));
    let (shown, _) = pixels(&server, &format!("{tile}?rescale=0,14")).await;
    assert!(shown.contains(&[127, 127, 127, 255]));
    let told = document(&server, "/cubes/classes/legend.json").await;
    assert_eq!(told["title"], "land cover");
    let labels: Vec<&Value> = told["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["label"])
        .collect();
    assert_eq!(labels, ["water", "bare soil"]);
    assert_eq!(told["classes"][1]["color"], "#804020ff");
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_with_what_could_be() {
    let (_folder, server) = hills().await;
    for (query, status, told) in [
        ("algorithm=hillshad", 400, "there are hillshade, slope"),
        ("algorithm_params=%7B%7D", 400, "without an `algorithm`"),
        (
            "algorithm=slope&algorithm_params=%7B%22buffer%22:100%7D",
            400,
            "from 0 to 99",
        ),
        (
            "algorithm=normalizedIndex&variable=red",
            400,
            "for 2 variables, and there are 1",
        ),
        ("algorithm=sum&variable=red", 400, "rescale=auto"),
        (
            "algorithm=contours&variable=red&colormap_name=viridis",
            400,
            "colours one variable",
        ),
        ("reduce=mode", 400, "median, mean, max, min, difference"),
        ("reduce=mean&sel=time=2019/2020", 400, "from 2023-08-02"),
        ("reduce=difference&variable=red", 400, "rescale=min,max"),
        ("sel=time=2023-08-02/2023-08-12", 400, "reduce=median"),
        ("rescale=auto&rescale=0,1", 400, "leave out other ranges"),
        (
            "color_formula=saturation%202&variable=red",
            400,
            "three variables",
        ),
        ("variable=red&rescale=0,1&below=rot", 400, "a colour"),
        (
            "variable=red&variable=green&variable=red&above=red",
            400,
            "one variable",
        ),
        ("buffer=-1", 400, "pixels from 0"),
        ("buffer=5000", 413, "its buffer"),
        ("bufer=1", 400, "did you mean `buffer`?"),
    ] {
        for path in [LEFT, "/cubes/hills/WebMercatorQuad/tilejson.json"] {
            // A size is the server's matter, not the document's.
            if query == "buffer=5000" && path != LEFT {
                continue;
            }
            let answer = server.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status(), status, "{path}?{query}");
            let problem: Value = answer.json().await.unwrap();
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(told), "{path}?{query}: {detail}");
        }
    }
    for (path, status, told) in [
        ("/algorithms/nope", 404, "there are hillshade"),
        ("/cubes/hills/legend.png?width=5000", 400, "40 to 2048"),
        (
            "/cubes/hills/legend.json?variable=red&variable=green&variable=red",
            400,
            "of one variable",
        ),
        (
            "/cubes/hills/legend.json?varable=red",
            400,
            "did you mean `variable`?",
        ),
        ("/cubes/nope/legend.json", 404, "nope"),
        (
            "/cubes/hills/preview.png?buffer=1",
            400,
            "there is no parameter `buffer`",
        ),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        let problem: Value = answer.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_map_service_of_what_steps_became_has_no_step_to_choose() {
    let (_folder, server) = hills().await;
    let query = "variable=red&reduce=median&sel=time=2023-08-02/2023-08-17&rescale=0,2550";
    let path = format!("/cubes/hills/WMTSCapabilities.xml?{query}");
    let told = found(&server, &path).await.text().await.unwrap();
    assert!(
        !told.contains("{time}") && !told.contains("<Dimension>"),
        "{told}"
    );
    let template = told.split("resourceType=\"tile\"").nth(1).unwrap();
    let template = template.split("template=\"").nth(1).unwrap();
    let template = template.split('"').next().unwrap().replace("&amp;", "&");
    let tile = template
        .replace("{TileMatrixSet}", "WebMercatorQuad")
        .replace("{TileMatrix}", "10")
        .replace("{TileCol}", "528")
        .replace("{TileRow}", "375");
    let tile = tile.strip_prefix(&server.url).unwrap().to_owned();
    let answer = found(&server, &tile).await;
    assert_eq!(answer.headers()["x-cube-time"], "2023-08-02/2023-08-17");
    let plain = found(&server, &format!("{LEFT}.png?{query}")).await;
    assert_eq!(answer.headers()["etag"], plain.headers()["etag"]);
}

#[tokio::test]
async fn bands_of_a_cube_are_counted_among_the_variables_that_are_named() {
    let (_folder, server) = hills().await;
    let two = "variable=red&variable=green&sel=time=2023-08-02";
    let (both, _) = planes(&server, &format!("{LEFT}.npy?{two}")).await;
    let (picked, _) = planes(&server, &format!("{LEFT}.npy?{two}&bidx=2&bidx=1")).await;
    same(&picked[0], &both[1], 0.0);
    same(&picked[1], &both[0], 0.0);
    let answer = server
        .get(&format!("{LEFT}.png?{two}&bidx=3&rescale=0,1"))
        .await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let told: Value = answer.json().await.unwrap();
    assert!(
        told["detail"].as_str().unwrap().contains("no band 3"),
        "{told}"
    );
    // Statistics of so many pixels, of a rectangle in another system.
    let path = "/cubes/hills/statistics?variable=red&sel=time=2023-08-02&width=16&height=16";
    let numbers = document(&server, path).await;
    assert_eq!(numbers["red"]["valid_pixels"], 256);
    let path = "/cubes/hills/statistics?variable=red&sel=time=2023-08-02&width=9&dst_crs=EPSG:3857";
    let numbers = document(&server, path).await;
    let mean = planes(
        &server,
        "/cubes/hills/preview.npy?variable=red&sel=time=2023-08-02",
    )
    .await;
    let values = &mean.0[0];
    let mean = values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap());
    let told = numbers["red"]["mean"].as_f64().unwrap();
    assert!((told - mean).abs() < 50.0, "{told} {mean}");
}
