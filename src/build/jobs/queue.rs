//! Whose chunk is next: what somebody looks at first, and else each job in
//! turn. A chunk that several jobs ask for is built once, for all of them.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::{build::plan::BATCH_SIDE, grid::ChunkIndex};

/// A full-resolution chunk at a time step. Small, since there may be a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) time: u32,
    pub(super) row: u32,
    pub(super) col: u32,
}

impl Place {
    /// Cubes have far fewer than 2^32 time steps and chunks along an axis.
    pub(super) fn new(time: usize, chunk: ChunkIndex) -> Self {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            time: small(time),
            row: small(chunk.row),
            col: small(chunk.col),
        }
    }

    pub(super) fn time(self) -> usize {
        self.time as usize
    }

    pub(super) fn chunk(self) -> ChunkIndex {
        ChunkIndex {
            row: self.row as usize,
            col: self.col as usize,
        }
    }

    pub(super) fn to_array(self) -> [usize; 3] {
        let chunk = self.chunk();
        [self.time(), chunk.row, chunk.col]
    }

    /// Whether a cube of so many time steps, chunk rows and chunk columns has it.
    pub(super) fn is_within(self, shape: [usize; 3]) -> bool {
        std::iter::zip(self.to_array(), shape).all(|(at, len)| at < len)
    }

    /// What shares a search with it.
    fn block(self) -> (u32, usize, usize) {
        let chunk = self.chunk();
        (self.time, chunk.row / BATCH_SIDE, chunk.col / BATCH_SIDE)
    }
}

/// A job's number in the ledger.
pub(super) type JobNumber = i64;

/// Chunks that somebody looks at and that are remembered as such.
const LOOKED_AT: usize = 1024;

/// The chunks of one cube that are asked for and not done.
#[derive(Debug, Default)]
pub(super) struct Queue {
    tasks: HashMap<Place, Task>,
    /// How many chunks of a job are not done.
    left: HashMap<JobNumber, usize>,
    lines: VecDeque<Line>,
    looked_at: VecDeque<Place>,
}

#[derive(Debug, Default)]
struct Task {
    jobs: Vec<JobNumber>,
    is_under_way: bool,
}

/// The chunks of a job in the order of their turn. Those that were built for
/// another job meanwhile are still in it and are passed over.
#[derive(Debug)]
struct Line {
    job: JobNumber,
    places: VecDeque<Place>,
}

impl Queue {
    /// Adds a job's chunks, behind those of the jobs that are there.
    pub(super) fn add(&mut self, job: JobNumber, places: impl IntoIterator<Item = Place>) {
        let places: VecDeque<Place> = places.into_iter().collect();
        for place in &places {
            let jobs = &mut self.tasks.entry(*place).or_default().jobs;
            if !jobs.contains(&job) {
                jobs.push(job);
                *self.left.entry(job).or_default() += 1;
            }
        }
        self.lines.push_back(Line { job, places });
    }

    /// The next chunk, which is under way from now on.
    pub(super) fn next(&mut self) -> Option<Place> {
        while let Some(place) = self.looked_at.pop_front() {
            if self.begin(place) {
                return Some(place);
            }
        }
        for _ in 0..self.lines.len() {
            let mut line = self.lines.pop_front()?;
            while let Some(place) = line.places.pop_front() {
                if self.begin(place) {
                    self.lines.push_back(line);
                    return Some(place);
                }
            }
            // An empty line is left out: all that is left of its job is under way.
        }
        None
    }

    fn begin(&mut self, place: Place) -> bool {
        let waits = self.tasks.get_mut(&place).filter(|task| !task.is_under_way);
        waits.is_some_and(|task| {
            task.is_under_way = true;
            true
        })
    }

    /// The chunks that wait near one, and itself, in order: what is worth being
    /// asked of the catalogue together.
    pub(super) fn around(&self, place: Place) -> Vec<ChunkIndex> {
        let (time, block_row, block_col) = place.block();
        let rows = block_row * BATCH_SIDE..(block_row + 1) * BATCH_SIDE;
        let near = rows.flat_map(|row| {
            let cols = block_col * BATCH_SIDE..(block_col + 1) * BATCH_SIDE;
            cols.map(move |col| ChunkIndex { row, col })
        });
        let waits = |chunk: &ChunkIndex| {
            let near = Place::new(time as usize, *chunk);
            near == place || self.tasks.contains_key(&near)
        };
        near.filter(waits).collect()
    }

    /// Says that chunks are looked at: those that wait come next.
    pub(super) fn look_at(&mut self, places: impl IntoIterator<Item = Place>) {
        for place in places {
            if self.tasks.contains_key(&place) && !self.looked_at.contains(&place) {
                self.looked_at.push_back(place);
            }
        }
        while self.looked_at.len() > LOOKED_AT {
            self.looked_at.pop_front();
        }
    }

    /// The jobs that a chunk is built for.
    pub(super) fn jobs(&self, place: Place) -> &[JobNumber] {
        self.tasks.get(&place).map_or(&[], |task| &task.jobs)
    }

    /// Whether some job is done with these chunks.
    pub(super) fn ends_a_job(&self, places: impl IntoIterator<Item = Place>) -> bool {
        let mut done: HashMap<JobNumber, usize> = HashMap::new();
        for job in places.into_iter().flat_map(|place| self.jobs(place)) {
            *done.entry(*job).or_default() += 1;
        }
        done.iter()
            .any(|(job, done)| self.left.get(job) == Some(done))
    }

