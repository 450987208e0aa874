//! A recursive-descent parser with limits, so that no input overflows the stack.
use super::{AttributePath, Filter, Operand, Operator, Test};
use crate::{Error, Result, USER};

const MAX_CHARACTERS: usize = 4096;
const MAX_COMPARISONS: usize = 64;
const MAX_DEPTH: usize = 32;

/// Parses a string from its start.
#[derive(Debug)]
pub(crate) struct Parser<'a> {
    rest: &'a str,
    comparisons: usize,
    depth: usize,
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::invalid_filter(detail)
}

/// Whether the character ends a name or an unquoted value.
fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"')
}

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str) -> Result<Self> {
        if text.chars().count() > MAX_CHARACTERS {
            return Err(invalid(format!("the filter is longer than {MAX_CHARACTERS} characters")));
        }
        if text.contains('\0') {
            return Err(invalid("the filter holds a NUL character"));
        }
        Ok(Self { rest: text, comparisons: 0, depth: 0 })
    }

    /// Checks that only white space is left.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.blanks();
        if self.rest.is_empty() { Ok(()) } else { Err(self.unexpected("the end")) }
    }

    pub(crate) fn filter(&mut self) -> Result<Filter> {
        self.list("or", Self::conjunction, Filter::Or)
    }

    fn conjunction(&mut self) -> Result<Filter> {
        self.list("and", Self::unary, Filter::And)
    }

    /// Parses one or more parts separated by a word. A single part is returned as it is.
    fn list(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Result<Filter>,
        make: fn(Vec<Filter>) -> Filter,
    ) -> Result<Filter> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.keyword(word) {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { make(parts) })
    }

    fn unary(&mut self) -> Result<Filter> {
        self.blanks();
        if self.eat('(') {
            return self.bracketed(')');
        }
        let path = self.path()?;
        let is_not = path.urn.is_none() && path.sub.is_none() && path.name.eq_ignore_ascii_case("not");
        let before = self.rest;
        self.blanks();
        if is_not && self.eat('(') {
            return Ok(Filter::Not(Box::new(self.bracketed(')')?)));
        }
        self.rest = before;
        if self.eat('[') {
            let inner = self.bracketed(']')?;
            let then = if self.eat('.') { Some((self.name()?, self.test(true)?)) } else { None };
            return Ok(Filter::Element(path, Box::new(inner), then));
        }
        Ok(Filter::Attribute(path, self.test(false)?))
    }

    fn bracketed(&mut self, end: char) -> Result<Filter> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(invalid(format!("the filter is nested deeper than {MAX_DEPTH}")));
        }
        let inner = self.filter()?;
        self.blanks();
        if !self.eat(end) {
            return Err(self.unexpected(&format!("`{end}`")));
        }
        self.depth -= 1;
        Ok(inner)
    }

    /// Parses an operator and its operand. If the operator is optional and missing, the test is `pr`.
    fn test(&mut self, optional: bool) -> Result<Test> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(invalid(format!("the filter has more than {MAX_COMPARISONS} comparisons")));
        }
        if self.keyword("pr") {
            return Ok(Test::Present);
        }
        for (word, operator) in Operator::ALL {
            if self.keyword(word) {
                return Ok(Test::Compare(operator, self.operand()?));
            }
        }
        if optional { Ok(Test::Present) } else { Err(self.unexpected("an operator")) }
    }

    fn operand(&mut self) -> Result<Operand> {
        self.blanks();
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        if let Some(text) = self.rest.strip_prefix('\'') {
            let (text, rest) = text.split_once('\'').ok_or_else(|| invalid("a text has no end"))?;
            self.rest = rest;
            self.delimited()?;
            return Ok(Operand::Quoted(text.to_owned()));
        }
        let word = self.word();
        if word.is_empty() { Err(self.unexpected("a value")) } else { Ok(Operand::Bare(word.to_owned())) }
    }

    /// Parses a JSON string.
    fn quoted(&mut self) -> Result<Operand> {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, c)| {
            let ends = !escaped && *c == '"';
            escaped = !escaped && *c == '\\';
            ends
        });
        let (end, _) = end.ok_or_else(|| invalid("a text has no end"))?;
        let (json, rest) = self.rest.split_at(end + 1);
        let text: String = serde_json::from_str(json).map_err(|_| invalid("a text is not JSON"))?;
        if text.contains('\0') {
            return Err(invalid("a text holds a NUL character"));
        }
        self.rest = rest;
        self.delimited()?;
        Ok(Operand::Quoted(text))
    }

    /// Checks that a string is followed by a delimiter.
    fn delimited(&self) -> Result<()> {
        if self.rest.starts_with(|c: char| !is_delimiter(c)) {
            Err(self.unexpected("a blank"))
        } else {
            Ok(())
        }
    }

    /// Parses `urn:…:name.sub`. A URN ends at its last colon.
    pub(crate) fn path(&mut self) -> Result<AttributePath> {
        let word = self.word();
        let (urn, names) = match word.rsplit_once(':') {
            Some((urn, names)) => (Some(urn), names),
            None => (None, word),
        };
        let (name, sub) = match names.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (names, None),
        };
        let well_formed = match urn {
            // Attribute names of other schemas follow their own rules: `urn:example:1.0.2`.
            Some(urn) if !urn.eq_ignore_ascii_case(USER) => {
                urn.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) && !names.is_empty()
            }
            _ => is_name(name) && sub.is_none_or(is_name),
        };
        if !well_formed {
            return Err(invalid(format!("expected the name of an attribute: {word}")));
        }
        Ok(AttributePath {
            urn: urn.map(ToOwned::to_owned),
            name: name.to_owned(),
            sub: sub.map(ToOwned::to_owned),
        })
    }

    /// Parses the name of a sub-attribute.
    pub(crate) fn name(&mut self) -> Result<String> {
        let word = self.word();
        if is_name(word) { Ok(word.to_owned()) } else { Err(invalid(format!("expected a name: {word}"))) }
    }

    /// Parses `[filter]`, if present.
    pub(crate) fn selection(&mut self) -> Result<Option<Filter>> {
        if self.eat('[') { self.bracketed(']').map(Some) } else { Ok(None) }
    }

    pub(crate) fn eat(&mut self, c: char) -> bool {
        self.rest.strip_prefix(c).inspect(|rest| self.rest = rest).is_some()
    }

    pub(crate) fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(is_delimiter).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Consumes a word, case-insensitively, if it is next.
    fn keyword(&mut self, word: &str) -> bool {
        let before = self.rest;
        self.blanks();
        if self.word().eq_ignore_ascii_case(word) {
            return true;
        }
        self.rest = before;
        false
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let found: String = self.rest.trim_start().chars().take(20).collect();
        invalid(if found.is_empty() {
            format!("expected {wanted}, found the end")
        } else {
            format!("expected {wanted}, found `{found}`")
        })
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
}
