use proptest::prelude::*;

use super::testing::{
    BANDS, BITS, COMPRESSION, Field, GEO_KEYS, HEIGHT, Image, MATRIX, NODATA, PIXEL_SCALE,
    SAMPLE_FORMAT, SUBFILE, TILE_HEIGHT, TILE_LENGTHS, TILE_OFFSETS, TILE_WIDTH, WIDTH, image,
    pixel, tiff,
};
use super::*;
use crate::compute::Compute;
use crate::raster::Raster;
use crate::source::testing::read;
use crate::source::testing::test_data;
use crate::source::{SceneSource, SourceConfig, SourceError};

fn source(config: SourceConfig) -> SceneSource {
    SceneSource::new(config, Compute::new(1)).unwrap()
}

fn window(row: usize, col: usize, rows: usize, cols: usize) -> Window {
    Window {
        row,
        col,
        rows,
        cols,
    }
}

/// Writes a file and opens it.
async fn open(bytes: &[u8]) -> Result<(SceneSource, Arc<Cog>, tempfile::TempDir), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    std::fs::write(&path, bytes).unwrap();
    let source = source(SourceConfig::default());
    let cog = source
        .open(&Location::Local(path))
        .await
        .map_err(|error| error.to_string())?;
    Ok((source, cog, folder))
}

async fn refusal(bytes: &[u8]) -> String {
    open(bytes).await.map(|(_, cog, _)| cog).unwrap_err()
}

/// An image of 40 x 50 pixels with an overview of 20 x 25.
fn with_overview() -> Vec<Image> {
    let overview = image(20, 25).with(SUBFILE, Field::Long(vec![1]));
    let mask = image(40, 50).with(SUBFILE, Field::Long(vec![4]));
    vec![image(40, 50), mask, overview]
}

#[tokio::test]
async fn a_window_across_tiles_has_the_pixels_of_its_place() {
    let (source, cog, _folder) = open(&tiff(&with_overview())).await.unwrap();
    for window in [
        window(0, 0, 40, 50),
        window(10, 12, 20, 30),
        window(39, 49, 1, 1),
        window(16, 16, 16, 16),
    ] {
        let patch = read::<u16>(&source, &cog, 0, window).await.unwrap();
        assert_eq!((patch.window, patch.nodata), (window, Some(0)));
        for row in 0..window.rows {
            let expected: Vec<u16> = (0..window.cols)
                .map(|col| pixel(window.row + row, window.col + col))
                .collect();
            assert_eq!(patch.raster.row(row), expected, "{window:?}");
        }
    }
}

#[tokio::test]
async fn overviews_are_levels_over_the_same_area_and_masks_are_not() {
    let (source, cog, _folder) = open(&tiff(&with_overview())).await.unwrap();
    assert_eq!((cog.crs(), cog.nodata()), (Epsg(32633), Some(0.0)));
    assert_eq!(cog.levels().len(), 2);
    assert_eq!(cog.grid(0).unwrap().bounds(), cog.grid(1).unwrap().bounds());
    assert_eq!(
        cog.grid(0).unwrap().bounds(),
        crate::grid::Bounds {
            west: 500_000.0,
            south: 5_099_600.0,
            east: 500_500.0,
            north: 5_100_000.0,
        }
    );
    let patch = read::<u16>(&source, &cog, 1, window(3, 4, 2, 2))
        .await
        .unwrap();
    assert_eq!(patch.transform, cog.grid(1).unwrap().transform);
    assert_eq!(
        patch.raster.data,
        [pixel(3, 4), pixel(3, 5), pixel(4, 4), pixel(4, 5)]
    );
}

#[tokio::test]
async fn the_level_picked_is_the_coarsest_that_is_not_coarser_than_wanted() {
    let (_source, cog, _folder) = open(&tiff(&with_overview())).await.unwrap();
    for (wanted, level) in [(5.0, 0), (10.0, 0), (19.99, 0), (20.0, 1), (1000.0, 1)] {
        assert_eq!(cog.pick_level(wanted, wanted), level, "{wanted}");
    }
    assert_eq!(cog.pick_level(20.0, 10.0), 0);
}

