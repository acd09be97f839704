//! The STAC API query extension, as far as it compares single properties:
//! sent to an API as it is, and applied here to what comes back, so that a
//! static catalogue and an API that ignores it give the same scenes.
//! See <https://github.com/stac-api-extensions/query>.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::SourceError;

/// Conditions on the properties of an item, all of which must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    conditions: Vec<Condition>,
    text: Option<Value>,
}

#[derive(Clone, Debug)]
struct Condition {
    property: String,
    operator: Operator,
    operand: Value,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    StartsWith,
    EndsWith,
    Contains,
    In,
}

impl Operator {
    const ALL: [(&'static str, Self); 10] = [
        ("eq", Self::Eq),
        ("neq", Self::Neq),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("startsWith", Self::StartsWith),
        ("endsWith", Self::EndsWith),
        ("contains", Self::Contains),
        ("in", Self::In),
    ];
}

impl Query {
    /// # Errors
    /// Of another form than `{"property": {"operator": value}}`.
    pub(super) fn parse(text: &Value) -> Result<Self, SourceError> {
        let object = |value: &Value, of: &str| {
            value.as_object().cloned().ok_or_else(|| {
                SourceError::Query(format!(
                    "{of} is an object, as in {{\"eo:cloud_cover\": {{\"lt\": 60}}}}"
                ))
            })
        };
        let mut conditions = Vec::new();
        for (property, comparisons) in object(text, "it")? {
            for (name, operand) in object(&comparisons, &format!("`{property}`"))? {
                let operator = Operator::ALL
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, operator)| *operator)
                    .ok_or_else(|| {
                        let known: Vec<&str> = Operator::ALL.iter().map(|(n, _)| *n).collect();
                        SourceError::Query(format!(
                            "`{property}` has an unknown operator `{name}`; known are {}",
                            known.join(", ")
                        ))
                    })?;
                conditions.push(Condition {
                    property: property.clone(),
                    operator,
                    operand,
                });
            }
        }
        Ok(Self {
            conditions,
            text: Some(text.clone()),
        })
    }

    /// As it was given, to be sent to an API.
    pub(super) fn text(&self) -> Option<&Value> {
        self.text.as_ref()
    }

    /// Whether an item with these properties is asked for. One that lacks a
    /// property is not.
    pub(super) fn matches(&self, properties: &Map<String, Value>) -> bool {
        self.conditions.iter().all(|condition| {
            properties
                .get(&condition.property)
                .is_some_and(|value| condition.holds(value))
        })
    }
}

impl Condition {
    fn holds(&self, value: &Value) -> bool {
        let order = || order(value, &self.operand);
        let texts = || value.as_str().zip(self.operand.as_str());
        match self.operator {
            Operator::Eq => equal(value, &self.operand),
            Operator::Neq => !equal(value, &self.operand),
            Operator::Lt => order() == Some(Ordering::Less),
            Operator::Lte => order().is_some_and(Ordering::is_le),
            Operator::Gt => order() == Some(Ordering::Greater),
            Operator::Gte => order().is_some_and(Ordering::is_ge),
            Operator::StartsWith => texts().is_some_and(|(text, part)| text.starts_with(part)),
            Operator::EndsWith => texts().is_some_and(|(text, part)| text.ends_with(part)),
            Operator::Contains => match value.as_array() {
                Some(values) => values.iter().any(|one| equal(one, &self.operand)),
                None => texts().is_some_and(|(text, part)| text.contains(part)),
            },
            Operator::In => self
                .operand
                .as_array()
                .is_some_and(|values| values.iter().any(|one| equal(value, one))),
        }
    }
}

/// Equality in which 60 is 60.0.
fn equal(a: &Value, b: &Value) -> bool {
    a == b || order(a, b) == Some(Ordering::Equal)
}

/// Numbers by value; texts by character, which orders RFC 3339 times too.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    if let Some((a, b)) = a.as_f64().zip(b.as_f64()) {
        return a.partial_cmp(&b);
    }
    a.as_str().zip(b.as_str()).map(|(a, b)| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(query: &Value, properties: &Value) -> bool {
        Query::parse(query)
            .unwrap()
            .matches(properties.as_object().unwrap())
    }

    #[test]
    fn all_conditions_must_hold() {
        let item = json!({
            "eo:cloud_cover": 12.5, "platform": "sentinel-2a",
            "s2:processing_baseline": "05.09", "instruments": ["msi"],
        });
        for (query, expected) in [
            (json!({}), true),
            (json!({"eo:cloud_cover": {"lt": 60}}), true),
            (json!({"eo:cloud_cover": {"lt": 12.5}}), false),
            (json!({"eo:cloud_cover": {"lte": 12.5, "gte": 12.5}}), true),
            (json!({"eo:cloud_cover": {"gt": 5, "lt": 10}}), false),
            (
                json!({"platform": {"eq": "sentinel-2a"}, "eo:cloud_cover": {"gt": 50}}),
                false,
            ),
            (json!({"platform": {"neq": "sentinel-2b"}}), true),
            (
                json!({"platform": {"in": ["sentinel-2b", "sentinel-2a"]}}),
                true,
            ),
            (json!({"platform": {"startsWith": "sentinel"}}), true),
            (json!({"platform": {"endsWith": "2b"}}), false),
            (json!({"platform": {"contains": "-2"}}), true),
            (json!({"instruments": {"contains": "msi"}}), true),
            (json!({"s2:processing_baseline": {"gte": "04.00"}}), true),
            (json!({"absent": {"neq": 1}}), false),
        ] {
            assert_eq!(matches(&query, &item), expected, "{query}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_not_ignored() {
        let error = |query: Value| Query::parse(&query).unwrap_err().to_string();
        assert!(error(json!({"eo:cloud_cover": {"less": 60}})).contains("unknown operator `less`"));
        assert!(error(json!({"eo:cloud_cover": 60})).contains("`eo:cloud_cover` is an object"));
        assert!(error(json!([1])).contains("it is an object"));
    }
}
