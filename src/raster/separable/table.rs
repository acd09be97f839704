//! Where the pixels of one target axis are along one source axis.

use std::ops::Range;

use crate::raster::{Resampling, areas::SLIVER};

/// For each target pixel along one axis: between which two source pixels its
/// centre lies, and how far; and, if its edges are known, what it covers.
#[derive(Clone, Debug)]
pub struct AxisTable {
    len: usize,
    is_periodic: bool,
    pub(super) entries: Vec<Option<AxisEntry>>,
    pub(crate) spans: Vec<Option<Span>>,
}

/// The source pixels around one position.
#[derive(Clone, Copy, Debug)]
pub(super) struct AxisEntry {
    /// The pixel that holds the position.
    pub(super) nearest: usize,
    /// The two pixels whose centres surround it, and one more on either side.
    pub(super) before: usize,
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) after: usize,
    /// Whether the source has all four; those that it has not are replaced by
    /// its first or last.
    pub(super) has_four: bool,
    /// Weight of `high`, 0 to 1.
    pub(super) weight: f64,
}

impl AxisEntry {
    /// The entry of a fractional position; none outside `0..len`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the position is checked to lie in 0..len, and len is far below 2^52"
    )]
    pub(super) fn at(position: f64, len: usize) -> Option<Self> {
        (position >= 0.0 && position < len as f64).then(|| {
            let centre = position - 0.5;
            let low = centre.floor();
            let last = len.saturating_sub(1);
            let cut = |pixel: f64| (pixel.max(0.0) as usize).min(last);
            Self {
                nearest: position as usize,
                before: cut(low - 1.0),
                low: cut(low),
                high: cut(low + 1.0),
                after: cut(low + 2.0),
                has_four: low >= 1.0 && low + 2.0 < len as f64,
                weight: centre - low,
            }
        })
    }

    /// The entry of a fractional position on an axis whose end is its start.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the position is brought into 0..len, and len is far below 2^52"
    )]
    fn around(position: f64, len: usize) -> Option<Self> {
        let turn = len as f64;
        let position = position.rem_euclid(turn);
        if len == 0 || !position.is_finite() {
            return None;
        }
        // A position just below 0 is rounded up to a whole turn.
        let position = if position < turn { position } else { 0.0 };
        let centre = position - 0.5;
        let low = centre.floor();
        let wrapped = |pixel: f64| pixel.rem_euclid(turn) as usize;
        Some(Self {
            nearest: position as usize,
            before: wrapped(low - 1.0),
            low: wrapped(low),
            high: wrapped(low + 1.0),
            after: wrapped(low + 2.0),
            has_four: true,
            weight: centre - low,
        })
    }

    /// The `N` pixels, an even number, whose centres surround the position, half
    /// of them on either side; none beyond the ends of an axis that does not
    /// close on itself.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "pixels are far below 2^52, and those cast back are on the axis"
    )]
    pub(super) fn surrounding<const N: usize>(
        &self,
        len: usize,
        is_periodic: bool,
    ) -> [Option<usize>; N] {
        let len = len as i64;
        // `low` itself may have been replaced by the first pixel.
        let low = self.nearest as i64 - i64::from(self.weight >= 0.5);
        let first = low + 1 - (N / 2) as i64;
        std::array::from_fn(|n| {
            let pixel = first + n as i64;
            if is_periodic {
                Some(pixel.rem_euclid(len) as usize)
            } else {
                (0..len).contains(&pixel).then_some(pixel as usize)
            }
        })
    }
}

/// The stretch of a source axis that a target pixel covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    low: f64,
    high: f64,
    /// Its first source pixel, and the one after the last.
    start: i64,
    end: i64,
}

