//! The program, and what surrounds it.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// Whether a needed program that is absent fails the test.
pub(crate) fn is_ci() -> bool {
    env::var_os("CI").is_some()
}

/// Says that a test is skipped; where it must not be, fails it.
pub(crate) fn skip(reason: &str) {
    assert!(!is_ci(), "{reason}");
    eprintln!("skipped: {reason}");
}

/// Real imagery, which a user's clone has none of.
pub(crate) fn real_data(name: &str) -> Option<PathBuf> {
    let folder = env::var_os("CUBETILER_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}

/// The Python with the other readers (`make python`).
pub(crate) fn python() -> Option<PathBuf> {
    let python = env::var_os("CUBETILER_PYTHON").map(PathBuf::from);
    if python.is_none() {
        eprintln!("skipped: CUBETILER_PYTHON is not set; `make python` installs the readers");
    }
    python
}

/// The program with arguments, in a clean environment.
pub(crate) fn cubetiler(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cubetiler"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|n| n.starts_with("CUBETILER_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end; fails with its output unless it succeeds.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A program that runs until this is dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts a command and waits for the line of its output in which `find`
    /// finds something.
    pub(crate) fn start<T>(command: &mut Command, find: impl Fn(&str) -> Option<T>) -> (Self, T) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let running = Self(child);
        let found = lines.map_while(Result::ok).find_map(|line| find(&line));
        (running, found.expect("the program ended before it said so"))
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}
