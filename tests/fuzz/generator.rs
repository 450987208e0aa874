//! Generates inputs by mutating seeds.

/// The maximum length of an input in bytes.
const MAX_INPUT_BYTES: usize = 2000;

/// Bytes that are special to parsers.
const BYTES: &[u8] = b"\0\n\r\t \"%&+,-./:;=?@[\\]^_{}~01aZ\x7f\x80\xc3\xff";

/// `SplitMix64`: the same numbers on every machine.
pub struct Generator {
    state: u64,
    seeds: &'static [&'static [u8]],
    words: &'static [&'static str],
}

impl Generator {
    pub fn new(seed: u64, seeds: &'static [&'static [u8]], words: &'static [&'static str]) -> Self {
        Self { state: seed, seeds, words }
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    /// Returns the unchanged seeds first, then seeds with a few mutations.
    pub fn next_input(&mut self, number: usize) -> Vec<u8> {
        if let Some(seed) = self.seeds.get(number) {
            return seed.to_vec();
        }
        let mut input = self.seeds[self.roll(self.seeds.len())].to_vec();
        for _ in 0..=self.roll(5) {
            self.change(&mut input);
        }
        input.truncate(MAX_INPUT_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.roll(input.len() + 1);
        let end = at + self.roll((input.len() - at).min(16) + 1);
        match self.roll(9) {
            0 if at < input.len() => input[at] ^= 1 << self.roll(8),
            1 if at < input.len() => input[at] = BYTES[self.roll(BYTES.len())],
            2 => input.insert(at, BYTES[self.roll(BYTES.len())]),
            3 => drop(input.drain(at..end)),
            4 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let other = self.seeds[self.roll(self.seeds.len())];
                let from = self.roll(other.len() + 1);
                input.splice(at.., other[from..].iter().copied());
            }
            6 => self.replace_word(input),
            7 => {
                let byte = input.get(at).copied().unwrap_or(b'a');
                let many = self.roll(100);
                input.splice(at..at, std::iter::repeat_n(byte, many));
            }
            _ => {
                let word = self.words[self.roll(self.words.len())];
                input.splice(at..at, word.bytes());
            }
        }
    }

    /// Replaces a word of the input by one of the parser's words.
    fn replace_word(&mut self, input: &mut Vec<u8>) {
        let is_in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let at = self.roll(input.len() + 1);
        let start = input[..at].iter().rposition(|byte| !is_in_word(byte)).map_or(0, |found| found + 1);
        let end =
            input[at..].iter().position(|byte| !is_in_word(byte)).map_or(input.len(), |found| at + found);
        let word = self.words[self.roll(self.words.len())];
        input.splice(start..end, word.bytes());
    }
}
