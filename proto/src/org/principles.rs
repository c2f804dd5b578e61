//! Points of unity (a cell's or committee's cardinal principles): a text in one or more languages, with versions. One
//! accepts a text in a language, by its hash; a change of substance asks everybody anew, a slip of the pen nobody.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{Minutes, PersonaId};
use crate::label::{Label, hash};
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::mandate::DAY;
use crate::org::person::Person;
use crate::org::power::Power;
use crate::org::roster::Annex;
use crate::org::state::State;

/// Longest text in one language, in bytes.
pub const LONGEST_PRINCIPLES: usize = 16 * 1024;

/// Most languages.
pub const MOST_LANGUAGES: usize = 8;

/// One language's text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// Language tag (RFC 5646), in small letters.
    pub language: String,
    /// The text.
    pub text: String,
}

/// The points of unity as they are now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Principles {
    /// Which version, from 1.
    pub version: u32,
    /// The texts, in order of language.
    pub texts: Vec<Wording>,
    /// Whoever accepted this version or a later one has accepted what counts.
    pub since: u32,
    /// When that version came, in witnessed time.
    pub from: Minutes,
}

/// What somebody accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// Which version.
    pub version: u32,
    /// In which language.
    pub language: String,
    /// Hash of the text.
    pub hash: [u8; 32],
}

// Texts stay out of logs.
impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wording({})", self.language)
    }
}

impl Wording {
    /// By which an acceptance names it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash(
            Label::Principles,
            &[self.language.as_bytes(), self.text.as_bytes()],
        )
    }

    fn is_sound(&self) -> bool {
        let tag = self.language.as_bytes();
        let letters = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        (2..=16).contains(&tag.len())
            && tag.iter().all(letters)
            && !self.text.trim().is_empty()
            && self.text.len() <= LONGEST_PRINCIPLES
    }
}

impl State {
    /// Whether somebody has accepted what counts; everybody has where there is no text.
    #[must_use]
    pub fn has_accepted(&self, person: &Person) -> bool {
        let counts = self.principles.as_ref().map_or(0, |text| text.since);
        counts == 0
            || person
                .accepted
                .as_ref()
                .is_some_and(|accepted| accepted.version >= counts)
    }

    /// Until when somebody has to accept, if they have not.
    #[must_use]
    pub fn acceptance_due(&self, person: &Person) -> Option<Minutes> {
        let text = self.principles.as_ref()?;
        if self.annex.is_some() || person.sphere < self.charter().governing {
            return None;
        }
        let days = u64::from(self.charter().principles.days) * DAY;
        let from = text.from.max(person.joined);
        (!self.has_accepted(person)).then(|| Minutes(from.0.saturating_add(days)))
    }

    pub(super) fn judge_principles(
        &self,
        author: &PersonaId,
        texts: Vec<Wording>,
        substance: bool,
    ) -> Result<Effect, Denied> {
        if let Some(annex) = &self.annex {
            return Self::judge_wordings(annex, texts, substance);
        }
        self.with_power(author, Power::Principles)?;
        Self::sound_texts(&texts)?;
        let version = self.principles.as_ref().map_or(0, |text| text.version);
        let version = version.checked_add(1).ok_or(Denied::Text)?;
        // The first is of substance whatever it says.
        let substance = substance || self.principles.is_none();
        Ok(Effect::PrinciplesSet {
            version,
            texts,
            substance,
        })
    }

    pub(super) fn sound_texts(texts: &[Wording]) -> Result<(), Denied> {
        let sorted = texts.is_sorted_by(|a, b| a.language < b.language);
        if texts.is_empty() || texts.len() > MOST_LANGUAGES || !sorted || !texts.iter().all(Wording::is_sound)
        {
            return Err(Denied::Text);
        }
        Ok(())
    }

    /// In a room besides the governing one the texts are those whose hashes the last claim names.
    fn judge_wordings(annex: &Annex, texts: Vec<Wording>, substance: bool) -> Result<Effect, Denied> {
        let named = annex.principles.as_ref().ok_or(Denied::NotHere)?;
        if !texts.iter().map(Wording::hash).eq(named.hashes.iter().copied()) {
            return Err(Denied::AnotherText);
        }
        Ok(Effect::PrinciplesSet {
            version: named.version,
            texts,
            substance,
        })
    }

    pub(super) fn set_principles(&mut self, version: u32, texts: &[Wording], substance: bool) {
        let (since, from) = match &self.principles {
            Some(before) if !substance => (before.since, before.from),
            _ => (version, self.now()),
        };
        let named = self.annex.as_ref().and_then(|annex| annex.principles.as_ref());
        let since = named.map_or(since, |named| named.since);
        self.principles = Some(Principles {
            version,
            texts: texts.to_vec(),
            since,
            from,
        });
    }

    pub(super) fn judge_acceptance(&self, persona: &PersonaId, accepted: Accepted) -> Result<Effect, Denied> {
        let text = self.principles.as_ref().ok_or(Denied::NoPrinciples)?;
        let wording = text
            .texts
            .iter()
            .find(|wording| wording.language == accepted.language);
        if text.version != accepted.version || wording.map(Wording::hash) != Some(accepted.hash) {
            return Err(Denied::AnotherText);
        }
        Ok(Effect::PrinciplesAccepted {
            persona: *persona,
            accepted,
        })
    }

    /// As the act, by a notice that others may carry from room to room, once.
    pub(super) fn judge_told_acceptance(
        &self,
        persona: &PersonaId,
        accepted: Accepted,
    ) -> Result<Vec<Effect>, Denied> {
        let person = self.person(persona).ok_or(Denied::NotPresent)?;
        if !(person.is_present() || person.is_outer() || person.is_awaited()) {
            return Err(Denied::NotPresent);
        }
        if person.accepted.as_ref() == Some(&accepted) {
            return Err(Denied::Repeated);
        }
        Ok(vec![self.judge_acceptance(persona, accepted)?])
    }
}
