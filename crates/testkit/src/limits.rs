//! Disables rate limits: tests send more requests and wrong credentials than a caller may.
use std::path::Path;

const UNLIMITED: &str =
    "{admin: unlimited, billing: unlimited, kas: unlimited, scim: unlimited, failures: unlimited}\n";

/// Arguments that disable the rate limits, unless the test's own arguments set a rate limit file.
pub fn without_rate_limits(data: &Path, arguments: &[&str]) -> Vec<String> {
    if arguments.contains(&"--rate-limits-file") {
        return Vec::new();
    }
    let file = data.join("rate-limits.yaml");
    std::fs::write(&file, UNLIMITED).expect("the file of limits is written");
    vec!["--rate-limits-file".to_owned(), file.display().to_string()]
}