#[tokio::test]
async fn a_tile_that_is_not_stored_is_nodata() {
    let mut sparse = image(32, 32).with(NODATA, Field::Ascii("7"));
    sparse.tiles[1].clear();
    let (source, cog, _folder) = open(&tiff(&[sparse])).await.unwrap();
    let patch = read::<u16>(&source, &cog, 0, window(0, 14, 1, 4))
        .await
        .unwrap();
    assert_eq!(patch.raster.data, [pixel(0, 14), pixel(0, 15), 7, 7]);
    let only_missing = read::<u16>(&source, &cog, 0, window(0, 16, 2, 2))
        .await
        .unwrap();
    assert_eq!(only_missing.raster.data, [7; 4]);
}

#[tokio::test]
async fn a_mask_may_be_wider_than_its_values() {
    let (source, cog, _folder) = open(&tiff(&[image(16, 16)])).await.unwrap();
    let patch = read::<u8>(&source, &cog, 0, window(0, 0, 1, 3))
        .await
        .unwrap();
    assert_eq!(patch.raster.data, [1, 2, 3]);
    let error = read::<u8>(&source, &cog, 0, window(2, 0, 2, 16))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("does not fit uint8"), "{error}");
    let error = read::<i16>(&source, &cog, 0, window(0, 0, 1, 1))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("uint16 and cannot be read as int16")
    );
}

#[tokio::test]
async fn what_is_not_read_is_refused_with_its_reason() {
    let base = || image(16, 16);
    let short = |v: u16| Field::Short(vec![v]);
    let mut matrix = vec![0.0; 16];
    (matrix[0], matrix[1], matrix[5]) = (10.0, 1.0, -10.0);
    let striped = base()
        .without(TILE_WIDTH)
        .without(TILE_HEIGHT)
        .with(273, Field::Long(vec![8]))
        .with(279, Field::Long(vec![512]));
    let other_samples = image(8, 8)
        .with(SUBFILE, Field::Long(vec![1]))
        .with(SAMPLE_FORMAT, short(2));
    for (images, reason) in [
        (vec![striped], "is striped; only tiled"),
        (vec![base().with(BANDS, short(3))], "it has 3 bands"),
        (
            vec![base().with(COMPRESSION, short(7))],
            "compression ModernJPEG is not supported",
        ),
        (
            vec![base().with(COMPRESSION, short(34887))],
            "compression LERC is not supported",
        ),
        (
            vec![base().with(BITS, short(32))],
            "sample type Uint of 32 bits is not supported",
        ),
        (
            vec![base().with(MATRIX, Field::Double(matrix))],
            "it is rotated",
        ),
        (vec![base().without(PIXEL_SCALE)], "no georeference"),
        (vec![base().without(GEO_KEYS)], "no EPSG code"),
        (
            vec![base().with(TILE_WIDTH, Field::Long(vec![60_000]))],
            "tile size 60000 x 16",
        ),
        (
            vec![base().with(WIDTH, Field::Long(vec![4_000_000_000]))],
            "as many tiles as it needs",
        ),
        (
            vec![base().with(HEIGHT, short(0))],
            "as many tiles as it needs",
        ),
        (
            vec![base().with(TILE_LENGTHS, Field::Long(vec![1, 2]))],
            "as many tiles as it needs",
        ),
        (vec![base(), other_samples], "an overview has other samples"),
    ] {
        let error = refusal(&tiff(&images)).await;
        assert!(error.contains(reason), "{reason}: {error}");
        assert!(error.contains("image.tif"), "{error}");
    }
}

