//! Selections, on an axis of each kind.

use serde_json::json;

use super::{NONE, Store, line, only};
use crate::dataset::{AxisValues, DatasetError, Selection, Values, Variable};

/// `t(time, band, zlev, lat, lon)` with times out of order.
fn cube() -> Variable {
    let mut store = Store::default()
        .coordinate(
            "time",
            &[0.0, 31.0, 90.0, 59.0],
            &json!({"units": "days since 2023-01-01"}),
        )
        .coordinate("zlev", &[0.0, 10.0, 25.5], &json!({"units": "m"}))
        .array("band", "string", &[("band", 2)], &NONE)
        .coordinate("lat", &line(0.0, 1.0, 9), &NONE)
        .coordinate("lon", &line(0.0, 1.0, 9), &NONE)
        .array(
            "t",
            "int8",
            &[
                ("time", 4),
                ("band", 2),
                ("zlev", 3),
                ("lat", 9),
                ("lon", 9),
            ],
            &NONE,
        );
    let bands = vec!["B04".to_owned(), "B08".to_owned()];
    store.values.insert("band".to_owned(), Values::Texts(bands));
    only(store)
}

fn select(sel: &[&str], bidx: &[usize]) -> Result<Selection, DatasetError> {
    let sel: Vec<String> = sel.iter().map(|text| (*text).to_owned()).collect();
    cube().select(&sel, bidx)
}

#[test]
fn what_is_not_asked_for_is_newest_or_first_and_told() {
    let selection = select(&[], &[]).unwrap();
    assert_eq!(selection.indices(0), [2, 0, 0]);
    assert_eq!(
        selection.told().unwrap(),
        "time=2023-04-01T00:00:00 (newest), band=B04 (first), zlev=0 (first)"
    );
    let asked = select(&["time=2023-02", "band=B08", "zlev=25.5"], &[]).unwrap();
    assert_eq!((asked.indices(0), asked.told()), (vec![1, 1, 2], None));
}

#[test]
fn what_is_told_fits_a_header_whatever_the_label() {
    let mut variable = cube();
    let mut band = (*variable.axes[1]).clone();
    band.values = AxisValues::Texts(vec!["a\r\nSet-Cookie: ä".to_owned(), "b".to_owned()]);
    variable.axes[1] = band.into();
    let told = variable.select(&[], &[]).unwrap().told().unwrap();
    assert!(told.contains("band=a??Set-Cookie: ? (first)"), "{told}");
}

#[test]
fn a_number_in_float32_is_found_by_the_decimals_it_was_given() {
    let mut store = Store::default()
        .array("depth", "float32", &[("depth", 3)], &NONE)
        .coordinate("lat", &line(0.0, 1.0, 9), &NONE)
        .coordinate("lon", &line(0.0, 1.0, 9), &NONE)
        .array("t", "int8", &[("depth", 3), ("lat", 9), ("lon", 9)], &NONE);
    let stored = [0.1_f32, 0.2, 5.078_224];
    let values = Values::Numbers(stored.map(f64::from).to_vec());
    store.values.insert("depth".to_owned(), values);
    let chosen = only(store).select(&["depth=0.2".to_owned()], &[]).unwrap();
    assert_eq!(chosen.axes[0].labels, ["0.2"]);
}

#[test]
fn a_method_looks_on_its_side_of_the_value() {
    for (sel, index) in [
        ("time=2023-01-01T00:00:00Z", 0),
        ("time=nearest::2023-02-10", 1),
        ("time=nearest::1900", 0),
        ("time=pad::2023-03-31", 3),
        ("time=ffill::2023-03-01", 3),
        ("time=backfill::2023-03-02", 2),
        ("time=bfill::2023-03", 3),
        // Half-way between 28 and 31 days: the later, as pandas has it.
        ("time=nearest::2023-02-15", 3),
    ] {
        assert_eq!(select(&[sel], &[]).unwrap().indices(0)[0], index, "{sel}");
    }
    assert_eq!(select(&["zlev=nearest::5"], &[]).unwrap().indices(0)[2], 1);
    assert_eq!(select(&["zlev=pad::9.9"], &[]).unwrap().indices(0)[2], 0);
}

#[test]
fn several_values_of_one_dimension_are_bands() {
    let selection = select(&["band=B08", "band=B04"], &[]).unwrap();
    assert_eq!(
        (
            selection.bands(),
            selection.indices(0)[1],
            selection.indices(1)[1]
        ),
        (2, 1, 0)
    );
    let method = select(&["zlev=nearest::1", "zlev=24"], &[]).unwrap();
    assert_eq!(
        method.axes[2].indices,
        [0, 2],
        "a method holds for its dimension"
    );
    assert_eq!(
        select(&["band=B08", "band=B04"], &[2]).unwrap().axes[1].indices,
        [0]
    );
    assert_eq!(
        select(&["zlev=0"], &[2, 1]).unwrap().axes[1].indices,
        [1, 0],
        "time is no band"
    );
    assert_eq!(
        select(&["zlev=0", "band=B04"], &[4]).unwrap().indices(0)[0],
        3,
        "unless it is all there is"
    );
}

