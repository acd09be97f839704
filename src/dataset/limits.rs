//! How much of a stranger's metadata is looked at. Each limit is far above
//! what real stores have, and low enough that a document made to hurt cannot.

use super::DatasetError;

/// Bytes of one metadata document; consolidated ones of large stores have some
/// megabytes.
pub const DOCUMENT_BYTES: usize = 64 << 20;
/// Groups and arrays of a store.
pub const NODES: usize = 20_000;
/// Rasters of one group; each is compared with all arrays beside it.
pub const RASTERS: usize = 4096;
/// Groups between the root and an array.
pub const DEPTH: usize = 16;
/// Bytes of a name of a node or dimension, of a unit, of a label.
pub const NAME_BYTES: usize = 512;
/// Bytes of all attributes of one node.
pub const ATTRIBUTE_BYTES: usize = 1 << 20;
/// Dimensions of an array.
pub const DIMENSIONS: usize = 16;
/// Values of a coordinate: 4 Mi, a global axis of 0.0001 degrees.
pub const COORDINATE_VALUES: u64 = 4 << 20;
/// Values of all coordinates of a data set together, 128 MiB of them.
pub const ALL_COORDINATE_VALUES: u64 = 16 << 20;
/// Rows or columns of a grid, so that pixel counts are exact as floats and
/// sizes cannot overflow.
pub const GRID_SIDE: u64 = 1 << 31;
/// Levels of a pyramid.
pub const LEVELS: usize = 32;

/// Checks `found` against a limit.
pub(super) fn check(what: &str, found: usize, limit: usize) -> Result<(), DatasetError> {
    if found <= limit {
        return Ok(());
    }
    Err(DatasetError::TooLarge {
        what: what.to_owned(),
        found: found.try_into().unwrap_or(u64::MAX),
        limit: limit.try_into().unwrap_or(u64::MAX),
    })
}

/// The start of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    /// As much as fits a line of a terminal.
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_may_be_reached_and_not_passed() {
        assert!(check("names", 4, 4).is_ok());
        let message = check("names", 5, 4).unwrap_err().to_string();
        assert!(message.contains("names") && message.contains('5') && message.contains('4'));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(
            shortened(&"ä".repeat(200)),
            format!("{}...", "ä".repeat(80))
        );
    }
}
