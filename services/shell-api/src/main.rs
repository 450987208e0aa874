//! The binary `shell-api`.
use std::process::ExitCode;

fn main() -> ExitCode {
    web::run::<shell_api::Options>(&shell_api::INFO)
}