#[test]
fn what_selects_nothing_says_what_there_is() {
    for (sel, bidx, parts) in [
        (
            &["time=2023-02-02"][..],
            &[][..],
            &["no value 2023-02-02", "2023-02-01T00:00:00 and 2023-03-01"][..],
        ),
        (
            &["time=pad::2022"],
            &[],
            &["or before it", "nearest are 2023-01-01", "of 4"],
        ),
        (&["time=soon"], &[], &["`soon` is no date"]),
        (&["zlev=deep"], &[], &["no number", "0, 10, 25.5"]),
        (&["zlev=11"], &[], &["10 and 25.5"]),
        (&["band=B4"], &[], &["nearest are B04"]),
        (&["band=nearest::B04"], &[], &["text"]),
        (
            &["tme=2023"],
            &[],
            &["did you mean `time`?", "time, band, zlev"],
        ),
        (&["lat=3"], &[], &["no dimension `lat`"]),
        (&["time"], &[], &["write sel="]),
        (&["=1"], &[], &["write sel="]),
        (&["time=closest::2023"], &[], &["`closest`", "nearest, pad"]),
        (&["zlev=pad::3", "zlev=nearest::4"], &[], &["two methods"]),
        (
            &["zlev=0", "zlev=10", "band=B04", "band=B08"],
            &[],
            &["`band` and of `zlev`"],
        ),
        (&[], &[1], &["`band` and of `zlev`"]),
        (&["zlev=0"], &[3], &["no band 3", "`band` has 2"]),
        (&["zlev=0"], &[0], &["no band 0"]),
    ] {
        let error = select(sel, bidx).unwrap_err();
        assert!(error.is_the_requests(), "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{sel:?} {part}: {error}");
        }
    }
    assert!(select(&vec!["zlev=0"; 100], &[]).is_err());
}

fn times(sel: &[&str]) -> Result<Vec<usize>, String> {
    let sel: Vec<String> = sel.iter().map(|text| (*text).to_owned()).collect();
    let found = cube().select_times(&sel, &[], false);
    found
        .map(|(_, times)| times.steps)
        .map_err(|error| error.to_string())
}

#[test]
fn an_interval_is_of_whole_months_and_its_times_are_in_order() {
    assert_eq!(times(&[]), Ok(vec![0, 1, 3, 2]));
    for (interval, steps) in [
        ("time=2023-02/2023-04", vec![1, 3, 2]),
        ("time=2023-01-02/2023-03", vec![1, 3]),
        ("time=../2023-02", vec![0, 1]),
        ("time=2023-03/", vec![3, 2]),
        ("time=/..", vec![0, 1, 3, 2]),
        ("time=2023-03-01T00:00:00/2023-03-01T00", vec![3]),
        ("time=nearest::2023-03-20", vec![2]),
        ("time={time}", vec![0, 1, 3, 2]),
    ] {
        assert_eq!(times(&[interval]), Ok(steps), "{interval}");
    }
    let several = times(&["time=2023-03/2023-04", "time=2023-01", "time=2023-03"]);
    assert_eq!(several, Ok(vec![0, 3, 2]));
    for (sel, told) in [
        ("time=2024/2025", "holds none of the times"),
        ("time=2023-01/May", "`May` is no date"),
        ("time=pad::2023-01/2023-02", "is no date"),
        ("time=2022", "no value"),
    ] {
        let error = times(&[sel]).unwrap_err();
        assert!(error.contains(told), "{sel}: {error}");
    }
}

#[test]
fn other_dimensions_are_selected_beside_the_times() {
    let sel = ["time=2023-02/2023-03".to_owned(), "zlev=10".to_owned()];
    let (one, times) = cube().select_times(&sel, &[], false).unwrap();
    assert_eq!((times.axis, one.indices(0)), (0, vec![1, 0, 1]));
    assert_eq!(one.told().unwrap(), "band=B04 (first)");
    // All bands, but not all times.
    let (all, _) = cube().select_times(&sel, &[], true).unwrap();
    assert_eq!((all.bands(), all.indices(1)), (2, vec![1, 1, 1]));
    let (picked, _) = cube().select_times(&sel, &[2, 1], false).unwrap();
    assert_eq!(
        (picked.indices(0), picked.indices(1)),
        (vec![1, 1, 1], vec![1, 0, 1])
    );

    let mut variable = cube();
    variable.axes.remove(0);
    let error = variable.select_times(&[], &[], false).unwrap_err();
    assert_eq!(error, DatasetError::NoTime("t".to_owned()));
}

#[test]
fn a_second_means_the_first_instant_in_it() {
    let units = json!({"units": "seconds since 2023-01-01"});
    let store = Store::default()
        .coordinate("time", &[0.25, 0.75, 60.0], &units)
        .coordinate("lat", &line(0.0, 1.0, 9), &NONE)
        .coordinate("lon", &line(0.0, 1.0, 9), &NONE)
        .array("t", "int8", &[("time", 3), ("lat", 9), ("lon", 9)], &NONE);
    let variable = only(store);
    let at = |sel: &str| {
        let found = variable.select(&[format!("time={sel}")], &[]);
        found.map(|found| found.indices(0)[0]).ok()
    };
    assert_eq!(at("2023-01-01T00:00:00Z"), Some(0));
    assert_eq!(at("2023-01-01T00:00:00.75"), Some(1));
    assert_eq!(at("2023-01-01T00:01"), Some(2));
    for nothing in ["2023-01-01T00:00:01", "2023-01-01", "2023-01-01T00:00:00.3"] {
        assert_eq!(at(nothing), None, "{nothing}");
    }
}
