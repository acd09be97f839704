//! What happens to jobs, told to who follows them. A follower that was cut off
//! goes on where it was, as long as that is remembered.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;
use uuid::Uuid;

/// Events of a job that are remembered.
const REMEMBERED: usize = 1024;

/// Events that a follower may be behind.
const BEHIND: usize = 256;

/// Jobs whose events are remembered.
const JOBS: usize = 64;

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobEvent {
    /// Rises with every event of the server, over restarts too.
    pub id: u64,
    /// What happened: `planned`, `waiting`, `task`, `commit` or `job`.
    pub kind: &'static str,
    /// What there is to tell.
    pub data: Value,
}

/// A follower's view: what it missed, and then what comes.
#[derive(Debug)]
pub struct Followed {
    /// What came after the event it saw last; `None` if that is not known any
    /// more, and the state of the job has to be asked for.
    pub missed: Option<Vec<Arc<JobEvent>>>,
    /// What comes; a follower that is too slow loses some.
    pub coming: broadcast::Receiver<Arc<JobEvent>>,
}

/// The events of all jobs.
#[derive(Debug)]
pub(super) struct Events(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    next: u64,
    jobs: BTreeMap<Uuid, Lane>,
}

#[derive(Debug)]
struct Lane {
    past: VecDeque<Arc<JobEvent>>,
    /// The last event that is forgotten.
    forgotten: u64,
    sender: broadcast::Sender<Arc<JobEvent>>,
}

impl Events {
    /// No events yet; the first has a number above `start`.
    pub(super) fn new(start: u64) -> Self {
        Self(Mutex::new(Inner {
            next: start + 1,
            jobs: BTreeMap::new(),
        }))
    }

    pub(super) fn tell(&self, job: Uuid, kind: &'static str, data: Value) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = inner.next;
        let lane = inner.lane(job);
        let event = Arc::new(JobEvent { id, kind, data });
        lane.past.push_back(Arc::clone(&event));
        if lane.past.len() > REMEMBERED
            && let Some(oldest) = lane.past.pop_front()
        {
            lane.forgotten = oldest.id;
        }
        // Nobody may be following.
        let _receivers = lane.sender.send(event);
        inner.next += 1;
    }

    /// Follows a job from behind an event on; from its first without one.
    pub(super) fn follow(&self, job: Uuid, last: Option<u64>) -> Followed {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = inner.next;
        let lane = inner.lane(job);
        let last = last.unwrap_or(lane.forgotten);
        let is_known = (lane.forgotten..next).contains(&last);
        Followed {
            missed: is_known.then(|| {
                let missed = lane.past.iter().filter(|event| event.id > last);
                missed.cloned().collect()
            }),
            coming: lane.sender.subscribe(),
        }
    }
}

impl Inner {
    fn lane(&mut self, job: Uuid) -> &mut Lane {
        // Names rise with time, so the first is the oldest. One that is followed
        // stays.
        if !self.jobs.contains_key(&job) && self.jobs.len() >= JOBS {
            let idle =
                |(id, lane): (&Uuid, &Lane)| (lane.sender.receiver_count() == 0).then_some(*id);
            if let Some(oldest) = self.jobs.iter().find_map(idle) {
                self.jobs.remove(&oldest);
            }
        }
        let before = self.next - 1;
        self.jobs.entry(job).or_insert_with(|| Lane {
            past: VecDeque::new(),
            forgotten: before,
            sender: broadcast::channel(BEHIND).0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn numbers(events: &[Arc<JobEvent>]) -> Vec<u64> {
        events
            .iter()
            .map(|event| event.data.as_u64().unwrap())
            .collect()
    }

    #[test]
    fn a_follower_goes_on_where_it_was_cut_off() {
        let (events, job) = (Events::new(100), Uuid::now_v7());
        for n in 0..5 {
            events.tell(job, "task", json!(n));
        }
        let all = events.follow(job, None).missed.unwrap();
        assert_eq!(numbers(&all), [0, 1, 2, 3, 4]);
        let rest = events.follow(job, Some(all[2].id)).missed.unwrap();
        assert_eq!(numbers(&rest), [3, 4]);
        let mut coming = events.follow(job, Some(all[4].id)).coming;
        events.tell(job, "task", json!(5));
        assert_eq!(coming.try_recv().unwrap().data, json!(5));
    }

    #[test]
    fn who_saw_what_is_forgotten_is_told_to_ask_anew() {
        let (events, job) = (Events::new(100), Uuid::now_v7());
        for n in 0..=REMEMBERED {
            events.tell(job, "task", json!(n));
        }
        assert!(events.follow(job, Some(100)).missed.is_none());
        assert!(
            events.follow(job, Some(7)).missed.is_none(),
            "of an earlier start"
        );
        assert!(events.follow(job, Some(u64::MAX)).missed.is_none());
        assert_eq!(
            events.follow(job, Some(101)).missed.unwrap().len(),
            REMEMBERED
        );
    }

    #[test]
    fn events_of_few_jobs_are_remembered() {
        let (events, first) = (Events::new(0), Uuid::now_v7());
        events.tell(first, "job", json!(0));
        for _ in 0..JOBS {
            events.tell(Uuid::now_v7(), "job", json!(1));
        }
        assert!(events.0.lock().unwrap().jobs.len() <= JOBS);
        assert!(events.follow(first, Some(1)).missed.is_none());
    }
}