impl Span {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "positions on an axis are far below 2^52"
    )]
    fn new(low: f64, high: f64) -> Option<Self> {
        (low < high).then(|| Self {
            low,
            high,
            start: low.floor() as i64,
            end: high.ceil() as i64,
        })
    }

    /// Its source pixels and how much of each it covers. If there are more than
    /// `depth`, only as many, evenly spaced and alike in weight: those depend
    /// on the span alone.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "pixels and depths are far below 2^52"
    )]
    fn cells(self, depth: Option<u32>) -> impl Iterator<Item = (i64, f64)> {
        let count = self.end - self.start;
        let picks = depth.map(i64::from).filter(|depth| count > *depth);
        (0..picks.unwrap_or(count)).map(move |n| {
            if let Some(picks) = picks {
                let share = (n as f64 + 0.5) / picks as f64;
                let at = self.low + share * (self.high - self.low);
                ((at.floor() as i64).min(self.end - 1), 1.0)
            } else {
                let cell = self.start + n;
                let end = self.high.min(cell as f64 + 1.0);
                (cell, end - self.low.max(cell as f64))
            }
        })
    }
}

impl AxisTable {
    /// A table from the fractional source positions of the target centres;
    /// positions outside `0..len` have no source pixel.
    #[must_use]
    pub fn new(positions: impl IntoIterator<Item = f64>, len: usize) -> Self {
        Self {
            len,
            is_periodic: false,
            entries: positions
                .into_iter()
                .map(|position| AxisEntry::at(position, len))
                .collect(),
            spans: Vec::new(),
        }
    }

    /// A table for an axis that closes on itself, as the longitudes of the
    /// whole Earth do: position `len` is position 0, so there is no seam, and
    /// positions that are any number of turns away are the same.
    #[must_use]
    pub fn periodic(positions: impl IntoIterator<Item = f64>, len: usize) -> Self {
        Self {
            len,
            is_periodic: true,
            entries: positions
                .into_iter()
                .map(|position| AxisEntry::around(position, len))
                .collect(),
            spans: Vec::new(),
        }
    }

