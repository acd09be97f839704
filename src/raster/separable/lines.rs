//! What was made of the source rows around a target row.

/// One thing of each source row around a target row, kept for the next one:
/// where a tile magnifies, most of its rows are between the same two.
pub(super) struct Lines<L, const ROWS: usize> {
    slots: [Slot<L>; ROWS],
}

struct Slot<L> {
    row: Option<usize>,
    line: L,
}

impl<L, const ROWS: usize> Lines<L, ROWS> {
    pub(super) fn new(mut line: impl FnMut() -> L) -> Self {
        Self {
            slots: std::array::from_fn(|_| Slot {
                row: None,
                line: line(),
            }),
        }
    }

    /// Those of these rows, in this order; `read` makes those not held.
    pub(super) fn hold(
        &mut self,
        rows: [usize; ROWS],
        mut read: impl FnMut(usize, &mut L),
    ) -> [&L; ROWS] {
        for (n, row) in rows.into_iter().enumerate() {
            let slots = &mut self.slots[n..];
            if let Some(held) = slots.iter().position(|slot| slot.row == Some(row)) {
                slots.swap(0, held);
                continue;
            }
            let is_wanted = |slot: &Slot<L>| slot.row.is_some_and(|row| rows.contains(&row));
            let free = slots.iter().position(|slot| !is_wanted(slot)).unwrap_or(0);
            slots.swap(0, free);
            read(row, &mut slots[0].line);
            slots[0].row = Some(row);
        }
        self.slots.each_ref().map(|slot| &slot.line)
    }
}
