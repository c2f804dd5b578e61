//! Names and labels that people choose: bounded, without control or bidirectional characters.

use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest name in bytes of UTF-8.
pub const LONGEST: usize = 64;

/// A chosen name or label. Two names that differ only in the case of Latin, Greek or Cyrillic letters count
/// as one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum NameError {
    /// Nothing is left of it.
    #[error("a name needs at least one visible character")]
    Empty,
    /// More than [`LONGEST`] bytes.
    #[error("a name has at most 64 bytes")]
    TooLong,
    /// A character that moves the cursor, hides, or turns the direction of writing.
    #[error("a name has no control, invisible or direction characters")]
    Character,
    /// Names of bodies and rooms are separated by it.
    #[error("a name has no /")]
    Slash,
}

impl Name {
    /// A name, trimmed of spaces around it.
    ///
    /// # Errors
    /// `NameError`.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > LONGEST {
            return Err(NameError::TooLong);
        }
        if text.chars().any(is_unsafe) {
            return Err(NameError::Character);
        }
        if text.contains('/') {
            return Err(NameError::Slash);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether people would take one for the other.
    #[must_use]
    pub fn is_like(&self, other: &str) -> bool {
        self.0.chars().map(folded).eq(other.trim().chars().map(folded))
    }
}

/// The small letter of a capital one. A table of our own, because those of the standard library grow with
/// Unicode, and members with programs of different age must judge a name alike.
const fn folded(c: char) -> char {
    let small = match c {
        'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ' | 'Α'..='Ρ' | 'Σ'..='Ϋ' | 'А'..='Я' => c as u32 + 32,
        'Ѐ'..='Џ' => c as u32 + 80,
        'Ā'..='ķ' | 'Ŋ'..='ŷ' | 'Ѡ'..='ҁ' | 'Ҋ'..='ҿ' | 'Ӑ'..='ԯ' | 'Ḁ'..='ẕ' | 'Ạ'..='ỿ' => {
            c as u32 | 1
        }
        'Ĺ'..='ň' | 'Ź'..='ž' | 'Ӂ'..='ӎ' => {
            let code = c as u32;
            code + code % 2
        }
        'Ÿ' => 'ÿ' as u32,
        'Ά' => 'ά' as u32,
        'Έ'..='Ί' => c as u32 + 37,
        'Ό' => 'ό' as u32,
        'Ύ' | 'Ώ' => c as u32 + 63,
        'Ӏ' => 'ӏ' as u32,
        'ς' => 'σ' as u32,
        'ẞ' => 'ß' as u32,
        _ => return c,
    };
    match char::from_u32(small) {
        Some(small) => small,
        None => c,
    }
}

/// Characters that a terminal or a reader's eye must never meet in somebody else's words: C0, C1, delete,
/// direction marks (Unicode TR 9), line separators, zero-width, blank and other invisible characters, tags.
#[must_use]
pub const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let name = Self::new(&text)?;
        if name.0 == text {
            Ok(name)
        } else {
            Err(NameError::Character)
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_move_a_cursor_are_refused() {
        for bad in [
            "",
            "  ",
            "a\u{1b}[2J",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a/b",
            "\u{9b}31m",
            "\u{3164}",
            "a\u{2800}b",
        ] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            Name::new("  Ana María ").map(|n| n.to_string()),
            Ok("Ana María".to_owned())
        );
        assert!(Name::new("Ana").is_ok_and(|name| name.is_like("aNA ")));
    }

    #[test]
    fn letters_that_differ_in_case_alone_are_one_name() {
        // The standard library is the oracle for the scripts that the table covers. İ has a small form of two
        // characters there; final sigma is small already and folds to the other sigma here.
        let covered = ('\0'..='\u{17f}')
            .chain('\u{386}'..='\u{3cb}')
            .chain('\u{400}'..='\u{52f}')
            .chain('\u{1e00}'..='\u{1eff}');
        for c in covered.filter(|c| !matches!(c, 'İ' | 'ς')) {
            let mut small = c.to_lowercase();
            assert_eq!(small.next(), Some(folded(c)), "{c} {:x}", c as u32);
            assert_eq!(small.next(), None);
        }
        assert!(Name::new("СОФИЯ Ω").is_ok_and(|name| name.is_like("софия ω")));
        assert!(Name::new("ana").is_ok_and(|name| !name.is_like("anna")));
    }
}