    /// The table with the fractional source positions of the edges between the
    /// target pixels, one more than there are pixels, rising or falling.
    /// What is of areas ([`Resampling::is_of_areas`]) needs them: without, a
    /// pixel covers nothing.
    ///
    /// # Panics
    /// If there is not one edge more than there are pixels.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the length of an axis is far below 2^52"
    )]
    pub fn with_edges(mut self, edges: impl IntoIterator<Item = f64>) -> Self {
        let edges: Vec<f64> = edges.into_iter().collect();
        assert_eq!(edges.len(), self.entries.len() + 1, "edges of the pixels");
        let len = self.len as f64;
        self.spans = (edges.windows(2))
            .map(|pair| {
                let (low, high) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
                if self.is_periodic {
                    // No pixel needs more than all there is.
                    Span::new(low, high.min(low + len))
                } else {
                    Span::new(low.max(0.0), high.min(len))
                }
            })
            .collect();
        self
    }

    /// [`AxisEntry::surrounding`] of this axis.
    pub(super) fn surrounding<const N: usize>(&self, entry: &AxisEntry) -> [Option<usize>; N] {
        entry.surrounding(self.len, self.is_periodic)
    }

    /// Number of target pixels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no target pixel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the centre of a target pixel lies in the source. Where samples
    /// have no value that means missing, only this tells what is outside.
    #[must_use]
    pub fn is_inside(&self, pixel: usize) -> bool {
        self.entries.get(pixel).is_some_and(Option::is_some)
    }

    /// The source pixels that resampling by this table reads, from the first
    /// to the last; `None` if none. [`AxisTable::chunks`] is closer where the
    /// axis is periodic and a target crosses its ends.
    #[must_use]
    pub fn range(&self, resampling: Resampling) -> Option<Range<usize>> {
        let mut ends: Option<(usize, usize)> = None;
        self.visit(resampling, None, |pixel| {
            let (low, high) = ends.unwrap_or((pixel, pixel));
            ends = Some((low.min(pixel), high.max(pixel)));
        });
        ends.map(|(low, high)| low..high + 1)
    }

    /// The chunks, of `side` source pixels each, that resampling by this table
    /// reads, in rising order.
    #[must_use]
    pub fn chunks(&self, resampling: Resampling, side: usize) -> Vec<usize> {
        self.chunks_at_depth(resampling, None, side)
    }

    /// The chunks that hold the source pixels of a mean over at most `depth`
    /// of them for each target pixel, or over all, in rising order.
    pub(crate) fn chunks_at_depth(
        &self,
        resampling: Resampling,
        depth: Option<u32>,
        side: usize,
    ) -> Vec<usize> {
        let mut is_read = vec![false; self.len.div_ceil(side.max(1))];
        self.visit(resampling, depth, |pixel| is_read[pixel / side] = true);
        let numbered = is_read.into_iter().enumerate();
        numbered.filter_map(|(n, read)| read.then_some(n)).collect()
    }

    /// Calls `visit` with every source pixel that is read, some more than once.
    fn visit(&self, resampling: Resampling, depth: Option<u32>, mut visit: impl FnMut(usize)) {
        let entries = self.entries.iter().flatten();
        match resampling {
            Resampling::Nearest => entries.for_each(|e| visit(e.nearest)),
            Resampling::Bilinear => entries.for_each(|e| {
                [e.low, e.high].into_iter().for_each(&mut visit);
            }),
            Resampling::Cubic | Resampling::CubicSpline => entries.for_each(|e| {
                let four = [e.before, e.low, e.high, e.after];
                four.into_iter().for_each(&mut visit);
            }),
            Resampling::Lanczos => entries.for_each(|e| {
                let six = self.surrounding::<6>(e);
                six.into_iter().flatten().for_each(&mut visit);
            }),
            Resampling::Average
            | Resampling::Mode
            | Resampling::Max
            | Resampling::Min
            | Resampling::Med
            | Resampling::Q1
            | Resampling::Q3
            | Resampling::Sum
            | Resampling::Rms => {
                for span in self.spans.iter().flatten() {
                    self.cells(*span, depth).for_each(|(pixel, _)| visit(pixel));
                }
            }
        }
    }

    /// The source pixels of a span and their weights.
    pub(crate) fn cells(
        &self,
        span: Span,
        depth: Option<u32>,
    ) -> impl Iterator<Item = (usize, f64)> {
        let len = i64::try_from(self.len).unwrap_or(i64::MAX).max(1);
        span.cells(depth).map(move |(cell, weight)| {
            let cell = if cell < 0 || cell >= len {
                cell.rem_euclid(len)
            } else {
                cell
            };
            // Not negative, so it never falls back.
            (usize::try_from(cell).unwrap_or(0), weight)
        })
    }

    /// The source pixels of which a target pixel covers more than an edge, and
    /// how much of each.
    pub(super) fn covered(&self, pixel: usize) -> impl Iterator<Item = (usize, f64)> {
        let span = self.spans.get(pixel).copied().flatten();
        span.into_iter().flat_map(|span| {
            let least = SLIVER * (span.high - span.low);
            let cells = self.cells(span, None);
            cells.filter(move |(_, weight)| *weight > least)
        })
    }

    /// How many source pixels the target pixels cover, all of them together and
    /// the one that covers most.
    #[must_use]
    pub fn cells_covered(&self) -> [usize; 2] {
        let counts = self.spans.iter().flatten();
        let counts = counts.map(|span| usize::try_from(span.end - span.start).unwrap_or(0));
        counts.fold([0, 0], |[all, most], count| [all + count, most.max(count)])
    }

    /// The target pixels from the first to the last that cover a source pixel
    /// of `held`.
    pub(crate) fn touching(&self, held: &Range<usize>) -> Option<Range<usize>> {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (len, start, end) = (number(self.len), number(held.start), number(held.end));
        let touches = |n: &usize| {
            self.spans[*n].is_some_and(|span| {
                let first = span.start.rem_euclid(len);
                let last = first + (span.end - span.start);
                // It may go on from the end of a periodic axis at its start.
                (first < end && start < last) || (first < end + len && start + len < last)
            })
        };
        let first = (0..self.spans.len()).find(touches)?;
        let last = (first..self.spans.len()).rfind(touches)?;
        Some(first..last + 1)
    }
}
