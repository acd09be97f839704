//! A dimension other than x and y, and the values that it can be selected by.

use super::{
    cf::{Role, TimeAxis},
    limits,
};

/// The values of a coordinate as they were read, undecoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floats, and integers that are not times.
    Numbers(Vec<f64>),
    /// Integers, exactly: times in nanoseconds are beyond a float's precision.
    Integers(Vec<i64>),
    /// Text.
    Texts(Vec<String>),
    /// The reason why they cannot be read, such as an unsupported codec. The
    /// dimension can still be selected from by index.
    Unreadable(String),
}

impl Values {
    /// Number of values; none where they could not be read.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Unreadable(_) => 0,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values as floats, unless they are text.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "integers of coordinates beyond 2^53 are times, which are taken as they are"
    )]
    pub(super) fn floats(&self) -> Option<Vec<f64>> {
        match self {
            Self::Numbers(values) => Some(values.clone()),
            Self::Integers(values) => Some(values.iter().map(|value| *value as f64).collect()),
            Self::Texts(_) | Self::Unreadable(_) => None,
        }
    }
}

/// A dimension other than x and y.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Name of the dimension.
    pub name: String,
    /// Its length.
    pub len: usize,
    /// [`Role::Time`] or [`Role::Other`].
    pub role: Role,
    /// What it can be selected by.
    pub values: AxisValues,
    /// Units of its coordinate, if that has any.
    pub units: Option<String>,
}

/// What a dimension can be selected by.
#[derive(Clone, Debug, PartialEq)]
pub enum AxisValues {
    /// Decoded instants.
    Times(TimeAxis),
    /// Numbers, among them times that are not decoded.
    Numbers(Vec<f64>),
    /// Text.
    Texts(Vec<String>),
    /// Indices from 0: there is no coordinate, or it cannot be read.
    Indices,
}

impl Axis {
    /// The text of a value.
    ///
    /// # Panics
    /// If there is no such index.
    #[must_use]
    pub fn label(&self, index: usize) -> String {
        match &self.values {
            AxisValues::Times(times) => times.label(index),
            AxisValues::Numbers(values) => values[index].to_string(),
            AxisValues::Texts(values) => values[index].clone(),
            AxisValues::Indices => {
                assert!(index < self.len, "index {index} of {} indices", self.len);
                index.to_string()
            }
        }
    }

    /// What its values are, for messages.
    #[must_use]
    pub(super) fn kind(&self) -> &'static str {
        match &self.values {
            AxisValues::Times(_) => "date (write 2023-08-01, 2023-08 or 2023-08-01T00:00:00Z)",
            AxisValues::Numbers(_) => "number",
            AxisValues::Texts(_) => "text",
            AxisValues::Indices => "index",
        }
    }

    /// Some of its values, for messages.
    #[must_use]
    pub(super) fn some_labels(&self) -> String {
        /// As many as a person reads.
        const SHOWN: usize = 8;
        let shown: Vec<String> = (0..self.len.min(SHOWN))
            .map(|n| limits::shortened(&self.label(n)))
            .collect();
        let more = if self.len > SHOWN {
            let last = self.label(self.len - 1);
            format!(" and so on to {}", limits::shortened(&last))
        } else {
            String::new()
        };
        shown.join(", ") + &more
    }
}
