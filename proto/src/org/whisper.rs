//! Whispers: one person of a room says something to another, sealed to the other's persona key. All have one size, and
//! none names whom it is for. The machine knows who whispers and how often, and nothing else.

use crate::id::PersonaId;
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::mandate::DAY;
use crate::org::state::State;

/// Bytes of words that are sealed to one person, whatever they say.
pub const SEALED_WORDS: usize = 2048;

/// Whispers of one person on one day.
pub const WHISPERS_A_DAY: u8 = 10;

impl State {
    pub(super) fn judge_whisper(&self, author: &PersonaId, sealed: Vec<u8>) -> Result<Effect, Denied> {
        if sealed.len() != SEALED_WORDS {
            return Err(Denied::Malformed);
        }
        let today = self.now().0 / DAY;
        let whispered = self.person(author).map_or((0, 0), |person| person.whispered);
        if whispered.0 == today && whispered.1 >= WHISPERS_A_DAY {
            return Err(Denied::WhisperedEnough);
        }
        Ok(Effect::Whispered { sealed })
    }

    pub(super) fn whispered(&mut self, author: &PersonaId) {
        let today = self.now().0 / DAY;
        if let Some(person) = self.people.get_mut(author) {
            let (day, before) = person.whispered;
            let before = if day == today { before } else { 0 };
            person.whispered = (today, before.saturating_add(1));
        }
    }
}
