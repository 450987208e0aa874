//! Durations as Go's `time.ParseDuration` reads them: `1h30m`, `-1.5h`, `.5s`.

/// Nanoseconds of each unit. The two spellings of microseconds differ: U+00B5 and U+03BC.
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// The absolute value of the smallest duration, in nanoseconds. The greatest one is one less.
const MAX_NEGATIVE: u64 = 1 << 63;

/// Whether a text is a Go duration.
pub(super) fn is_valid(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let max = if text.starts_with('-') { MAX_NEGATIVE } else { MAX_NEGATIVE - 1 };
    unsigned == "0" || nanoseconds(unsigned).is_some_and(|total| total <= max)
}

/// The sum of one or more numbers, each with a unit; at most [`MAX_NEGATIVE`].
fn nanoseconds(mut text: &str) -> Option<u64> {
    let mut total = 0_u64;
    loop {
        let (part, rest) = first_part(text)?;
        total = total.checked_add(part).filter(|total| *total <= MAX_NEGATIVE)?;
        if rest.is_empty() {
            return Some(total);
        }
        text = rest;
    }
}

/// The nanoseconds of the first number and unit, and the rest of the text.
fn first_part(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), split_digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let nanoseconds = whole.checked_mul(*unit)?.checked_add(fraction_of(fraction, *unit))?;
    (nanoseconds <= MAX_NEGATIVE).then_some((nanoseconds, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Digits after a decimal point, as nanoseconds. Go drops the digits that do not fit into 63 bits.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go computes the fraction in floating point, too, and it is less than one hour"
)]
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes().map(|digit| u64::from(digit - b'0')) {
        if value > (MAX_NEGATIVE - 1) / 10 {
            break;
        }
        let longer = value * 10 + digit;
        if longer > MAX_NEGATIVE {
            break;
        }
        value = longer;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}
