//! A successor: the same room, with the same people and offices, in another channel with a new group. It is for when
//! the channel is gone or its relay turned hostile. One person's device makes it from the state it has; everybody
//! else decides whether to follow, and is added there as one who lost their state would be.
//!
//! Whether a proposal shares one's own history is for each device to see: it names the last entry that it keeps.

use crate::id::{ChannelId, PersonaId, Position};
use crate::org::denied::Denied;
use crate::org::person::{Person, Standing};
use crate::org::state::State;

impl State {
    /// The state with which the room goes on in `channel`, alone in whose group is `by`, with this control key.
    ///
    /// Genesis, people, names, offices, clock, floor and position stay. Everybody else who is in the room is awaited.
    /// Who was going is out: no leaf of theirs is in the new group. Nobody who is out knows its keys. Invites end, and
    /// with them what applicants asked for, admitted or not: a link leads to the channel that it names.
    ///
    /// # Errors
    /// `Denied::NoKeyholder`, `Denied::NotPresent`.
    pub fn succeed(&self, by: &PersonaId, channel: ChannelId, control: [u8; 32]) -> Result<Self, Denied> {
        if !self.person(by).is_some_and(Person::is_present) {
            return Err(Denied::NotPresent);
        }
        if !self.may_succeed(by) {
            return Err(Denied::NoKeyholder);
        }
        let mut next = self.clone();
        next.channel = channel;
        next.access = self.position;
        next.answered = false;
        next.invites.clear();
        next.people.retain(|persona, person| {
            let stands = match &person.standing {
                Standing::Applied { .. } | Standing::Admitted { .. } => return false,
                Standing::Present { since } if persona == by => Standing::Present { since: *since },
                Standing::Present { since } | Standing::Awaited { since, .. } => Standing::Awaited {
                    since: *since,
                    asks: None,
                },
                Standing::Going { by } | Standing::Gone { by, .. } => Standing::Gone {
                    by: *by,
                    uncut: false,
                },
                // In another room than the governing one they are to come again: here that is at once.
                Standing::Outer { since, .. } if self.annex.is_some() => Standing::Awaited {
                    since: *since,
                    asks: None,
                },
                Standing::Outer { since, .. } => Standing::Outer {
                    since: *since,
                    seated: false,
                    uncut: false,
                },
            };
            if matches!(person.standing, Standing::Going { .. }) {
                person.retire();
            }
            person.standing = stands;
            // Leaves and control keys belong to the group and the channel before.
            person.leaf = None;
            person.older = 0;
            person.former.clear();
            person.lost = false;
            person.wants = None;
            person.control = (persona == by).then_some(control);
            if persona == by {
                // Seated anew, as everybody who follows will be: what they asked for in the channel before is over.
                person.renewed = self.position.next();
            }
            true
        });
        next.forget_gone();
        next.fill_seats(self.position);
        Ok(next)
    }

    /// Whether this state, reached in a successor that keeps everything up to `kept`, can have come from what one knew
    /// before: nobody's key, number or place is another, nobody is left out, nobody was slipped in and nobody who was
    /// out is back. Where one had read further than the successor keeps, what followed there may differ.
    #[must_use]
    pub fn carries_on(&self, before: &Self, kept: Position) -> bool {
        if self.genesis != before.genesis || (before.position <= kept && self.floor < before.floor) {
            return false;
        }
        let seat = |person: &Person| match person.standing {
            Standing::Present { since } | Standing::Awaited { since, .. } | Standing::Outer { since, .. } => {
                Some(since)
            }
            _ => None,
        };
        let known = kept.min(before.position);
        let keeps = |(id, was): (&PersonaId, &Person)| match (seat(was), self.people.get(id)) {
            (Some(since), _) if since > known => true,
            (Some(_), None) => false,
            (Some(since), Some(is)) => {
                let changed = is.rekeyed > known || was.rekeyed > known;
                (is.key == was.key || changed)
                    && is.number == was.number
                    && seat(is).is_none_or(|at| at == since)
            }
            (None, is) => {
                let out = matches!(was.standing, Standing::Going { .. } | Standing::Gone { .. });
                !(out && before.position <= kept && is.is_some_and(|is| seat(is).is_some()))
            }
        };
        let was_there = |(id, is): (&PersonaId, &Person)| {
            seat(is).is_none_or(|since| since > known || before.people.contains_key(id))
        };
        before.people.iter().all(keeps) && self.people.iter().all(was_there)
    }
}
