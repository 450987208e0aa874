//! The binary `kas-api`.
use std::process::ExitCode;

fn main() -> ExitCode {
    server::run::<kas_api::Options>(&kas_api::INFO)
}
