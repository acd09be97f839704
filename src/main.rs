//! The `cubetiler` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(unix)]
    if let Some(code) = without_foreign_proj() {
        return code;
    }
    cubetiler::cli::main()
}

/// PROJ prefers a database that the environment names to the one it carries,
/// and one of another version (conda and rasterio set these variables) breaks
/// it. A process cannot safely change its own environment once threads may
/// run, so the program starts itself anew without them.
#[cfg(unix)]
fn without_foreign_proj() -> Option<ExitCode> {
    use std::os::unix::process::CommandExt as _;

    const FOREIGN: [&str; 2] = ["PROJ_DATA", "PROJ_LIB"];
    if FOREIGN.iter().all(|name| std::env::var_os(name).is_none()) {
        return None;
    }
    let mut again = std::process::Command::new(std::env::current_exe().ok()?);
    again.args(std::env::args_os().skip(1));
    for name in FOREIGN {
        again.env_remove(name);
    }
    // Only returns if it fails; then it is tried with what there is.
    let _error = again.exec();
    None
}
