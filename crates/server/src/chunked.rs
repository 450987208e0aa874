//! Finds the end of a chunked body as RFC 9112 §7.1 defines it.
//!
//! It does not change the bytes: actix-http decodes the body. actix-http alone would end the connection
//! without a response if a chunk is malformed, and accept some malformed ends.

/// Bytes that extensions and trailers may have together. They are ignored.
const MAX_IGNORED_BYTES: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    SizeStart,
    Size,
    SpaceAfterSize,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The start of a trailer line, or of the empty line that ends the body.
    LineStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

/// The result of decoding a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Unfinished,
    /// The body ends after this many bytes.
    Complete(usize),
    /// The byte after this many is not allowed.
    Malformed(usize),
}

#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: State,
    /// The bytes of the chunk that have not arrived yet.
    left: u64,
    ignored: usize,
}

impl ChunkedDecoder {
    pub(crate) fn new() -> Self {
        Self { state: State::SizeStart, left: 0, ignored: 0 }
    }

    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Data {
                let rest = bytes.len() - at;
                let taken = usize::try_from(self.left).map_or(rest, |left| left.min(rest));
                at += taken;
                self.left -= taken as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            match self.step(bytes[at]) {
                None => return Progress::Malformed(at),
                Some(State::End) => return Progress::Complete(at + 1),
                Some(next) => self.state = next,
            }
            at += 1;
        }
        Progress::Unfinished
    }

    /// The state after this byte, unless it is malformed.
    fn step(&mut self, byte: u8) -> Option<State> {
        match (self.state, byte) {
            (State::SizeStart | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = u64::from(char::from(byte).to_digit(16)?);
                let before = if self.state == State::SizeStart { 0 } else { self.left };
                self.left = before.checked_mul(16)?.checked_add(digit)?;
                Some(State::Size)
            }
            (State::Size | State::SpaceAfterSize, b' ' | b'\t') => self.ignore(State::SpaceAfterSize),
            (State::Size | State::SpaceAfterSize, b';') => self.ignore(State::Extension),
            (State::Size | State::SpaceAfterSize | State::Extension, b'\r') => Some(State::SizeLf),
            (State::Extension, _) if is_text(byte) => self.ignore(State::Extension),
            (State::SizeLf, b'\n') if self.left == 0 => Some(State::LineStart),
            (State::SizeLf, b'\n') => Some(State::Data),
            (State::DataCr, b'\r') => Some(State::DataLf),
            (State::DataLf, b'\n') => Some(State::SizeStart),
            (State::LineStart, b'\r') => Some(State::EndLf),
            (State::LineStart, _) if byte.is_ascii_graphic() => self.ignore(State::Trailer),
            (State::Trailer, b'\r') => Some(State::TrailerLf),
            (State::Trailer, _) if is_text(byte) => self.ignore(State::Trailer),
            (State::TrailerLf, b'\n') => Some(State::LineStart),
            (State::EndLf, b'\n') => Some(State::End),
            _ => None,
        }
    }

    fn ignore(&mut self, next: State) -> Option<State> {
        self.ignored += 1;
        (self.ignored <= MAX_IGNORED_BYTES).then_some(next)
    }
}

/// Whether a byte may be part of a field's value.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(body: &str) -> Progress {
        ChunkedDecoder::new().advance(body.as_bytes())
    }

    /// The result of a body that comes byte by byte, counted from its start.
    fn byte_by_byte(body: &str) -> Progress {
        let mut decoder = ChunkedDecoder::new();
        for (at, byte) in body.bytes().enumerate() {
            match decoder.advance(&[byte]) {
                Progress::Unfinished => {}
                Progress::Complete(more) => return Progress::Complete(at + more),
                Progress::Malformed(more) => return Progress::Malformed(at + more),
            }
        }
        Progress::Unfinished
    }

    #[test]
    fn bodies_end_after_the_last_chunk_and_its_trailers() {
        for body in [
            "0\r\n\r\n",
            "2\r\n{}\r\n0\r\n\r\n",
            "2\r\n{}\r\nA\r\n0123456789\r\n000\r\n\r\n",
            "2 \t;name=\"va;lue\"\r\n{}\r\n0;x\r\nA: b\r\nC:d\r\n\r\n",
            "00000000000000000000002\r\n\r\n\r\n0\r\n\r\n",
        ] {
            let next = format!("{body}GET / HTTP/1.1\r\n");
            for read in [whole, byte_by_byte] {
                assert_eq!(read(body), Progress::Complete(body.len()), "{body:?}");
                assert_eq!(read(&next), Progress::Complete(body.len()), "{next:?}");
                assert_eq!(read(&body[..body.len() - 1]), Progress::Unfinished, "{body:?}");
            }
        }
    }

    #[test]
    fn malformed_bodies_are_found_at_the_first_wrong_byte() {
        for (body, at) in [
            ("\r\n", 0),
            ("x", 0),
            ("-1\r\n", 0),
            ("0x2\r\n", 1),
            ("2\n{}", 1),
            ("2\r{}", 2),
            ("2 3\r\n", 2),
            ("2;x=\n\r\n", 4),
            ("2;\0", 2),
            ("2\r\n{}0\r\n", 5),
            ("2\r\n{}\n", 5),
            ("2\r\n{}\r0", 6),
            ("0\r\n\n", 3),
            ("0\n\r\n", 1),
            ("0\r\n\r0", 4),
            ("0\r\n x\r\n", 3),
            ("0\r\nA: b\n\r\n", 7),
            ("0\r\nA: b\r0", 8),
            ("10000000000000000\r\n", 16),
        ] {
            for read in [whole, byte_by_byte] {
                assert_eq!(read(body), Progress::Malformed(at), "{body:?}");
            }
        }
    }

    #[test]
    fn ignored_bytes_are_bounded() {
        let long = "x".repeat(MAX_IGNORED_BYTES);
        assert_eq!(whole(&format!("2;{long}")), Progress::Malformed(1 + MAX_IGNORED_BYTES));
        assert_eq!(whole(&format!("0\r\n{long}x")), Progress::Malformed(3 + MAX_IGNORED_BYTES));
    }
}
