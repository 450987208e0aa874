//! Checks text against the grammar of RFC 8259, without allocating.
use super::strings::hexadecimal;

/// The maximum nesting depth of arrays and objects.
pub const MAX_DEPTH: usize = 64;

/// Why the input is not valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// More than [`MAX_DEPTH`] brackets are open at the same time.
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// The text is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The grammar does not allow the byte at this offset.
    #[error("unexpected end or character at byte {0}")]
    Unexpected(usize),
    /// The number at this offset is too large for a double.
    #[error("number out of range at byte {0}")]
    OutOfRange(usize),
}

/// Checks a whole document.
pub(super) fn validate(text: &str) -> Result<(), JsonError> {
    let mut validator = Validator { text: text.as_bytes(), at: 0 };
    validator.value(0)?;
    validator.skip_whitespace();
    if validator.at < text.len() { Err(validator.unexpected()) } else { Ok(()) }
}

/// The text, and the offset up to which it is valid.
struct Validator<'a> {
    text: &'a [u8],
    at: usize,
}

impl Validator<'_> {
    fn unexpected(&self) -> JsonError {
        JsonError::Unexpected(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, expected: &[u8]) -> Result<(), JsonError> {
        if !self.text[self.at..].starts_with(expected) {
            return Err(self.unexpected());
        }
        self.at += expected.len();
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'{') => self.container(b'}', depth + 1),
            Some(b'[') => self.container(b']', depth + 1),
            Some(b'"') => self.string(),
            Some(b't') => self.expect(b"true"),
            Some(b'f') => self.expect(b"false"),
            Some(b'n') => self.expect(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected()),
        }
    }

    fn container(&mut self, close: u8, depth: usize) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        self.skip_whitespace();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.skip_whitespace();
                if self.peek() != Some(b'"') {
                    return Err(self.unexpected());
                }
                self.string()?;
                self.skip_whitespace();
                self.expect(b":")?;
            }
            self.value(depth)?;
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..0x20) | None => return Err(self.unexpected()),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let first = self.unicode_escape()?;
                if (0xdc00..0xe000).contains(&first) {
                    return Err(self.unexpected());
                }
                if (0xd800..0xdc00).contains(&first) && !(0xdc00..0xe000).contains(&self.unicode_escape()?) {
                    return Err(self.unexpected());
                }
            }
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<u32, JsonError> {
        self.expect(b"\\u")?;
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(hexadecimal).ok_or_else(|| self.unexpected())?;
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let digits = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        let is_finite = digits.parse::<f64>().is_ok_and(f64::is_finite);
        if is_finite { Ok(()) } else { Err(JsonError::OutOfRange(start)) }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|digit| digit.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }
}