#[tokio::test]
async fn a_file_of_another_kind_or_cut_short_is_refused() {
    let whole = tiff(&[image(16, 16)]);
    assert!(
        refusal(b"<html>not here</html>")
            .await
            .contains("not a TIFF file")
    );
    assert!(refusal(b"").await.contains("opening"));
    assert!(
        refusal(&whole[..whole.len() / 2])
            .await
            .contains("truncated")
    );
    assert!(refusal(&whole[..6]).await.contains("truncated"));

    // The directories are there, but a tile is not.
    let far = image(16, 16).with(TILE_OFFSETS, Field::Long(vec![1_000_000]));
    let (source, cog, _folder) = open(&tiff(&[far])).await.unwrap();
    let error = read::<u16>(&source, &cog, 0, window(0, 0, 1, 1))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("should have byte 1000512"),
        "{error}"
    );
    assert!(!error.is_transient());

    // A tile that is there, but too short.
    let mut short = image(16, 16);
    short.tiles[0].truncate(100);
    let (source, cog, _folder) = open(&tiff(&[short])).await.unwrap();
    let error = read::<u16>(&source, &cog, 0, window(0, 0, 1, 1))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is corrupt"), "{error}");
}

#[tokio::test]
async fn a_header_that_lies_about_its_size_takes_no_memory() {
    // A list of tile offsets of 4 GiB.
    let mut huge = tiff(&[image(16, 16)]);
    let entry = huge
        .windows(4)
        .position(|bytes| bytes == [68, 1, 4, 0])
        .unwrap();
    huge[entry + 4..entry + 8].copy_from_slice(&0x3fff_ffff_u32.to_le_bytes());
    let error = refusal(&huge).await;
    assert!(
        error.contains("tag 324 of a directory has 1073741823 values"),
        "{error}"
    );

    // A BigTIFF directory of 2^60 tags.
    let mut big = b"II+\0\x08\0\0\0".to_vec();
    big.extend(16_u64.to_le_bytes());
    big.extend((1_u64 << 60).to_le_bytes());
    big.extend([0; 64]);
    assert!(refusal(&big).await.contains("tags"));

    // A directory that is its own successor.
    let mut circle = tiff(&[image(16, 16)]);
    let first = u32::from_le_bytes(circle[4..8].try_into().unwrap()) as usize;
    let tags = usize::from(u16::from_le_bytes([circle[first], circle[first + 1]]));
    let link = first + 2 + 12 * tags;
    circle.copy_within(4..8, link);
    assert!(refusal(&circle).await.contains("circle"));
}

#[tokio::test]
async fn a_read_beyond_the_image_or_beyond_the_allowed_bytes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    std::fs::write(&path, tiff(&[image(40, 50)])).unwrap();
    let source = source(SourceConfig {
        max_read_bytes: 3000,
        ..SourceConfig::default()
    });
    let cog = source.open(&Location::Local(path)).await.unwrap();
    let refused = async |level, window| {
        let error = read::<u16>(&source, &cog, level, window).await.unwrap_err();
        error.to_string()
    };
    assert!(
        refused(0, window(0, 0, 41, 1))
            .await
            .contains("has no window")
    );
    assert!(
        refused(0, window(0, 50, 1, 1))
            .await
            .contains("has no window")
    );
    assert!(
        refused(0, window(0, 0, 0, 0))
            .await
            .contains("has no window")
    );
    assert!(refused(1, window(0, 0, 1, 1)).await.contains("level 1"));
    assert!(
        refused(0, window(0, 0, 40, 50))
            .await
            .contains("more than the 3000")
    );
    assert!(
        read::<u16>(&source, &cog, 0, window(0, 0, 16, 16))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_error_is_not_kept_but_an_opened_image_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tif");
    let href = Location::Local(path.clone());
    let source = source(SourceConfig::default());
    assert!(matches!(
        source.open(&href).await,
        Err(SourceError::Image {
            step: "opening",
            ..
        })
    ));
    std::fs::write(&path, tiff(&[image(16, 16)])).unwrap();
    let first = source.open(&href).await.unwrap();
    let second = source.open(&href).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_damaged_file_is_an_error_or_other_pixels_but_never_a_crash(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = tiff(&with_overview());
        // The directories are at the end, and damage there is of interest.
        let tiles = 12 * 512 + 12 * 512 + 4 * 512;
        for (place, value) in places {
            let at = tiles + place.index(bytes.len() - tiles);
            bytes[at] = value;
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            if let Ok((source, cog, _folder)) = open(&bytes).await {
                for level in 0..cog.levels().len() {
                    let all = cog.levels()[level].shape.window();
                    let _ = read::<u16>(&source, &cog, level, all).await;
                }
            }
        });
    }
}

