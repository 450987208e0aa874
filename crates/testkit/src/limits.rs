//! Tests send more requests, and more wrong credentials, than a caller may.
use std::path::Path;

const UNLIMITED: &str =
    "{admin: unlimited, billing: unlimited, kas: unlimited, scim: unlimited, failures: unlimited}\n";

/// Arguments that switch the rate limits off, unless the test's own arguments name a file of limits.
pub fn without_rate_limits(data: &Path, arguments: &[&str]) -> Vec<String> {
    if arguments.contains(&"--rate-limits-file") {
        return Vec::new();
    }
    let file = data.join("rate-limits.yaml");
    std::fs::write(&file, UNLIMITED).expect("the file of limits is written");
    vec!["--rate-limits-file".to_owned(), file.display().to_string()]
}
