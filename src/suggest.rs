//! The nearest valid name to a mistyped one.

/// The candidate most like `name`, if any is like it at all.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this Jaro-Winkler similarity a suggestion would only puzzle.
    const ALIKE: f64 = 0.7;
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The end of a sentence that names the candidate most like `name`; nothing if none
/// is.
#[must_use]
pub fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |best| format!("; did you mean `{best}`?"))
}

/// Adds the nearest valid key to serde's message for an unknown one
/// ("unknown field `bnads`, expected one of `stac`, `bands`").
#[must_use]
pub fn explain_unknown_field(message: &str) -> String {
    let message = message.trim_end();
    let Some((_, rest)) = message.split_once("unknown field `") else {
        return message.to_owned();
    };
    // Backticks close the unknown name, then open and close each valid one.
    let mut parts = rest.split('`');
    let name = parts.next().unwrap_or_default();
    match nearest(name, parts.skip(1).step_by(2)) {
        Some(best) => format!("{message}\nhelp: did you mean `{best}`?"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_answered_with_the_key_that_was_meant() {
        let text = "unknown field `resolutoin`, expected one of `bounds`, `resolution`, `chunk`";
        assert!(explain_unknown_field(text).ends_with("help: did you mean `resolution`?"));
    }

    #[test]
    fn nothing_is_suggested_where_nothing_is_alike() {
        let text = "unknown field `zzz`, expected `bounds` or `chunk`";
        assert_eq!(explain_unknown_field(text), text);
        assert_eq!(nearest("red", ["green", "blue"]), None);
        assert_eq!(hint("red", ["green", "blue"]), "");
        assert_eq!(hint("grene", ["green", "blue"]), "; did you mean `green`?");
    }
}
