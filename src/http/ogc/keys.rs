//! A query of which some keys are the protocol's and the others a tile's.

use std::collections::BTreeMap;

/// A key of a protocol stands there twice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Twice(pub(super) &'static str);

/// A query in two parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    known: BTreeMap<&'static str, String>,
    /// What is left, as it was written.
    pub(super) rest: String,
}

impl Keys {
    /// Takes out what has one of the `known` keys, in any case.
    pub(super) fn taken_out(query: &str, known: &[&'static str]) -> Result<Self, Twice> {
        let mut keys = Self::default();
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else {
                continue;
            };
            match known.iter().find(|key| key.eq_ignore_ascii_case(&name)) {
                None => rest.push(pair),
                Some(key) => {
                    let value = value.into_owned();
                    // Clients add what the address of the service has already.
                    if keys.known.get(key).is_some_and(|known| *known != value) {
                        return Err(Twice(key));
                    }
                    keys.known.insert(key, value);
                }
            }
        }
        keys.rest = rest.join("&");
        Ok(keys)
    }

    /// The value of a key; an empty one is none.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let value = self.known.get(key).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }
}

/// A query with one more pair.
pub(super) fn with(query: &str, name: &str, value: &str) -> String {
    let mut all = form_urlencoded::Serializer::new(query.to_owned());
    all.append_pair(name, value).finish()
}

/// Two queries as one.
pub(super) fn joined(one: &str, other: &str) -> String {
    let both = if one.is_empty() || other.is_empty() {
        ""
    } else {
        "&"
    };
    format!("{one}{both}{other}")
}

/// Whether a query is of several time steps, which it names itself.
pub(super) fn is_of_steps(query: &str) -> bool {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.any(|(name, _)| name == "reduce")
}

/// A query without what selects a time, unless it is of several time steps: these it says.
pub(super) fn without_time(query: &str) -> String {
    if is_of_steps(query) {
        return query.to_owned();
    }
    let is_time = |pair: &&str| pair.split('=').next() == Some("sel");
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_time(pair)).collect();
    kept.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_protocol_are_taken_out_in_any_case_and_the_others_stay_as_they_are() {
        let query = "Service=WMTS&rescale=0,3000&tileROW=3&%54ime=2023-08-01&&variable=r%26d";
        let keys = Keys::taken_out(query, &["SERVICE", "TILEROW", "TIME", "LAYER"]).unwrap();
        assert_eq!(keys.rest, "rescale=0,3000&variable=r%26d");
        assert_eq!(keys.get("SERVICE"), Some("WMTS"));
        assert_eq!(keys.get("TILEROW"), Some("3"));
        assert_eq!(keys.get("TIME"), Some("2023-08-01"));
        assert_eq!(keys.get("LAYER"), None);
        let same = Keys::taken_out("time=1&TIME=1", &["TIME"]).unwrap();
        assert_eq!(same.get("TIME"), Some("1"));
        let twice = Keys::taken_out("time=1&TIME=2", &["TIME"]);
        assert_eq!(twice, Err(Twice("TIME")));
    }

    #[test]
    fn the_style_stays_in_the_query_and_the_time_does_not() {
        let query = "variable=red&sel=time=2023-08-01&rescale=0,3000";
        assert_eq!(without_time(query), "variable=red&rescale=0,3000");
        assert_eq!(without_time(""), "");
        let reduced = "reduce=max&sel=time=2023-08/2023-09";
        assert_eq!(without_time(reduced), reduced);
        assert_eq!(without_time("sel=time%3D2023-08-01"), "");
        assert_eq!(with("a=1", "sel", "time=2"), "a=1&sel=time%3D2");
    }
}
