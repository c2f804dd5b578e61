//! Attachments: what a message says of a file that lies in a channel of its own, and the names that files may have.
//!
//! A media type is not sent: it would be the sender's word for what the name's ending says already.

use core::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::id::{ChannelId, Minutes};
use crate::org::name::is_unsafe;

/// Largest file that a message may name, in bytes.
pub const LARGEST_FILE: u64 = 1 << 30;

/// Longest name of a file in bytes of UTF-8: well below what file systems take, with room for an ending.
pub const LONGEST_FILE_NAME: usize = 120;

/// Longest ending that a name keeps when it is shortened, in bytes, its dot included.
const LONGEST_ENDING: usize = 16;

/// What a file is called of whose name nothing is left.
const NAMELESS: &str = "file";

/// Names that stand for devices on Windows, whatever follows after a dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// What the keys of a file's channel and of its chunks come from.
#[derive(Clone, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct FileSecret(pub [u8; 32]);

/// A name that a file can safely have in any folder: no path, no hidden file, no device, nothing that moves a cursor or
/// turns the direction of writing, bounded. What is decoded and would have to be changed is refused.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

/// A file, as a message names it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name.
    pub name: FileName,
    /// Bytes, at most [`LARGEST_FILE`].
    pub size: u64,
    /// The channel of its chunks.
    pub channel: ChannelId,
    /// What opens them.
    pub secret: FileSecret,
    /// Hash over the hashes of its chunks.
    pub hash: [u8; 32],
    /// When the first of its chunks is no longer served, by the sender's clock.
    pub expires: Minutes,
}

impl FileName {
    /// The name that is left of a text when everything is gone that a file's name may not have.
    #[must_use]
    pub fn clean(text: &str) -> Self {
        let last = text.rsplit(['/', '\\']).find(|part| !part.is_empty());
        let kept: String = last
            .unwrap_or_default()
            .chars()
            .filter(|c| !is_unsafe(*c))
            .map(|c| if is_reserved(c) { '_' } else { c })
            .collect();
        let trimmed = kept.trim_matches(is_edge);
        // A leading dash is an option to many programs.
        let mut name = match trimmed.strip_prefix('-') {
            Some(rest) => format!("_{rest}"),
            None => trimmed.to_owned(),
        };
        if is_device(&name) {
            name.insert(0, '_');
        }
        let name = shortened(&name);
        Self(if name.is_empty() {
            NAMELESS.to_owned()
        } else {
            name
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that Windows, or a shell's wildcard, takes for something else.
const fn is_reserved(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

/// Dots and blanks: a table of our own, because members with programs of different age must judge a name alike.
const fn is_edge(c: char) -> bool {
    matches!(
        c,
        '.' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(is_edge).to_ascii_lowercase();
    let numbered = |prefix: &str| {
        let mut rest = stem.strip_prefix(prefix).unwrap_or_default().chars();
        matches!(
            (rest.next(), rest.next()),
            (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None)
        )
    };
    DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

/// At most [`LONGEST_FILE_NAME`] bytes, with the ending kept where it is one.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST_FILE_NAME {
        return name.to_owned();
    }
    let ending = name
        .rfind('.')
        .and_then(|dot| name.get(dot..))
        .filter(|ending| ending.len() <= LONGEST_ENDING)
        .unwrap_or_default();
    let most = LONGEST_FILE_NAME - ending.len();
    let mut end = most;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let stem = name.get(..end).unwrap_or_default().trim_end_matches(is_edge);
    format!("{stem}{ending}")
}

impl TryFrom<String> for FileName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = Self::clean(&text);
        if name.0 == text {
            Ok(name)
        } else {
            Err("no name for a file")
        }
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileName(..)")
    }
}

// In constant time, as every comparison of secrets.
impl PartialEq for FileSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for FileSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileSecret(..)")
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attachment(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(text: &str) -> String {
        FileName::clean(text).into()
    }

    #[test]
    fn what_is_left_of_a_hostile_name_is_harmless() {
        let table = [
            ("minutes of 2026-11-29.pdf", "minutes of 2026-11-29.pdf"),
            ("Grüße, Größe.odt", "Grüße, Größe.odt"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\windows\\system.ini", "system.ini"),
            ("/etc/shadow/", "shadow"),
            ("C:\\boot.ini", "boot.ini"),
            ("C:boot.ini", "C_boot.ini"),
            (".bashrc", "bashrc"),
            ("...", "file"),
            ("..", "file"),
            (".", "file"),
            (" . . ", "file"),
            ("", "file"),
            ("/", "file"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("NUL .txt", "_NUL .txt"),
            ("com1", "_com1"),
            ("LPT\u{b2}.pdf", "_LPT\u{b2}.pdf"),
            ("COM10", "COM10"),
            ("console.log", "console.log"),
            ("-rf", "_rf"),
            ("report\u{202e}fdp.exe", "reportfdp.exe"),
            ("a\u{0}b\u{1b}[2J\nc", "ab[2Jc"),
            ("\u{200b}\u{feff}", "file"),
            ("what?*.txt", "what__.txt"),
            ("stream.txt:hidden", "stream.txt_hidden"),
            ("name.txt. . .", "name.txt"),
            ("\u{3000}name\u{a0}", "name"),
        ];
        for (given, left) in table {
            assert_eq!(cleaned(given), left, "{given:?}");
        }
    }

    #[test]
    fn a_name_of_ten_thousand_characters_keeps_its_ending_and_little_else() {
        let name = cleaned(&format!("{}.pdf", "ä".repeat(10_000)));
        assert!(
            name.len() <= LONGEST_FILE_NAME && name.ends_with("ä.pdf"),
            "{name}"
        );
        assert!(cleaned(&"x".repeat(10_000)).len() == LONGEST_FILE_NAME);
        let tail = cleaned(&format!("a.{}", "b".repeat(10_000)));
        assert_eq!(tail.len(), LONGEST_FILE_NAME);
    }

    #[test]
    fn a_name_that_would_have_to_be_changed_is_not_taken_from_others() {
        for bad in ["../../etc/passwd", "CON", ".hidden", "", "a\u{202e}b", "a/b"] {
            assert!(FileName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(FileName::try_from("minutes.pdf".to_owned()).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_cleaned_is_clean_and_names_a_file_in_its_folder(text in any::<String>()) {
            let name = FileName::clean(&text);
            prop_assert_eq!(&FileName::clean(name.as_str()), &name);
            prop_assert!(!name.as_str().is_empty() && name.as_str().len() <= LONGEST_FILE_NAME);
            prop_assert!(!name.as_str().starts_with(['.', '-', ' ']));
            prop_assert!(!name.as_str().contains(['/', '\\', '\0', '\n']));
            prop_assert!(!name.as_str().chars().any(is_unsafe));
        }
    }
}
