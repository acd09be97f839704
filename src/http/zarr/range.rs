//! Single ranges of bytes (RFC 9110, section 14).

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What a client asks for of an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Whole,
    Part(Range<u64>),
    /// There is no byte of it.
    Beyond,
}

/// What is asked for of an object of a length, which has an `ETag`. What is not
/// understood, several ranges for one, is as if it were not there.
pub(super) fn asked(headers: &HeaderMap, etag: &str, length: u64) -> Asked {
    let is_of_another = headers
        .get(header::IF_RANGE)
        .is_some_and(|tag| tag.as_bytes() != etag.as_bytes());
    let text = headers.get(header::RANGE);
    let text = text.and_then(|text| text.to_str().ok());
    let range = text
        .filter(|_| !is_of_another)
        .and_then(|text| text.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'));
    match range {
        None => Asked::Whole,
        Some((first, last)) => part(first.trim(), last.trim(), length).unwrap_or(Asked::Whole),
    }
}

fn part(first: &str, last: &str, length: u64) -> Option<Asked> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(is_number(first) && is_number(last)) {
        return None;
    }
    // What is beyond u64 is beyond the end too.
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    let range = match (first, last) {
        ("", "") => return None,
        ("", count) => length.saturating_sub(number(count))..length,
        (first, "") => number(first)..length,
        (first, last) if number(first) <= number(last) => {
            number(first)..length.min(number(last).saturating_add(1))
        }
        _ => return None,
    };
    Some(if range.start < range.end {
        Asked::Part(range)
    } else {
        Asked::Beyond
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str, if_range: Option<&str>) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        if let Some(tag) = if_range {
            headers.insert(header::IF_RANGE, tag.parse().unwrap());
        }
        asked(&headers, "\"a\"", 100)
    }

    #[test]
    fn a_range_is_counted_from_the_start_or_from_the_end_and_never_beyond() {
        for (range, expected) in [
            ("bytes=0-9", Asked::Part(0..10)),
            ("bytes=90-", Asked::Part(90..100)),
            ("bytes=-16", Asked::Part(84..100)),
            ("bytes=-160", Asked::Part(0..100)),
            ("bytes=99-1000", Asked::Part(99..100)),
            ("bytes=5-99999999999999999999", Asked::Part(5..100)),
            ("bytes=100-", Asked::Beyond),
            ("bytes=100-110", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=9-5", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=0-1,4-5", Asked::Whole),
            ("lines=0-9", Asked::Whole),
        ] {
            assert_eq!(of(range, None), expected, "{range}");
        }
        assert_eq!(asked(&HeaderMap::new(), "\"a\"", 100), Asked::Whole);
    }

    #[test]
    fn a_range_of_an_object_that_has_changed_is_all_of_it() {
        assert_eq!(of("bytes=0-9", Some("\"a\"")), Asked::Part(0..10));
        assert_eq!(of("bytes=0-9", Some("\"b\"")), Asked::Whole);
    }
}
