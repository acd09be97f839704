//! What this process and its machine tell of themselves (Linux, proc(5)).

use std::fs;

use anyhow::Context as _;

/// CPU seconds of this process, user and system (proc(5)).
pub(crate) fn cpu() -> anyhow::Result<f64> {
    /// What /proc counts in, on every Linux.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field, the name, may hold anything; fields 14 and 15 are ticks.
    let fields = stat.rsplit_once(')').context("no stat")?.1;
    let ticks: Result<Vec<f64>, _> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect();
    Ok(ticks?.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// CPU seconds of this thread (the first field of /proc/thread-self/schedstat
/// is nanoseconds).
pub(crate) fn thread_cpu() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = stat
        .split_whitespace()
        .next()
        .context("no schedstat")?
        .parse()?;
    Ok(nanoseconds / 1e9)
}

/// The most resident memory that this process had, in MiB.
pub(crate) fn peak_memory() -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().next())
        .context("no VmHWM")?
        .parse()?;
    Ok(kib / 1024.0)
}

/// Which machine this is.
pub(crate) fn machine() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown CPU", |(_, model)| model);
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{model}, {cores} cores"))
}
