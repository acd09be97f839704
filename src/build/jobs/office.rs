//! What the jobs of a server share: the ledger, the events, and a filler for
//! each cube that has something to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use super::{
    Job, JobSettings, JobState, LedgerError,
    events::Events,
    filler::{FillError, Filler},
    ledger::Ledger,
    lock, now,
    queue::{JobNumber, Place},
    quota::Quota,
    site::{Progress, Site},
    timelines::Timelines,
};
use crate::{
    build::{BuildError, Builder, run::chain},
    catalog::{Catalog, Entry},
    repo::{LockError, WriterLock, is_in_bucket},
};

/// How long a fill waits before it asks again whether a cube can be written.
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// What fillers share.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) builder: Builder,
    pub(super) catalog: Arc<Catalog>,
    pub(super) settings: JobSettings,
    pub(super) ledger: Ledger,
    pub(super) events: Events,
    pub(super) timelines: Timelines,
    /// Chunks that are built at once, of all cubes.
    pub(super) places: Semaphore,
    pub(super) commit_every: Duration,
    pub(super) overviews_every: Duration,
    pub(super) max_chunks: usize,
    pub(super) sites: Mutex<BTreeMap<String, Arc<Site>>>,
    pub(super) handles: Mutex<Vec<JoinHandle<()>>>,
    pub(super) stop: watch::Sender<bool>,
}

impl Office {
    pub(super) fn open(
        builder: Builder,
        catalog: Arc<Catalog>,
        settings: JobSettings,
    ) -> Result<Self, LedgerError> {
        let config = builder.config();
        Ok(Self {
            ledger: Ledger::open(settings.folder.as_deref())?,
            // Rises over restarts: nobody tells a thousand events a millisecond.
            events: Events::new(now().unsigned_abs() * 1000),
            timelines: Timelines::default(),
            places: Semaphore::new(config.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            commit_every: Duration::from_millis(config.group_millis),
            overviews_every: Duration::from_secs(config.overview_seconds),
            max_chunks: config.max_chunks,
            sites: Mutex::default(),
            handles: Mutex::default(),
            stop: watch::channel(false).0,
            builder,
            catalog,
            settings,
        })
    }

    pub(super) fn site(&self, cube: &str) -> Arc<Site> {
        let mut sites = lock(&self.sites);
        if let Some(site) = sites.get(cube) {
            return Arc::clone(site);
        }
        let quota = self.settings.quotas.get(cube);
        let site = Arc::new(Site::new(quota.map(|limit| Arc::new(Quota::new(*limit)))));
        sites.insert(cube.to_owned(), Arc::clone(&site));
        site
    }

    /// Keeps hold of a task, which the server waits for at its end.
    pub(super) fn keep(&self, handle: JoinHandle<()>) {
        let mut handles = lock(&self.handles);
        handles.retain(|handle| !handle.is_finished());
        handles.push(handle);
    }

    /// Sends a filler to a cube if there is none.
    pub(super) fn fill(self: &Arc<Self>, entry: Arc<Entry>, site: Arc<Site>) {
        let (jobs, chunks) = site.open();
        if (jobs == 0 && chunks == 0 && !site.has_other_work()) || !site.begin_filling() {
            return;
        }
        let office = Arc::clone(self);
        self.keep(tokio::spawn(async move {
            loop {
                let filling =
                    Filler::run(Arc::clone(&office), Arc::clone(&site), Arc::clone(&entry));
                // What is shared with it is behind locks that do not mind.
                let filled = AssertUnwindSafe(filling).catch_unwind().await;
                if let Err(error) = filled.unwrap_or(Err(FillError::Panicked)) {
                    office.give_up(&site, &error).await;
                }
                if site.end_filling() || *office.stop.borrow() {
                    break;
                }
            }
        }));
    }

    /// Sends a filler to a cube whose overviews somebody left out of date, if it can
    /// be written here.
    pub(super) async fn mend(self: &Arc<Self>, entry: &Arc<Entry>) {
        if is_in_bucket(entry.repo().path()) {
            return;
        }
        match entry.repo().left().await {
            Ok(left) if left.is_null() => {}
            Ok(_) => {
                let site = self.site(entry.name());
                site.set_stale(true);
                self.fill(Arc::clone(entry), site);
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "it is not known whether overviews are up to date");
            }
        }
    }

