//! The cadence of a scheduled scan, as agentk parses it.
//!
//! agentk passes the text to `cron.ParseStandard` of [robfig/cron v3.0.1](https://pkg.go.dev/github.com/robfig/cron/v3),
//! ignores the error and then runs the schedule. A text that `ParseStandard` refuses therefore crashes the agent.
//! [`is_valid`] accepts the same texts, with one exception: a time zone must be a name of the IANA database.
//! `ParseStandard` also accepts an empty zone and `Local`, whose meaning depends on the agent's container.
mod duration;

const DESCRIPTORS: &[&str] =
    &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
/// The descriptor that a Go duration follows.
const EVERY: &str = "@every ";
const ZONE_PREFIXES: [&str; 2] = ["CRON_TZ=", "TZ="];
/// One name a line; lines that start with `#` are comments.
const TIME_ZONES: &str = include_str!("time_zones.txt");

const NO_NAMES: &[&str] = &[];
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The bounds of a field, and the names of its values, beginning with `min`.
struct Field {
    min: i64,
    max: i64,
    names: &'static [&'static str],
}

/// Minute, hour, day of the month, month, weekday.
const FIELDS: [Field; 5] = [
    Field { min: 0, max: 59, names: NO_NAMES },
    Field { min: 0, max: 23, names: NO_NAMES },
    Field { min: 1, max: 31, names: NO_NAMES },
    Field { min: 1, max: 12, names: MONTHS },
    Field { min: 0, max: 6, names: WEEKDAYS },
];

/// Whether agentk can run this cadence.
pub fn is_valid(text: &str) -> bool {
    let Some(text) = strip_zone(text) else { return false };
    if text.starts_with('@') {
        return DESCRIPTORS.contains(&text) || text.strip_prefix(EVERY).is_some_and(duration::is_valid);
    }
    // Unicode white space separates fields, as in Go's `strings.Fields`.
    let mut fields = text.split_whitespace();
    FIELDS.iter().all(|bounds| fields.next().is_some_and(|field| bounds.accepts(field)))
        && fields.next().is_none()
}

/// The text after a zone prefix, trimmed; without a prefix the text itself. `None` if the zone is not valid.
fn strip_zone(text: &str) -> Option<&str> {
    let Some(rest) = ZONE_PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) else {
        return Some(text);
    };
    let (zone, rest) = rest.split_once(' ')?;
    is_time_zone(zone).then(|| rest.trim())
}

fn is_time_zone(name: &str) -> bool {
    TIME_ZONES.lines().any(|line| line == name && !line.starts_with('#'))
}

impl Field {
    /// Whether a list of parts is valid. Empty parts are ignored.
    fn accepts(&self, field: &str) -> bool {
        field.split(',').filter(|part| !part.is_empty()).all(|part| self.accepts_part(part).is_some())
    }

    /// A range with an optional step: `*`, `5`, `1-5`, `*/15`, `5/10`.
    fn accepts_part(&self, part: &str) -> Option<()> {
        let mut range_and_step = part.split('/');
        let range = range_and_step.next()?;
        let step = range_and_step.next();
        if range_and_step.next().is_some() {
            return None;
        }
        if let Some(step) = step {
            // A number has no upper bound but that of Go's `int`, which has 64 bits.
            integer(step).filter(|step| *step > 0)?;
        }
        let mut low_and_high = range.split('-');
        let low = low_and_high.next()?;
        if matches!(low, "*" | "?") {
            // The parser ignores what follows a hyphen here.
            return Some(());
        }
        let low = self.value(low)?;
        let high = match (low_and_high.next(), step) {
            (Some(high), _) => self.value(high)?,
            // `5/10` means `5-59/10`.
            (None, Some(_)) => self.max,
            (None, None) => low,
        };
        let is_in_bounds = self.min <= low && low <= high && high <= self.max;
        (low_and_high.next().is_none() && is_in_bounds).then_some(())
    }

    fn value(&self, text: &str) -> Option<i64> {
        let named = self.names.iter().zip(self.min..).find(|(name, _)| is_same_name(text, name));
        named.map_or_else(|| integer(text), |(_, number)| Some(number))
    }
}

/// Whether `text` equals `name`, ignoring case. Go's `strings.ToLower` also maps the Turkish dotted capital I to `i`.
fn is_same_name(text: &str, name: &str) -> bool {
    let lower = |c: char| if c == 'İ' { 'i' } else { c.to_ascii_lowercase() };
    text.chars().map(lower).eq(name.chars())
}

/// A decimal integer of 64 bits, as Go's `strconv.Atoi` reads it: leading zeros and one sign are allowed.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests;
