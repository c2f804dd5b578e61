//! A successor: the same room, with the same people and offices, in another channel with a new group. It is for when
//! the channel is gone or its relay turned hostile. One person's device makes it from the state it has; everybody
//! else decides whether to follow, and is added there as one who lost their state would be.
//!
//! Whether a proposal shares one's own history is for each device to see: it names the last entry that it keeps.

use crate::id::{ChannelId, PersonaId};
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
            };
            if matches!(person.standing, Standing::Going { .. }) {
                person.retire();
            }
            person.standing = stands;
            // Leaves and control keys belong to the group and the channel before.
            person.leaf = None;
            person.older = 0;
            person.wants = None;
            person.control = (persona == by).then_some(control);
            true
        });
        next.forget_gone();
        Ok(next)
    }
}
