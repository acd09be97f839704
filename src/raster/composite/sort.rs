//! Sorting networks: the comparisons do not depend on the values, so that one
//! of them is done for many pixels at once, and without a branch.

/// The comparators of a network that sorts `len` elements, in the order in
/// which they have to be applied: each is told `(i, j)` with `i < j`, and must
/// put the lesser of the two elements at `i`. This is Batcher's merge exchange
/// (Knuth, The Art of Computer Programming 3, 5.2.2, Algorithm M).
pub(super) fn merge_exchange(len: usize, mut exchange: impl FnMut(usize, usize)) {
    if len < 2 {
        return;
    }
    let top = len.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut distance) = (top, 0, p);
        loop {
            let end = len - distance;
            // The runs of those i for which i & p == r.
            for run in (r..end).step_by(2 * p) {
                for i in run..end.min(run + p) {
                    exchange(i, i + distance);
                }
            }
            if q == p {
                break;
            }
            distance = q - p;
            q /= 2;
            r = p;
        }
        p /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network that sorts all sequences of 0 and 1 sorts everything (the
    /// zero-one principle, ibid., Theorem Z).
    #[test]
    fn every_sequence_of_zeros_and_ones_is_sorted() {
        for len in 0..=14 {
            for bits in 0_u32..1 << len {
                let mut values: Vec<u32> = (0..len).map(|n| bits >> n & 1).collect();
                merge_exchange(values.len(), |i, j| {
                    if values[i] > values[j] {
                        values.swap(i, j);
                    }
                });
                assert!(values.is_sorted(), "{bits:b} of {len}");
            }
        }
    }

    #[test]
    fn descending_sequences_of_any_length_are_sorted() {
        for len in 0..200 {
            let mut values: Vec<usize> = (0..len).rev().collect();
            merge_exchange(len, |i, j| {
                if values[i] > values[j] {
                    values.swap(i, j);
                }
            });
            assert!(values.is_sorted(), "{len}");
        }
    }
}
