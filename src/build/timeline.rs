//! When each task of a build did what, as a picture: one line a task, a dot a
//! step, as people know it from serverless pipelines.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

/// When a chunk's steps were done.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// It got its place.
    pub begun: Instant,
    /// Its scenes were known.
    pub searched: Instant,
    /// All images were read and put on its grid.
    pub read: Instant,
    /// They were one picture.
    pub composited: Instant,
    /// It was uploaded.
    pub written: Instant,
}

/// A chunk's steps, counted from the start of the build.
#[derive(Clone, Debug, PartialEq)]
struct Task {
    /// Time step, chunk row and chunk column.
    chunk: [usize; 3],
    /// When each step of [`STEPS`] ended; those that a failure prevented are
    /// missing.
    ends: Vec<Duration>,
    failed: Option<Duration>,
}

/// The tasks of a build, in the order in which they ended. A task takes about
/// a hundred bytes.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    tasks: Vec<Task>,
}

/// Names and colours (Okabe and Ito's, which the colour-blind can tell apart).
const STEPS: [(&str, &str); 5] = [
    ("start", "#000000"),
    ("searched", "#56b4e9"),
    ("read", "#0072b2"),
    ("composited", "#e69f00"),
    ("written", "#009e73"),
];
const FAILED: (&str, &str) = ("failed", "#d55e00");

/// Tasks that are drawn; of more, every second, third ... is.
const DRAWN: usize = 2000;
const WIDTH: f64 = 960.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 44.0;

impl Timeline {
    /// How many tasks it is of.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Adds a chunk that was built.
    pub(super) fn built(&mut self, start: Instant, chunk: [usize; 3], moments: Moments) {
        let Moments {
            begun,
            searched,
            read,
            composited,
            written,
        } = moments;
        let steps = [begun, searched.max(begun), read, composited, written];
        let ends = steps.map(|step| step.saturating_duration_since(start));
        self.tasks.push(Task {
            chunk,
            ends: ends.to_vec(),
            failed: None,
        });
    }

    /// Adds a chunk that failed.
    pub(super) fn failed(
        &mut self,
        start: Instant,
        chunk: [usize; 3],
        begun: Instant,
        now: Instant,
    ) {
        self.tasks.push(Task {
            chunk,
            ends: vec![begun.saturating_duration_since(start)],
            failed: Some(now.saturating_duration_since(start)),
        });
    }

    /// The picture, with `title` above it: lines by their start from top to
    /// bottom, seconds from left to right.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most as many lines as are drawn"
    )]
    pub fn to_svg(&self, title: &str) -> String {
        let mut tasks: Vec<&Task> = self.tasks.iter().collect();
        tasks.sort_by_key(|task| (task.ends.first().copied(), task.chunk));
        let every = tasks.len().div_ceil(DRAWN).max(1);
        let tasks: Vec<&Task> = tasks.into_iter().step_by(every).collect();
        let last = tasks.iter().filter_map(|task| task.last()).max();
        let seconds = last.unwrap_or_default().as_secs_f64().max(0.001);
        let step = (1000.0 / tasks.len().max(1) as f64).clamp(0.5, 12.0);
        let bottom = TOP + step * tasks.len() as f64;
        let height = bottom + BOTTOM;
        let x = |time: Duration| LEFT + (WIDTH - LEFT - 24.0) * time.as_secs_f64() / seconds;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-size=\"15\">{}</text>\n",
            escaped(title)
        );
        legend(&mut svg, every);
        axis(&mut svg, seconds, bottom, x);
        let radius = (step * 0.4).clamp(0.8, 3.0);
        for (n, task) in tasks.iter().enumerate() {
            let y = TOP + step * (n as f64 + 0.5);
            task.draw(&mut svg, x, y, radius);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

impl Task {
    fn last(&self) -> Option<Duration> {
        self.failed.or(self.ends.last().copied())
    }

    fn draw(&self, svg: &mut String, x: impl Fn(Duration) -> f64, y: f64, radius: f64) {
        let (Some(first), Some(last)) = (self.ends.first(), self.last()) else {
            return;
        };
        let [time, row, col] = self.chunk;
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<g><title>step {time}, chunk {row}/{col}: {:.2} s to {:.2} s</title>\
             <path d=\"M{:.1} {y:.1}H{:.1}\" stroke=\"#bbb\"/>",
            first.as_secs_f64(),
            last.as_secs_f64(),
            x(*first),
            x(last),
        );
        let dots = std::iter::zip(&self.ends, STEPS).map(|(end, (_, colour))| (*end, colour));
        for (end, colour) in dots.chain(self.failed.map(|end| (end, FAILED.1))) {
            let _ = write!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{colour}\"/>",
                x(end)
            );
        }
        svg.push_str("</g>\n");
    }
}

fn legend(svg: &mut String, every: usize) {
    let mut x = LEFT;
    for (name, colour) in STEPS.into_iter().chain([FAILED]) {
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.0}\" cy=\"38\" r=\"4\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"42\">{name}</text>",
            x + 8.0
        );
        x += 96.0;
    }
    if every > 1 {
        let _ = writeln!(
            svg,
            "<text x=\"{x:.0}\" y=\"42\">one task in {every}</text>"
        );
    }
}

fn axis(svg: &mut String, seconds: f64, bottom: f64, x: impl Fn(Duration) -> f64) {
    let mut tick = 10_f64.powf(seconds.log10().floor());
    if seconds / tick < 3.0 {
        tick /= 5.0;
    }
    let mut at = 0.0;
    while at <= seconds * (1.0 + 1e-9) {
        let place = x(Duration::from_secs_f64(at));
        let label = format!("{at:.3}");
        let label = label.trim_end_matches('0').trim_end_matches('.');
        let _ = writeln!(
            svg,
            "<path d=\"M{place:.1} {TOP}V{bottom:.1}\" stroke=\"#eee\"/>\
             <text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label} s</text>",
            bottom + 18.0
        );
        at += tick;
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(tasks: usize) -> Timeline {
        let start = Instant::now();
        let at = |seconds: usize| start + Duration::from_secs(seconds as u64);
        let mut timeline = Timeline::default();
        for n in 0..tasks {
            let moments = Moments {
                begun: at(n),
                searched: at(0),
                read: at(n + 2),
                composited: at(n + 3),
                written: at(n + 4),
            };
            timeline.built(start, [0, n, 7], moments);
        }
        timeline.failed(start, [0, 99, 7], at(1), at(5));
        timeline
    }

    #[test]
    fn each_task_has_a_line_and_a_dot_for_each_step() {
        let svg = timeline(3).to_svg("A < B");
        assert_eq!(svg.matches("<g>").count(), 4);
        let legend = STEPS.len() + 1;
        assert_eq!(svg.matches("<circle").count(), legend + 3 * 5 + 2);
        assert!(svg.contains("A &lt; B") && svg.contains("chunk 99/7"));
        assert!(!svg.contains("one task in"));
    }

    #[test]
    fn a_picture_of_very_many_tasks_stays_small_and_says_so() {
        let svg = timeline(10 * DRAWN).to_svg("many");
        assert!(svg.matches("<g>").count() <= DRAWN);
        assert!(svg.contains("one task in 11"));
        assert!(Timeline::default().to_svg("none").ends_with("</svg>\n"));
    }
}
