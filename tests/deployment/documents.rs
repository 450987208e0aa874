//! The documentation: links are valid, commands exist, every page is in the index, and lines are wrapped.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::services::{read, root};

/// Every page below `docs/`, and those at the top.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md"), PathBuf::from("SECURITY.md")];
    let mut directories = vec![PathBuf::from("docs")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(root().join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    assert!(pages.len() >= 15, "{pages:?}");
    pages
}

fn page(path: &Path) -> String {
    read(path.to_str().unwrap())
}

/// The lines of a page, each with whether it is inside a code block.
fn lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut is_code = false;
    text.lines().map(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (is_code || is_fence, line)
    })
}

/// The anchors of a page's headings, as GitLab and GitHub make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text).filter(|(is_code, line)| !is_code && line.starts_with('#'));
    let anchor = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept: String =
            kept.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter)).collect();
        kept.replace(' ', "-")
    };
    headings.map(|(_, heading)| anchor(heading)).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut broken = Vec::new();
    let mut checked = 0;
    for path in pages() {
        let text = page(&path);
        let prose: Vec<&str> = lines(&text).filter(|(is_code, _)| !is_code).map(|(_, line)| line).collect();
        for (_, [target]) in link.captures_iter(&prose.join("\n")).map(|found| found.extract()) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (file, anchor) =
                target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if !root().join(&file).exists() {
                broken.push(format!("{}: {target}", path.display()));
            } else if let Some(anchor) = anchor
                && !anchors(&page(&file)).contains(anchor)
            {
                broken.push(format!("{}: {target} has no such heading", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(checked >= 50, "{checked} links");
}

#[test]
fn commands_in_the_documentation_exist() {
    let makefile = read("Makefile");
    let targets = Regex::new(r"(?m)^([a-z][a-z-]*):.*##").unwrap();
    let targets: BTreeSet<&str> =
        targets.captures_iter(&makefile).map(|found| found.extract::<1>().1[0]).collect();
    let command = Regex::new(r"(?:^|[`\s(])make ([a-z]+(?:-[a-z]+)*)").unwrap();
    let script = Regex::new(r"(?:^|[`\s(])((?:deploy/bin|\.ci)/[a-z-]+)\b").unwrap();
    for path in pages() {
        let text = page(&path);
        for (is_code, line) in lines(&text) {
            for (_, [target]) in command.captures_iter(line).map(|found| found.extract()) {
                // In prose, only code spans are commands.
                if is_code || line.contains(&format!("`make {target}")) {
                    assert!(targets.contains(target), "{}: make {target}", path.display());
                }
            }
            for (_, [script]) in script.captures_iter(line).map(|found| found.extract()) {
                assert!(root().join(script).exists(), "{}: {script}", path.display());
            }
        }
    }
}

#[test]
fn every_page_is_in_the_index() {
    let index = read("docs/README.md");
    assert!(read("README.md").contains("(docs/README.md)"));
    for path in pages() {
        let Ok(page) = path.strip_prefix("docs") else { continue };
        let page = page.to_str().unwrap();
        // Decisions have an index of their own, which a link in the index leads to.
        if page == "README.md"
            || (page.starts_with("adr/0") && read("docs/adr/README.md").contains(&page[4..]))
        {
            continue;
        }
        assert!(index.contains(&format!("({page})")), "docs/README.md does not list {page}");
    }
}

/// Tables, code and a line that is a single link cannot be wrapped. The references of the API and of the
/// configuration are tables for the most part.
#[test]
fn prose_is_wrapped() {
    let mut long = Vec::new();
    for path in
        pages().iter().filter(|path| !path.starts_with("docs/api") && !path.ends_with("configuration.md"))
    {
        let text = page(path);
        for (number, (is_code, line)) in lines(&text).enumerate() {
            let is_free = is_code || line.trim_start().starts_with(['|', '#']) || line.starts_with("    ");
            if !is_free && line.chars().count() > 100 && line.contains(' ') {
                long.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "longer than 100 characters: {long:?}");
}

/// An ignored advisory has a reason and an expiry date.
#[test]
fn no_ignored_advisory_is_past_its_date() {
    let rules = read("deny.toml");
    let (_, ignored) = rules.split_once("\nignore = [").unwrap();
    let entries: Vec<&str> =
        ignored.split(']').next().unwrap().lines().filter(|line| line.contains("id")).collect();
    let entry = Regex::new(r#"reason = "until (\d{4}-\d{2}-\d{2}): .{20,}""#).unwrap();
    let today = std::process::Command::new("date").args(["-u", "+%F"]).output().unwrap().stdout;
    let today = String::from_utf8(today).unwrap();
    for line in entries {
        let (_, [date]) =
            entry.captures(line).unwrap_or_else(|| panic!("no reason or date: {line}")).extract();
        assert!(date >= today.trim(), "look again: {line}");
    }
}

#[test]
fn the_pipeline_is_generated_from_the_real_dependencies() {
    let output =
        std::process::Command::new(root().join("deploy/bin/ci-rules")).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Without a database of advisories nothing is checked, and the pipeline says that this is a failure.
#[test]
fn missing_advisory_database_fails_only_where_required() {
    for (required, code) in [("", 0), ("required", 1)] {
        let mut command = std::process::Command::new(root().join("deploy/bin/check-advisories"));
        command.env("ADVISORY_DATABASE", "file:///nonexistent/advisory-db").env("ADVISORIES", required);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, "advisory database not reachable: nothing was checked\n");
    }
}
