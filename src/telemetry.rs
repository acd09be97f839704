//! Logs and metrics.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogConfig, LogFormat};

/// Counts tiles by format and outcome.
pub const TILES: &str = "cubetiler_tiles_total";
/// Seconds from a tile request to its answer.
pub const TILE_SECONDS: &str = "cubetiler_tile_duration_seconds";
/// Counts requests by route, method and status.
pub const REQUESTS: &str = "cubetiler_http_requests_total";

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not in the filter language.
    #[error("`log.filter` is `{filter}`: {reason}")]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong.
        reason: String,
    },
}

/// Begins logging to the standard error stream. A second call in a process
/// changes nothing.
///
/// # Errors
/// If the filter cannot be understood.
pub fn log(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|error| TelemetryError::Filter {
        filter: config.filter.clone(),
        reason: error.to_string(),
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let begun = match config.format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    if begun.is_err() {
        tracing::debug!("logging had begun before");
    }
    Ok(())
}

/// Begins counting; the handle writes what was counted. Where counting had
/// begun before, as in tests, the handle writes nothing.
#[must_use]
pub fn count() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("counting had begun before");
    }
    handle
}
