//! axe-core, an accessibility checker. It is under the MPL, so the test fetches it instead of the project
//! including it.
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tokio::sync::OnceCell;

const VERSION: &str = "4.14.1";

/// The source of axe-core, fetched by npm once and cached in `target/`.
pub async fn source() -> &'static str {
    static SOURCE: OnceCell<String> = OnceCell::const_new();
    SOURCE.get_or_init(async || tokio::task::spawn_blocking(fetch).await.unwrap()).await
}

fn fetch() -> String {
    let directory = target().join(format!("axe-core-{VERSION}"));
    let file = directory.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        std::fs::create_dir_all(&directory).unwrap();
        let package = format!("axe-core@{VERSION}");
        let arguments = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        let fetched =
            Command::new("npm").args(arguments).arg(&directory).arg(&package).stdin(Stdio::null()).output();
        let fetched = fetched.expect("npm is installed: run `make test`");
        let errors = String::from_utf8_lossy(&fetched.stderr);
        assert!(
            fetched.status.success(),
            "npm could not fetch {package}, without which no page can be checked:\n{errors}"
        );
    }
    std::fs::read_to_string(file).unwrap()
}

/// The build directory.
pub fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}
