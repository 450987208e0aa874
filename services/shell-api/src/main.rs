//! The binary `shell-api`.
use std::process::ExitCode;

fn main() -> ExitCode {
    server::run::<shell_api::Options>(&shell_api::INFO)
}
