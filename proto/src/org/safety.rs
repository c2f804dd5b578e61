//! The code of 60 digits that two people compare outside of Caucus to know that they have one another's
//! keys.
//!
//! Both see the same code whoever asks. To make two views agree that differ in a key, an attacker needs a
//! collision on 199 bits. It says nothing about anybody else in the room.

use core::fmt;

use crate::id::{BodyId, PersonaId};
use crate::label::{Label, hash};
use crate::org::person::Person;
use crate::org::sign::PersonaPublic;
use crate::org::state::State;

/// Groups of a code.
pub const GROUPS: usize = 12;

/// One group is below this: five digits.
const GROUP: u64 = 100_000;

/// A code of twelve groups of five digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SafetyCode([u32; GROUPS]);

impl SafetyCode {
    /// The code of two personas of a body, in either order, each with its present key.
    #[must_use]
    pub fn of(body: &BodyId, one: (&PersonaId, &PersonaPublic), other: (&PersonaId, &PersonaPublic)) -> Self {
        let (first, second) = if (one.0, one.1) <= (other.0, other.1) {
            (one, other)
        } else {
            (other, one)
        };
        Self::digits(hash(
            Label::SafetyCode,
            &[
                body.as_bytes(),
                first.0.as_bytes(),
                &first.1.0,
                second.0.as_bytes(),
                &second.1.0,
            ],
        ))
    }

    /// The code of a request (`Application::digest`): its author reads it out to those who are to recognize them. It stands for
    /// their key and everything else that they signed.
    #[must_use]
    pub fn of_request(digest: &[u8; 32]) -> Self {
        Self::digits(hash(Label::RequestCode, &[digest]))
    }

    /// The last 60 decimal digits of a number of 256 bits. 10^60 is below 2^200, so no code is more likely
    /// than another by more than one part in 2^56.
    fn digits(mut number: [u8; 32]) -> Self {
        let mut groups = [0; GROUPS];
        for group in groups.iter_mut().rev() {
            let mut rest = 0_u64;
            for byte in &mut number {
                let value = (rest << 8) | u64::from(*byte);
                // The quotient is below 256 because the rest before it was below the divisor.
                *byte = u8::try_from(value / GROUP).unwrap_or(u8::MAX);
                rest = value % GROUP;
            }
            *group = u32::try_from(rest).unwrap_or(0);
        }
        Self(groups)
    }

    /// The groups in order, each below 100,000.
    #[must_use]
    pub const fn groups(&self) -> &[u32; GROUPS] {
        &self.0
    }

    /// Whether a text that somebody read out or pasted is this code; what is no digit is passed over.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let typed = text.chars().filter(char::is_ascii_digit);
        let own = self.to_string();
        typed.eq(own.chars().filter(char::is_ascii_digit))
    }
}

impl fmt::Display for SafetyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, group) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{group:05}")?;
        }
        Ok(())
    }
}

impl State {
    /// The code that these two compare; none if one of them is not known here or they are one person.
    #[must_use]
    pub fn safety_code(&self, one: &PersonaId, other: &PersonaId) -> Option<SafetyCode> {
        if one == other {
            return None;
        }
        let key = |persona: &PersonaId| self.person(persona).map(|person: &Person| &person.key);
        Some(SafetyCode::of(
            &self.genesis.body(),
            (one, key(one)?),
            (other, key(other)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_code_and_any_other_key_or_body_another() {
        let key = |byte| PersonaPublic([byte; 32]);
        let id = |byte| PersonaId::of(&[byte; 32]);
        let body = BodyId([9; 32]);
        let code = |body: &BodyId, a: u8, key_a: u8, b: u8, key_b: u8| {
            SafetyCode::of(body, (&id(a), &key(key_a)), (&id(b), &key(key_b)))
        };
        let ours = code(&body, 1, 1, 2, 2);
        assert_eq!(ours, code(&body, 2, 2, 1, 1));
        for other in [
            code(&body, 1, 3, 2, 2),
            code(&body, 1, 1, 2, 3),
            code(&body, 3, 1, 2, 2),
            code(&body, 1, 2, 2, 1),
            code(&BodyId([8; 32]), 1, 1, 2, 2),
        ] {
            assert_ne!(ours, other);
        }
        assert_eq!(
            ours.to_string(),
            "35192 75463 02995 14964 54654 15892 69322 78395 95924 82905 92663 43033"
        );
    }

    #[test]
    fn a_code_is_sixty_digits_however_it_is_typed() {
        let mut number = [0; 32];
        number[31] = 7;
        number[29] = 1;
        let code = SafetyCode::digits(number);
        assert_eq!(code.groups()[..11], [0; 11]);
        assert_eq!(code.groups()[11], 65_543);
        let text = code.to_string();
        assert_eq!(text.len(), 12 * 5 + 11);
        assert!(code.matches(&text));
        assert!(code.matches(&text.replace(' ', "\n")));
        assert!(!code.matches(&text[..text.len() - 1]));
        assert!(!code.matches(""));
        // 2^256 - 1, whose last 60 digits anybody can look up.
        assert_eq!(
            SafetyCode::digits([255; 32]).to_string(),
            "42357 09850 08687 90785 32699 84665 64056 40394 57584 00791 31296 39935"
        );
    }
}
