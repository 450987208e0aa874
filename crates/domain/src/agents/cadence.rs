//! When a scan is due: five fields of cron, or a word for them.
use std::ops::RangeInclusive;

const WORDS: &[&str] = &["@hourly", "@daily", "@weekly", "@monthly", "@yearly"];
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What a field may say: numbers, and names of which the first stands for the given number.
struct Field {
    numbers: RangeInclusive<u32>,
    names: &'static [&'static str],
    first_name: u32,
}

const FIELDS: [Field; 5] = [
    Field { numbers: 0..=59, names: &[], first_name: 0 },
    Field { numbers: 0..=23, names: &[], first_name: 0 },
    Field { numbers: 1..=31, names: &[], first_name: 0 },
    Field { numbers: 1..=12, names: MONTHS, first_name: 1 },
    Field { numbers: 0..=7, names: WEEKDAYS, first_name: 0 },
];

/// Whether an agent could follow this cadence.
pub fn is_valid(text: &str) -> bool {
    let Some(text) = without_zone(text) else { return false };
    if WORDS.contains(&text) {
        return true;
    }
    let mut fields = text.split_ascii_whitespace();
    FIELDS.iter().all(|field| fields.next().is_some_and(|text| field.takes(text))) && fields.next().is_none()
}

/// `TZ=Europe/Berlin 0 1 * * *` is `0 1 * * *`, in a zone that looks like one.
fn without_zone(text: &str) -> Option<&str> {
    let Some(rest) = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) else {
        return Some(text);
    };
    let (zone, rest) = rest.split_once(' ')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
    zone.split('/').all(|part| !part.is_empty() && part.bytes().all(plain)).then_some(rest)
}

impl Field {
    fn takes(&self, text: &str) -> bool {
        text.split(',').all(|part| self.takes_part(part).is_some())
    }

    /// `*`, `a` or `a-b`, each with a step behind it or none.
    fn takes_part(&self, part: &str) -> Option<()> {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        if let Some(step) = step {
            number(step).filter(|step| *step > 0)?;
        }
        if range == "*" {
            return Some(());
        }
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        (self.value(first)? <= self.value(last)?).then_some(())
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named =
            self.names.iter().zip(self.first_name..).find(|(name, _)| text.eq_ignore_ascii_case(name));
        let value = named.map_or_else(|| number(text), |(_, number)| Some(number));
        value.filter(|number| self.numbers.contains(number))
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cadences_are_cron() {
        for good in [
            "30 2 * * *",
            "0 0 1 1 0",
            "59 23 31 12 7",
            "*/15 1-5,8 1,15 JAN-mar Mon-Fri",
            "5/10  0-23/2 * * sun",
            "@daily",
            "@yearly",
            "TZ=Europe/Berlin 0 1 * * *",
            "CRON_TZ=Etc/GMT+1 @weekly",
        ] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            "nope",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "1- * * * *",
            ", * * * *",
            "+1 * * * *",
            "* * * mon *",
            "@reboot",
            "TZ= 0 1 * * *",
            "TZ=Europe/Berlin",
            "* * L * *",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_judged(text in "\\PC*") {
            let _ = is_valid(&text);
        }

        #[test]
        fn numbers_in_their_ranges_are_good(m in 0..60, h in 0..24, d in 1..32, n in 1..13, w in 0..8) {
            let text = format!("{m} {h} {d} {n} {w}");
            proptest::prop_assert!(is_valid(&text));
        }
    }
}
