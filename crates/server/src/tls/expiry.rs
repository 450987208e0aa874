//! When a certificate expires: `notAfter` in [RFC 5280, section 4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1).
use chrono::NaiveDateTime;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The optional version, the only field of a certificate with this tag.
const VERSION: u8 = 0xa0;

/// The Unix timestamp in seconds of the end of a certificate's validity. `None` if it is not a certificate.
pub(super) fn not_after(certificate: &[u8]) -> Option<i64> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = element(fields, VERSION)?;
    }
    // The serial number, the signature's algorithm and the issuer come before the validity.
    for _ in 0..3 {
        (_, fields) = element(fields, *fields.first()?)?;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_, not_after) = element(validity, *validity.first()?)?;
    let (text, format) = match *not_after.first()? {
        UTC_TIME => (element(not_after, UTC_TIME)?.0, "%y%m%d%H%M%SZ"),
        _ => (element(not_after, GENERALIZED_TIME)?.0, "%Y%m%d%H%M%SZ"),
    };
    let text = std::str::from_utf8(text).ok()?;
    Some(NaiveDateTime::parse_from_str(text, format).ok()?.and_utc().timestamp())
}

/// The content of the DER element at the start of `bytes`, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        (
            length.iter().try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))?,
            rest,
        )
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of a certificate up to its validity, with a version of three and these two times.
    fn certificate(times: &[(u8, &str)]) -> Vec<u8> {
        let der = |tag: u8, content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82], &length[..], content].concat()
        };
        let times: Vec<u8> = times.iter().flat_map(|(tag, text)| der(*tag, text.as_bytes())).collect();
        let fields = [
            der(VERSION, &[2, 1, 2]),
            der(0x02, &[1]),
            der(SEQUENCE, b"algorithm"),
            der(SEQUENCE, b"issuer"),
            der(SEQUENCE, &times),
        ];
        der(SEQUENCE, &der(SEQUENCE, &fields.concat()))
    }

    #[test]
    fn end_of_validity_is_read_in_both_forms() {
        let both = certificate(&[(UTC_TIME, "250101000000Z"), (UTC_TIME, "260102030405Z")]);
        assert_eq!(not_after(&both), Some(1_767_323_045));
        let late = certificate(&[(UTC_TIME, "250101000000Z"), (GENERALIZED_TIME, "20500101000000Z")]);
        assert_eq!(not_after(&late), Some(2_524_608_000));
    }

    #[test]
    fn other_bytes_have_no_validity() {
        for bytes in
            [&[][..], b"text", &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff], &[SEQUENCE, 2, SEQUENCE, 0]]
        {
            assert_eq!(not_after(bytes), None);
        }
    }
}
