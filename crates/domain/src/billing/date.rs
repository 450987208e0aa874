//! Dates in every form that CustomersDot has sent.
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Parses `2021-06-13`, `2021/06/13`, `20210613`, `13 Jun 2021`, `3 June 2021`, or a date-time, whose date is used
/// as written, whatever the offset.
pub fn parse(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    if !text.is_ascii() {
        return None;
    }
    numeric(text).or_else(|| in_words(text)).or_else(|| Some(date_time(text)?.0.date()))
}

/// Parses a date-time (`2020-01-01 00:00:00 UTC` or ISO 8601) as a timestamp in UTC. A date-time without an offset
/// is in UTC.
pub fn parse_timestamp(text: &str) -> Option<NaiveDateTime> {
    let (local, offset) = date_time(text.trim())?;
    local.checked_sub_signed(offset)
}

fn numeric(text: &str) -> Option<NaiveDate> {
    let parts: Vec<&str> = match text.len() {
        8 => vec![text.get(..4)?, text.get(4..6)?, text.get(6..)?],
        10 if text.contains('-') => text.split('-').collect(),
        10 => text.split('/').collect(),
        _ => return None,
    };
    let [year, month, day] = parts[..] else { return None };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    from_parts(year, digits(month)?, day)
}

fn in_words(text: &str) -> Option<NaiveDate> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [day, month, year] = words[..] else { return None };
    if !(1..=2).contains(&day.len()) || year.len() != 4 {
        return None;
    }
    let month = month.to_ascii_lowercase();
    let at = MONTHS.iter().position(|name| *name == month || name[..3] == month)?;
    from_parts(year, u32::try_from(at).ok()? + 1, day)
}

fn from_parts(year: &str, month: u32, day: &str) -> Option<NaiveDate> {
    let year = i32::try_from(digits(year)?).ok().filter(|year| *year > 0)?;
    NaiveDate::from_ymd_opt(year, month, digits(day)?)
}

/// A number without a sign: `parse` alone accepts `+1`.
fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The date and time as written, and the offset to take away for UTC.
fn date_time(text: &str) -> Option<(NaiveDateTime, TimeDelta)> {
    let (date, rest) = text.split_at_checked(10)?;
    let date = numeric(date).filter(|_| date.contains('-'))?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | ':' | '.')).unwrap_or(rest.len());
    let (time, offset) = rest.split_at(end);
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S%.f")
        .or_else(|_| NaiveTime::parse_from_str(time, "%H:%M"))
        .ok()?;
    Some((date.and_time(time), parse_offset(offset.trim_start())?))
}

/// Nothing, `Z`, `UTC`, or a sign with hours and optional minutes.
fn parse_offset(text: &str) -> Option<TimeDelta> {
    if matches!(text.to_ascii_uppercase().as_str(), "" | "Z" | "UTC" | "GMT") {
        return Some(TimeDelta::zero());
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (rest, "00"),
        4 => rest.split_at_checked(2)?,
        5 => rest.split_once(':')?,
        _ => return None,
    };
    if hours.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then(|| TimeDelta::minutes(sign * i64::from(hours * 60 + minutes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<String> {
        parse(text).map(|date| date.to_string())
    }

    #[test]
    fn every_accepted_form_means_the_same_date() {
        for text in [
            "2021-06-13",
            "2021/06/13",
            "20210613",
            "13 Jun 2021",
            "13 JUNE 2021",
            " 13  june 2021 ",
            "2021-06-13T23:59:59Z",
            "2021-06-13T23:59:59-11:00",
            "2021-06-13t00:00:00.123+14:00",
            "2021-06-13 10:00:00 UTC",
            "2021-06-13 10:00",
            "2021-06-13T10:00:00+0200",
            "2021-06-13T10:00:00+02",
        ] {
            assert_eq!(shown(text).as_deref(), Some("2021-06-13"), "{text}");
        }
        assert_eq!(shown("3 Jan 2022").as_deref(), Some("2022-01-03"));
        assert_eq!(shown("2024-02-29").as_deref(), Some("2024-02-29"));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            " ",
            "soon",
            "2021-02-30",
            "2021-13-01",
            "2021-6-1",
            "13 Juni 2021",
            "13 Ju 2021",
            "113 Jun 2021",
            "13 Jun 21",
            "0000-01-01",
            "2021-06/13",
            "2021-06-13x",
            "2021-06-13T25:00:00Z",
            "2021-06-13T10:00:00+99:00",
            "2021-06-13T",
            "+021-06-13",
            "2021-+6-13",
            "１３ Jun 2021",
            "2021-02-30T00:00:00Z",
            "20210230",
            "June 13 2021",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_in_utc() {
        let timestamp = |text| parse_timestamp(text).map(|timestamp| timestamp.to_string());
        for text in [
            "2020-01-01 00:00:00 UTC",
            "2020-01-01T00:00:00Z",
            "2020-01-01T02:00:00+02:00",
            "2019-12-31T23:00:00-0100",
        ] {
            assert_eq!(timestamp(text).as_deref(), Some("2020-01-01 00:00:00"), "{text}");
        }
        assert_eq!(timestamp("2020-01-01"), None);
        assert_eq!(timestamp("soon"), None);
    }

    proptest! {
        #[test]
        fn every_date_round_trips(days in 0_i64..3_000_000) {
            let date = NaiveDate::from_ymd_opt(1, 1, 1).unwrap() + TimeDelta::days(days);
            for form in ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%-d %b %Y", "%d %B %Y", "%Y-%m-%dT00:00:00+05:00"] {
                prop_assert_eq!(parse(&date.format(form).to_string()), Some(date));
            }
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC*") {
            let _ = (parse(&text), parse_timestamp(&text));
        }

        #[test]
        fn nearly_dates_are_read_or_refused(
            text in "[0-9]{1,5}[-/ ][0-9A-Za-z]{1,9}[-/ ][0-9]{1,5}([T ][0-9:.]{0,12}[-+Z0-9:]{0,6})?"
        ) {
            let _ = (parse(&text), parse_timestamp(&text));
        }
    }
}
