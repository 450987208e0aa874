//! The binary `billing-api`.
use std::process::ExitCode;

fn main() -> ExitCode {
    server::run::<billing_api::Options>(&billing_api::INFO)
}
