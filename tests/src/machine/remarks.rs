//! What people do with each other's messages in a walk, and what the interpreter says of it.

use caucus_proto::id::{IntentId, PersonaId, Position};
use caucus_proto::org::{Deed, Mark, MessageRef, Remark, State};

use super::cast::intent;
use super::compare::{Difference, same};
use super::interpreter::{Did, Model};
use super::proposing::one;
use super::walk::Roll;

/// From here on nobody in a walk has used an intent.
const UNUSED: u32 = 1 << 29;

/// What is done with a message, as the interpreter needs it.
#[derive(Clone, Debug)]
pub(super) enum Note {
    /// So many bytes are said, as an answer or in place of other words.
    Words {
        of: u64,
        bytes: usize,
    },
    /// A mark, or a deletion.
    Light {
        of: u64,
    },
    Pin {
        message: (u64, IntentId),
        on: bool,
    },
    Vanish {
        hours: u32,
    },
}

impl Note {
    pub(super) const fn is_said(&self) -> bool {
        matches!(self, Self::Words { .. } | Self::Light { .. })
    }
}

impl Model {
    pub(super) fn notes(&mut self, position: u64, author: &PersonaId, note: &Note) -> bool {
        // Nothing is known of an entry that has not come.
        let is_here = |of: &u64| *of < position && *of <= self.position;
        match note {
            Note::Words { of, bytes } => is_here(of) && *bytes > 0 && *bytes <= 65_536,
            Note::Light { of } => is_here(of),
            Note::Pin { message, on: true } => {
                let ok = is_here(&message.0) && !self.pins.contains(message) && self.pins.len() < 16;
                if ok {
                    self.pins.push(*message);
                }
                ok
            }
            Note::Pin { message, on: false } => {
                let place = self.pins.iter().position(|pin| pin == message);
                if let Some(place) = place {
                    self.pins.remove(place);
                }
                place.is_some()
            }
            Note::Vanish { hours } => {
                let now = self.vanishings.last().map_or(0, |(hours, _)| *hours);
                let ok = self.may(author, "facilitate") && *hours <= 8_784 && *hours != now;
                if ok {
                    self.vanishings.push((*hours, position));
                }
                ok
            }
        }
    }
}

impl Roll {
    pub(super) fn remark(&self, model: &Model) -> (Did, Deed) {
        let draw = &mut self.more.clone();
        let done: Vec<_> = model.people.iter().flat_map(|p| p.done.clone()).collect();
        let (id, of) = match one(draw, &done) {
            Some(message) if !draw.percent(5) => message,
            _ => (intent(UNUSED), model.position.saturating_sub(2) + draw.below(6)),
        };
        let to = MessageRef {
            position: Position(of),
            id,
        };
        let bytes = if draw.percent(90) {
            5
        } else {
            draw.between(0, 2) as usize * 32_769
        };
        let text = "r".repeat(bytes);
        let mark = Mark::new("👍").expect("a mark");
        let (note, remark) = match draw.below(10) {
            0 => (Note::Words { of, bytes }, Remark::Reply { to, text }),
            1 => (Note::Words { of, bytes }, Remark::Edit { of: to, text }),
            2 => (Note::Light { of }, Remark::Unsay { of: to }),
            3 => {
                let on = draw.percent(50);
                (Note::Light { of }, Remark::React { to, mark, on })
            }
            4..=7 => {
                let on = draw.percent(75);
                let pinned = one(draw, &model.pins).filter(|_| !on || draw.percent(20));
                let (of, id) = pinned.unwrap_or((of, id));
                let to = MessageRef {
                    position: Position(of),
                    id,
                };
                let message = (of, id);
                (Note::Pin { message, on }, Remark::Pin { to, on })
            }
            _ => {
                let hours = *draw.one(&[0, 1, 24, 24, 8_784, 8_785]);
                (Note::Vanish { hours }, Remark::Vanish { hours })
            }
        };
        let remark = Box::new(remark);
        (Did::Remark(note), Deed::Remark { remark })
    }
}

/// Whether machine and interpreter agree about pins, and about how long words are kept.
pub(super) fn agree(state: &State, model: &Model) -> Result<(), Difference> {
    let pins: Vec<_> = (state.pins.iter()).map(|pin| (pin.position.0, pin.id)).collect();
    same!(pins, model.pins);
    let last = model.vanishings.last().copied().unwrap_or_default();
    same!((state.vanishing.hours, state.vanishing.since.0), last);
    Ok(())
}
