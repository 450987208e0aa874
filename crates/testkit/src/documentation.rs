//! Compares `docs/configuration.md` with the command line of a service.
use server::Service;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

/// Checks that the page has a row for each option of the service, whose meaning begins with the sentence of
/// `--help`. A row may name several options by a word in capitals: `--redis-STORE-url-file`.
pub fn assert_options_are_documented<S: Service>(service: &str) {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let rows = rows_for(&page, service);
    let command = S::command();
    let options = command.get_arguments().filter_map(|option| Some((option.get_long()?, option.get_help())));
    for (flag, help) in options.filter(|(flag, _)| !matches!(*flag, "help" | "version")) {
        let sentence = help.map(ToString::to_string).unwrap_or_default();
        let sentence = sentence.split(" [default:").next().unwrap_or_default();
        match rows.iter().find(|row| row.flag == flag) {
            Some(Row { meaning: Some(meaning), .. }) => {
                assert!(meaning.starts_with(sentence), "--{flag}: {sentence}\n{meaning}");
            }
            Some(Row { meaning: None, .. }) => {}
            None => assert!(rows.iter().any(|row| row.covers(flag)), "--{flag} is not in the page"),
        }
    }
}

/// A row of a table of options.
struct Row<'a> {
    flag: &'a str,
    /// `None` if the row describes several options.
    meaning: Option<&'a str>,
}

impl Row<'_> {
    /// Whether the row describes the option as one of several.
    fn covers(&self, flag: &str) -> bool {
        let mut parts = self.flag.split(|letter: char| letter.is_ascii_uppercase());
        let (start, end) = (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
        self.flag.contains(|letter: char| letter.is_ascii_uppercase())
            && flag.starts_with(start)
            && flag.ends_with(end)
    }
}

/// The rows of the section for every service, and of the section for this one.
fn rows_for<'a>(page: &'a str, service: &str) -> Vec<Row<'a>> {
    let sections = page.split("\n## ").filter(|section| {
        let heading = section.lines().next().unwrap_or_default();
        heading == "Options of every service" || heading == format!("Options of `{service}`")
    });
    let lines = sections.flat_map(str::lines).filter(|line| line.starts_with("| `--"));
    lines.flat_map(rows_of_line).collect()
}

/// One row for each option that the line names.
fn rows_of_line(line: &str) -> Vec<Row<'_>> {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let (Some(flags), Some(meaning)) = (cells.first(), cells.last()) else { return Vec::new() };
    let flags: Vec<&str> = flags.split("`--").skip(1).filter_map(|rest| rest.split('`').next()).collect();
    let meaning = (flags.len() == 1).then_some(*meaning);
    flags.into_iter().map(|flag| Row { flag, meaning }).collect()
}