    /// Takes a chunk out that is done; returns the jobs that are done with it.
    pub(super) fn remove(&mut self, place: Place) -> Vec<JobNumber> {
        let jobs = self
            .tasks
            .remove(&place)
            .map_or_else(Vec::new, |task| task.jobs);
        let is_done = |job: &JobNumber| {
            let left = self.left.get_mut(job);
            left.is_some_and(|left| {
                *left -= 1;
                *left == 0
            })
        };
        let done: Vec<JobNumber> = jobs.into_iter().filter(is_done).collect();
        for job in &done {
            self.left.remove(job);
        }
        done
    }

    /// Takes a job out. What nobody else asked for is dropped; of that, what is
    /// under way is told.
    pub(super) fn cancel(&mut self, job: JobNumber) -> Vec<Place> {
        self.lines.retain(|line| line.job != job);
        self.left.remove(&job);
        let mut under_way = Vec::new();
        self.tasks.retain(|place, task| {
            task.jobs.retain(|other| *other != job);
            let is_wanted = !task.jobs.is_empty();
            if !is_wanted && task.is_under_way {
                under_way.push(*place);
            }
            is_wanted
        });
        under_way.sort_unstable();
        under_way
    }

    /// Jobs with chunks beyond so many time steps, rows and columns.
    pub(super) fn jobs_outside(&self, shape: [usize; 3]) -> Vec<JobNumber> {
        let outside = self
            .tasks
            .iter()
            .filter(|(place, _)| !place.is_within(shape));
        let jobs = outside.flat_map(|(_, task)| task.jobs.iter().copied());
        jobs.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// All jobs with chunks that are not done.
    pub(super) fn jobs_left(&self) -> Vec<JobNumber> {
        self.left.keys().copied().collect()
    }

    /// Chunks that are not done.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(row: u32, col: u32) -> Place {
        Place { time: 0, row, col }
    }

    fn order(queue: &mut Queue) -> Vec<Place> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    #[test]
    fn jobs_take_turns_and_a_chunk_of_two_jobs_comes_once() {
        let mut queue = Queue::default();
        queue.add(1, [place(0, 0), place(0, 1), place(0, 2)]);
        queue.add(2, [place(0, 1), place(9, 9)]);
        assert_eq!(queue.len(), 4);
        let expected = [place(0, 0), place(0, 1), place(0, 2), place(9, 9)];
        assert_eq!(order(&mut queue), expected);
        assert_eq!(queue.jobs(place(0, 1)), [1, 2]);
        assert_eq!(queue.jobs(place(9, 9)), [2]);
        assert!(!queue.ends_a_job([place(9, 9), place(0, 0)]));
        assert!(queue.ends_a_job([place(9, 9), place(0, 1)]));
        assert_eq!(queue.remove(place(9, 9)), [] as [JobNumber; 0]);
        assert_eq!(queue.remove(place(0, 1)), [2]);
    }

    #[test]
    fn a_small_job_does_not_wait_for_a_large_one() {
        let mut queue = Queue::default();
        queue.add(1, (0..1000).map(|n| place(0, n)));
        assert_eq!(queue.next(), Some(place(0, 0)));
        queue.add(2, [place(5, 5)]);
        let next: Vec<_> = std::iter::from_fn(|| queue.next()).take(2).collect();
        assert!(next.contains(&place(5, 5)), "{next:?}");
    }

    #[test]
    fn what_somebody_looks_at_comes_first() {
        let mut queue = Queue::default();
        queue.add(1, [place(0, 0), place(0, 1), place(0, 2)]);
        queue.look_at([place(0, 2), place(7, 7)]);
        let expected = [place(0, 2), place(0, 0), place(0, 1)];
        assert_eq!(order(&mut queue), expected);
    }

    #[test]
    fn a_cancelled_job_leaves_what_others_want() {
        let mut queue = Queue::default();
        queue.add(1, [place(0, 0), place(0, 1), place(0, 2)]);
        queue.add(2, [place(0, 1)]);
        assert_eq!(queue.next(), Some(place(0, 0)));
        assert_eq!(queue.next(), Some(place(0, 1)));
        assert_eq!(queue.cancel(1), [place(0, 0)]);
        assert_eq!(queue.jobs_left(), [2]);
        assert_eq!(queue.next(), None, "all that is left is under way");
        assert_eq!(queue.remove(place(0, 1)), [2]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_search_is_for_the_neighbours_that_wait_too() {
        let mut queue = Queue::default();
        queue.add(1, [place(3, 3), place(3, 4), place(0, 0), place(2, 3)]);
        let chunks = |places: &[Place]| places.iter().map(|p| p.chunk()).collect::<Vec<_>>();
        let near = queue.around(place(3, 3));
        assert_eq!(near, chunks(&[place(0, 0), place(2, 3), place(3, 3)]));
    }
    #[test]
    fn a_job_beyond_the_cube_is_found() {
        let mut queue = Queue::default();
        queue.add(1, [place(0, 0), place(2, 0)]);
        queue.add(2, [place(1, 1)]);
        assert_eq!(queue.jobs_outside([1, 2, 2]), [1]);
        assert_eq!(queue.jobs_outside([0, 2, 2]), [1, 2]);
        assert!(queue.jobs_outside([1, 3, 2]).is_empty());
    }
}