/// Two sums that no two different rasters are likely to share.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the samples are unsigned integers"
)]
fn checksum<T: CogSample>(raster: &Raster<T>) -> (u64, u64) {
    raster
        .data
        .iter()
        .zip((1..=65521).cycle())
        .fold((0, 0), |(sum, weighted), (value, weight)| {
            let value = value.to_f64() as u64;
            (sum + value, weighted + value * weight)
        })
}

/// Real Sentinel-2 images against what GDAL reads. For each level: its rows,
/// the checksum of the whole and that of the window from a third of the rows
/// and a quarter of the columns on, of half the rows and a third of the
/// columns; from rasterio 1.5 (GDAL 3.12):
///
/// ```python
/// def checksum(a):
///     v = a.astype("u8").ravel()
///     w = np.arange(v.size, dtype="u8") % 65521 + 1
///     return int(v.sum()), int((v * w).sum())
/// with rasterio.open(path, overview_level=level - 1) as image:
///     a = image.read(1)
///     n = len(a)
///     print(n, checksum(a), checksum(a[n // 3 : n // 3 + n // 2, n // 4 : n // 4 + n // 3]))
/// ```
#[tokio::test]
async fn real_images_have_the_samples_that_gdal_reads() {
    type Level = (usize, (u64, u64), (u64, u64));
    const RED: [Level; 3] = [
        (
            915,
            (348_125_843, 11_179_681_981_785),
            (63_779_928, 1_978_099_789_120),
        ),
        (
            457,
            (86_942_765, 2_777_412_788_829),
            (15_857_755, 271_268_183_997),
        ),
        (
            228,
            (21_662_345, 581_550_474_160),
            (3_967_729, 16_956_989_557),
        ),
    ];
    const NIR: [Level; 3] = [
        (
            915,
            (2_354_990_705, 75_979_913_988_620),
            (451_076_333, 13_914_696_944_445),
        ),
        (
            457,
            (588_086_678, 18_125_885_871_392),
            (112_150_226, 1_953_518_039_566),
        ),
        (
            228,
            (146_497_910, 3_618_867_368_107),
            (28_041_224, 122_159_550_895),
        ),
    ];
    const CLASSES: [Level; 3] = [
        (915, (4_461_897, 143_606_333_766), (904_402, 27_992_097_306)),
        (457, (1_113_898, 34_683_713_121), (225_007, 3_846_026_891)),
        (228, (277_852, 6_982_008_325), (56_096, 239_339_617)),
    ];
    let Some(folder) = test_data() else {
        return;
    };
    let source = source(SourceConfig::default());
    for (file, levels) in [
        ("S2A_33TWM_20230815_0_L2A/B04.tif", RED),
        ("S2B_33TWL_20230813_0_L2A/B08.tif", NIR),
        ("S2A_33TWL_20230818_0_L2A/SCL.tif", CLASSES),
    ] {
        let path = folder.join("sentinel2-zagreb").join(file);
        let cog = source.open(&Location::Local(path)).await.unwrap();
        assert_eq!((cog.crs(), cog.nodata()), (Epsg(32633), Some(0.0)));
        assert_eq!(cog.levels().len(), levels.len());
        for (level, (n, whole, part)) in levels.into_iter().enumerate() {
            let grid = cog.grid(level).unwrap();
            assert_eq!(grid.shape, Shape { rows: n, cols: n });
            let bounds = cog.grid(0).unwrap().bounds();
            assert!((grid.bounds().east - bounds.east).abs() < 1e-6);
            assert!((grid.bounds().south - bounds.south).abs() < 1e-6);
            for (window, expected) in [
                (grid.shape.window(), whole),
                (window(n / 3, n / 4, n / 2, n / 3), part),
            ] {
                let found = if cog.samples() == SampleType::U8 {
                    checksum(
                        &read::<u8>(&source, &cog, level, window)
                            .await
                            .unwrap()
                            .raster,
                    )
                } else {
                    checksum(
                        &read::<u16>(&source, &cog, level, window)
                            .await
                            .unwrap()
                            .raster,
                    )
                };
                assert_eq!(found, expected, "{file} level {level}");
            }
        }
    }
}
