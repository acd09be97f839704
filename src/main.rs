//! The `cubetiler` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(unix)]
    if let Some(code) = in_a_better_environment() {
        return code;
    }
    cubetiler::cli::main()
}

/// Starts the program anew where the environment does harm. A process cannot
/// safely change its own environment once threads may run.
///
/// PROJ prefers a database that the environment names to the one it carries,
/// and one of another version (conda and rasterio set these variables) breaks
/// it. And glibc's allocator keeps freed memory apart for each thread, of which
/// a build has many: with two such arenas it takes a third less memory and is
/// faster (`docs/decisions/010-two-arenas.md`).
#[cfg(unix)]
fn in_a_better_environment() -> Option<ExitCode> {
    use std::os::unix::process::CommandExt as _;

    const FOREIGN: [&str; 2] = ["PROJ_DATA", "PROJ_LIB"];
    const ARENAS: &str = "MALLOC_ARENA_MAX";
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let has_arenas = is_set(ARENAS) || !cfg!(target_env = "gnu");
    if has_arenas && !FOREIGN.into_iter().any(is_set) {
        return None;
    }
    let mut again = std::process::Command::new(std::env::current_exe().ok()?);
    again.args(std::env::args_os().skip(1));
    for name in FOREIGN {
        again.env_remove(name);
    }
    if !has_arenas {
        again.env(ARENAS, "2");
    }
    // Only returns if it fails; then it is tried with what there is.
    let _error = again.exec();
    None
}
