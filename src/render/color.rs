//! Colours as people write them.

/// The names of HTML 4.01's sixteen colours, and `transparent`.
const NAMES: [(&str, [u8; 4]); 17] = [
    ("transparent", [0; 4]),
    ("black", [0, 0, 0, 255]),
    ("silver", [192, 192, 192, 255]),
    ("gray", [128, 128, 128, 255]),
    ("white", [255, 255, 255, 255]),
    ("maroon", [128, 0, 0, 255]),
    ("red", [255, 0, 0, 255]),
    ("purple", [128, 0, 128, 255]),
    ("fuchsia", [255, 0, 255, 255]),
    ("green", [0, 128, 0, 255]),
    ("lime", [0, 255, 0, 255]),
    ("olive", [128, 128, 0, 255]),
    ("yellow", [255, 255, 0, 255]),
    ("navy", [0, 0, 128, 255]),
    ("blue", [0, 0, 255, 255]),
    ("teal", [0, 128, 128, 255]),
    ("aqua", [0, 255, 255, 255]),
];

/// Red, green, blue and alpha of a name, of three, four, six or eight hexadecimal digits
/// with or without `#`, or of three or four numbers with commas; none of another text.
#[must_use]
pub fn color(text: &str) -> Option<[u8; 4]> {
    let text = text.trim();
    let named = |(name, color): &(&str, [u8; 4])| name.eq_ignore_ascii_case(text).then_some(*color);
    if let Some(color) = NAMES.iter().find_map(named) {
        return Some(color);
    }
    if text.contains(',') {
        let numbers = text.split(',').map(|number| number.trim().parse().ok());
        return opaque(&numbers.collect::<Option<Vec<u8>>>()?);
    }
    hexadecimal(text.strip_prefix('#').unwrap_or(text))
}

/// Three, four, six or eight digits; of the short forms each stands for two.
pub(super) fn hexadecimal(digits: &str) -> Option<[u8; 4]> {
    let digit = |c: char| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = digits.chars().map(digit).collect::<Option<_>>()?;
    let samples: Vec<u8> = match digits.len() {
        3 | 4 => digits.iter().map(|digit| digit * 17).collect(),
        6 | 8 => digits
            .chunks(2)
            .map(|pair| pair[0] * 16 + pair[1])
            .collect(),
        _ => return None,
    };
    opaque(&samples)
}

/// Three samples or, with alpha, four.
pub(super) fn opaque(samples: &[u8]) -> Option<[u8; 4]> {
    match *samples {
        [red, green, blue] => Some([red, green, blue, 255]),
        [red, green, blue, alpha] => Some([red, green, blue, alpha]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_a_name_digits_or_numbers() {
        for text in [
            "#ff0000",
            "f00",
            "F00f",
            "red",
            "Red",
            "255,0,0",
            "255, 0, 0, 255",
        ] {
            assert_eq!(color(text), Some([255, 0, 0, 255]), "{text}");
        }
        assert_eq!(color("#01020380"), Some([1, 2, 3, 128]));
        assert_eq!(color("transparent"), Some([0; 4]));
        for text in ["", "#", "#12345", "rot", "1,2", "1,2,3,4,5", "1,2,256"] {
            assert_eq!(color(text), None, "{text}");
        }
    }
}