    /// Takes the right to write a cube, and waits for it while somebody else has
    /// it; `None` if nobody wants anything of the cube any more, or the server
    /// stops.
    pub(super) async fn turn(
        &self,
        site: &Site,
        entry: &Entry,
    ) -> Result<Option<WriterLock>, BuildError> {
        let mut stop = self.stop.subscribe();
        let mut told = BTreeSet::new();
        loop {
            let holder = match entry.repo().lock("cubetiler serve") {
                Ok(lock) => {
                    site.wait_for(None);
                    return Ok(Some(lock));
                }
                Err(LockError::Held { holder, .. }) => holder.to_string(),
                Err(error) => return Err(error.into()),
            };
            site.wait_for(Some(holder.clone()));
            for job in site.names() {
                if told.insert(job) {
                    tracing::info!(job.id = %job, cube = entry.name(), holder, "a job waits");
                    self.events.tell(job, "waiting", json!({"for": holder}));
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(None),
                () = site.changed.notified() => {
                    if site.is_idle() {
                        return Ok(None);
                    }
                }
                () = tokio::time::sleep(LOCK_PAUSE) => {}
            }
        }
    }

    /// Ends all jobs of a cube that cannot be written.
    pub(super) async fn give_up(&self, site: &Site, error: &FillError) {
        tracing::error!(
            error = error as &dyn std::error::Error,
            "a cube cannot be filled"
        );
        let message = chain(error);
        for (number, progress) in site.cancel_all() {
            let ended = self.end(number, &progress, JobState::Failed, Some(message.clone()));
            if let Err(error) = ended.await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a job cannot be ended"
                );
            }
        }
    }

    /// Says that a job is under way.
    pub(super) async fn start(&self, site: &Site, number: JobNumber) -> Result<(), LedgerError> {
        self.ledger.start(number, now()).await?;
        if let Some(progress) = site.progress(number) {
            let told = json!({"state": JobState::Running.name()});
            self.events.tell(progress.id, "job", told);
        }
        Ok(())
    }

    /// Ends a job, in the ledger and for those that follow it.
    pub(super) async fn end(
        &self,
        number: JobNumber,
        progress: &Progress,
        state: JobState,
        message: Option<String>,
    ) -> Result<(), LedgerError> {
        self.ledger
            .end(number, state, message.clone(), now())
            .await?;
        tracing::info!(job.id = %progress.id, state = state.name(), "a job has ended");
        let told = json!({"state": state.name(), "message": message});
        self.events.tell(progress.id, "job", told);
        Ok(())
    }

    /// Tells the followers of all jobs that want a chunk.
    pub(super) fn tell_task(&self, site: &Site, place: Place, mut told: Value) {
        told["chunk"] = json!(place.to_array());
        for (_, progress) in site.jobs(place) {
            self.events.tell(progress.id, "task", told.clone());
        }
    }

    /// A job with what it has come to since the server began with it.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn with_progress(&self, number: JobNumber, mut job: Job) -> Job {
        let site = self.site(&job.cube);
        let Some(progress) = site.progress(number) else {
            return job;
        };
        job.waits_for = site.waits_for();
        job.under_way = progress.under_way;
        job.done += progress.built;
        job.failed += progress.failed;
        let left = job.total.saturating_sub(job.done + job.failed);
        job.seconds_left = (progress.begun.filter(|_| progress.tried > 0))
            .map(|begun| begun.elapsed().as_secs_f64() / progress.tried as f64 * left as f64);
        job
    }
}
