//! A part of a whole, without floats (law 7): "more than 1/2", "at least 2/3". Compared by multiplying across.

use core::fmt;
use core::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Largest number in a share.
pub const LARGEST_PART: u16 = 100;

/// A part of a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// So many ...
    pub part: u16,
    /// ... of so many.
    pub of: u16,
    /// More than that, where it would otherwise be enough to reach it.
    pub more: bool,
}

/// A text that is no share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a share is \"more than A/B\" or \"at least A/B\", B from 1 to {LARGEST_PART}, A at most B")]
pub struct BadShare;

impl Share {
    /// More than half.
    pub const HALF: Self = Self {
        part: 1,
        of: 2,
        more: true,
    };

    /// Whether it is a part of something at all; a charter is checked for it.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        let fits = self.of >= 1 && self.of <= LARGEST_PART && self.part <= self.of;
        fits && !(self.more && self.part == self.of)
    }

    /// Whether `count` of `whole` is that much. Of nothing, nothing is enough only where nothing is asked.
    #[must_use]
    pub const fn is_met(self, count: u32, whole: u32) -> bool {
        let (have, want) = (count as u64 * self.of as u64, whole as u64 * self.part as u64);
        if self.more { have > want } else { have >= want }
    }

    /// The least count that is enough, of `whole`.
    #[must_use]
    pub const fn least(self, whole: u32) -> u32 {
        let want = whole as u64 * self.part as u64;
        let of = if self.of == 0 { 1 } else { self.of as u64 };
        let least = if self.more {
            want / of + 1
        } else {
            want.div_ceil(of)
        };
        // At most the whole and one more.
        #[allow(clippy::cast_possible_truncation)]
        {
            least as u32
        }
    }

    /// Whether this asks for at least as much as the other, of anything.
    #[must_use]
    pub const fn is_at_least(self, other: Self) -> bool {
        let (mine, others) = (
            self.part as u32 * other.of as u32,
            other.part as u32 * self.of as u32,
        );
        mine > others || (mine == others && (self.more || !other.more))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.more { "more than" } else { "at least" };
        write!(f, "{how} {}/{}", self.part, self.of)
    }
}

impl FromStr for Share {
    type Err = BadShare;

    fn from_str(text: &str) -> Result<Self, BadShare> {
        let text = text.trim();
        let (more, fraction) = match text.strip_prefix("more than ") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("at least ").ok_or(BadShare)?),
        };
        let (part, of) = fraction.split_once('/').ok_or(BadShare)?;
        let number = |text: &str| text.trim().parse().map_err(|_| BadShare);
        let share = Self {
            part: number(part)?,
            of: number(of)?,
            more,
        };
        if share.is_sound() {
            Ok(share)
        } else {
            Err(BadShare)
        }
    }
}

// In charters it is a text that people read, in the log three numbers.
impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.part, self.of, self.more).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return text.parse().map_err(D::Error::custom);
        }
        let (part, of, more) = Deserialize::deserialize(deserializer)?;
        Ok(Self { part, of, more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_least_is_met_and_one_less_is_not() {
        for of in 1..=12_u16 {
            for part in 0..=of {
                for more in [false, true] {
                    let share = Share { part, of, more };
                    if !share.is_sound() {
                        continue;
                    }
                    for whole in 0..=50 {
                        let least = share.least(whole);
                        assert!(share.is_met(least, whole), "{share} of {whole}");
                        assert!(
                            least == 0 || !share.is_met(least - 1, whole),
                            "{share} of {whole}"
                        );
                    }
                    assert_eq!(share.to_string().parse(), Ok(share));
                }
            }
        }
    }

    #[test]
    fn a_share_that_asks_for_more_is_known_by_what_it_takes() {
        let all = (1..=8_u16)
            .flat_map(|of| (0..=of).flat_map(move |part| [false, true].map(|more| Share { part, of, more })));
        let all: Vec<_> = all.filter(|share| share.is_sound()).collect();
        for one in &all {
            for other in &all {
                let takes_more = (1..=400).all(|whole| one.least(whole) >= other.least(whole));
                assert_eq!(one.is_at_least(*other), takes_more, "{one} and {other}");
            }
        }
    }

    #[test]
    fn a_share_of_nothing_or_of_more_than_all_is_refused() {
        for text in [
            "",
            "1/2",
            "more than 1",
            "more than 2/2",
            "at least 3/2",
            "at least 1/0",
            "at least 1/101",
            "at least -1/2",
            "more than 1/2 ",
            " at least 1/2 x",
        ] {
            assert_eq!(text.parse::<Share>().is_ok(), text == "more than 1/2 ", "{text}");
        }
    }
}
