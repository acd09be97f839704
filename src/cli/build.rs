//! `build`.

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;

use super::{ConfigArguments, DONE, Failed, say, stopped};
use crate::{
    app,
    build::{Area, BuildError, BuildRequest, Event, Report, cancellation},
    telemetry,
};

#[derive(Debug, Args)]
pub(super) struct BuildArguments {
    /// The cube
    store: PathBuf,
    /// Only chunks that touch this rectangle, in degrees
    #[arg(long, value_name = "W,S,E,N", allow_hyphen_values = true)]
    bbox: Option<String>,
    /// Only time steps with a day of this interval
    #[arg(long, value_name = "A/B")]
    datetime: Option<String>,
    /// Build also what is done
    #[arg(long)]
    force: bool,
    /// Tell what would be built, and build nothing
    #[arg(long)]
    dry_run: bool,
    /// Write a picture of when each task did what to this file
    #[arg(long, value_name = "SVG")]
    timeline: Option<PathBuf>,
    /// JSON lines instead of a progress bar
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

pub(super) async fn run(arguments: BuildArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.config.load()?;
    telemetry::log(&config.log)?;
    let area = match arguments.bbox.as_deref() {
        Some(text) => Area::Bounds(BuildRequest::parse_bounds(text)?),
        None => Area::Whole,
    };
    let days = arguments.datetime.as_deref().map(BuildRequest::parse_days);
    let request = BuildRequest {
        area,
        days: days.transpose()?.unwrap_or_default(),
        force: arguments.force,
        leave_failed: false,
        refresh: None,
    };
    let (entry, builder) = app::workshop(&config, arguments.store).await?;
    if arguments.dry_run {
        let plan = builder.plan(&entry.served(), &request).await?;
        if arguments.json {
            say(json!({"event": "planned", "plan": plan.counts}));
        } else {
            let counts = plan.counts;
            say(format!(
                "{} to build ({} of them failed before), {} done, {} without land",
                counts.build, counts.failed, counts.done, counts.ocean
            ));
        }
        return Ok(DONE);
    }
    let (switch, cancel) = cancellation();
    tokio::spawn(async move {
        stopped().await;
        tracing::warn!("stopping: what is built will be committed");
        switch.send_replace(true);
    });
    let display = Display::new(arguments.json);
    let observe = |event: Event<'_>| display.show(&event);
    let report = builder
        .run(&entry, &request, "cubetiler build", &cancel, &observe)
        .await;
    display.bar.finish_and_clear();
    let report = report.map_err(|error| match error {
        BuildError::Cube(_) | BuildError::Plan(_) | BuildError::Lock(_) => {
            anyhow::Error::new(error)
        }
        BuildError::Zarr(_) | BuildError::Compute(_) => {
            Failed::from(anyhow::Error::new(error)).into()
        }
    })?;
    display.summarise(&report);
    if let Some(path) = arguments.timeline {
        let title = format!("{} chunks in {:.1} s", report.built, report.seconds);
        std::fs::write(&path, report.timeline.to_svg(&title))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if report.failures.is_empty() && !report.cancelled {
        Ok(DONE)
    } else {
        Ok(ExitCode::from(1))
    }
}

struct Display {
    bar: ProgressBar,
    json: bool,
}

impl Display {
    fn new(json: bool) -> Self {
        let bar = if json || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(0)
        };
        let style = ProgressStyle::with_template(
            "{bar:30} {pos}/{len} chunks  {elapsed}, about {eta} left  {msg}",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, json }
    }

    fn show(&self, event: &Event<'_>) {
        match event {
            Event::Planned(counts) => self.bar.set_length(counts.build as u64),
            Event::Built(_) | Event::Failed(_) => self.bar.inc(1),
            Event::Committed(_) => self.bar.set_message("committed"),
        }
        if !self.json {
            return;
        }
        say(match event {
            Event::Planned(counts) => json!({"event": "planned", "plan": counts}),
            Event::Built(built) => json!({
                "event": "built",
                "chunk": [built.time, built.chunk.row, built.chunk.col],
                "state": built.cell.state.name(),
            }),
            Event::Failed(failure) => json!({"event": "failed", "failure": failure}),
            Event::Committed(revision) => {
                json!({"event": "committed", "revision": revision.to_string()})
            }
        });
    }

    fn summarise(&self, report: &Report) {
        if self.json {
            say(json!({"event": "finished", "report": report}));
            return;
        }
        let planned = report.planned;
        say(format!(
            "{} of {} chunks built in {:.1} s; {} were done, {} are without land",
            report.built, planned.build, report.seconds, planned.done, planned.ocean
        ));
        if report.built > 0 {
            let stages = report
                .stages
                .named()
                .map(|(name, seconds)| format!("{name} {seconds:.1}"));
            say(format!("seconds of all tasks: {}", stages.join(", ")));
            say(format!(
                "{} requests, {}, about {:.4} in money by [build.prices]",
                report.requests,
                HumanBytes(report.bytes),
                report.cost
            ));
        }
        for failure in &report.failures {
            let [_, row, col] = failure.chunk;
            say(format!(
                "failed: {} chunk {row}/{col}: {}",
                failure.time, failure.error
            ));
        }
        if report.cancelled {
            say("stopped before the end; run it again to go on");
        }
    }
}
