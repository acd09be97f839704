//! Everything that takes more than one module, over HTTP, the command line,
//! real data and a real browser. One binary, so that there is one link.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed step fails the test, and a skipped one says so"
)]

mod blocks;
mod browser;
mod cli;
mod errors;
mod fixture;
mod layers;
mod projection;
mod reference;
mod requests;
mod round_trip;
mod support;
