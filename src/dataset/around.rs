//! Where on an axis a wanted value is, whatever the order of its values.

/// The places around a wanted value; axes need not be in order. Of equal values
/// the first is taken.
pub(super) struct Around {
    pub(super) exact: Option<usize>,
    /// Greatest value that is not above.
    pub(super) before: Option<usize>,
    /// Least value that is not below.
    pub(super) after: Option<usize>,
    pub(super) nearest: Option<usize>,
}

impl Around {
    /// From the distance of each value to the wanted one, `None` for a value
    /// that is none.
    pub(super) fn of<D>(distances: impl Iterator<Item = Option<D>>) -> Self
    where
        D: Copy + PartialOrd + Default + std::ops::Neg<Output = D>,
    {
        let zero = D::default();
        let (mut exact, mut before, mut after) = (None, None::<(usize, D)>, None::<(usize, D)>);
        for (n, distance) in distances.enumerate() {
            let Some(distance) = distance else { continue };
            if distance == zero {
                exact = exact.or(Some(n));
            }
            if distance <= zero && before.is_none_or(|(_, best)| distance > best) {
                before = Some((n, distance));
            }
            if distance >= zero && after.is_none_or(|(_, best)| distance < best) {
                after = Some((n, distance));
            }
        }
        let nearest = match (before, after) {
            (Some((a, below)), Some((b, above))) => Some(if -below < above { a } else { b }),
            (a, b) => a.or(b).map(|(n, _)| n),
        };
        Self {
            exact,
            before: before.map(|(n, _)| n),
            after: after.map(|(n, _)| n),
            nearest,
        }
    }
}
