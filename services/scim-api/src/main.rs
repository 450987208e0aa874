//! The binary `scim-api`.
use std::process::ExitCode;

fn main() -> ExitCode {
    server::run::<scim_api::Options>(&scim_api::INFO)
}
