//! The settings of the memory allocator of glibc.
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Blocks from this many bytes on are mapped one by one, and the top of a heap is returned from this many free
/// bytes on.
const SETTINGS: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "2097152")];

/// Makes the allocator return the memory of large request bodies as soon as they are freed.
///
/// Without these settings glibc raises both thresholds to the size of the largest block that was freed, up to
/// 32 MiB, and keeps such blocks from then on: after seven bodies of 20 MiB at once, shell-api kept 120 to
/// 230 MiB.
///
/// 128 KiB is glibc's first threshold, and the size of the buffer of a request head of more than 64 KiB: with
/// 1 MiB, shell-api kept 377 of the 441 MiB that 4,000 such heads took, now it keeps 47.
///
/// glibc reads the settings only when a program starts, so the program replaces itself once. If the environment
/// has one of them already, nothing happens.
pub(crate) fn configure() {
    if SETTINGS.iter().any(|(name, _)| std::env::var_os(name).is_some()) {
        return;
    }
    let error = restart();
    eprintln!("the memory of large request bodies may not be returned after use: {error}");
}

/// Replaces this program by itself. Returns only if that fails.
fn restart() -> io::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).envs(SETTINGS).exec()
}
