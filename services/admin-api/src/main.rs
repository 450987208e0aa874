//! The binary `admin-api`.
use std::process::ExitCode;

fn main() -> ExitCode {
    server::run::<admin_api::Options>(&admin_api::INFO)
}
