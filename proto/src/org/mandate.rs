//! Offices and mandates: who holds which powers, since when and until when. A seat never stays empty: who is next is
//! reckoned, by the order in which people came. A mandate whose time is over allows nothing but its own hand-over, by
//! whoever finds it so (law 10).

use serde::{Deserialize, Serialize};

use crate::id::{Minutes, PersonaId, Position};
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::person::{Person, Standing};
use crate::org::state::State;

/// Minutes of a day.
pub const DAY: u64 = 24 * 60;

/// An office.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Office {
    /// Keeps the body going until there are elections.
    Caretaker,
    /// Holds the channel's control keys.
    Keyholder,
}

/// Who holds an office.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mandate {
    /// Which.
    pub office: Office,
    /// Who.
    pub holder: PersonaId,
    /// Since when, in witnessed time.
    pub start: Minutes,
    /// Until when; none: until it is handed over.
    pub end: Option<Minutes>,
    /// Position of the entry by which they have it (0: the founding).
    pub from: Position,
}

impl Office {
    /// All.
    pub const ALL: [Self; 2] = [Self::Caretaker, Self::Keyholder];
}

impl Mandate {
    /// Whether its time is over.
    #[must_use]
    pub fn has_lapsed(&self, now: Minutes) -> bool {
        self.end.is_some_and(|end| end <= now)
    }
}

impl State {
    /// Mandates of an office whose holder is in the room, lapsed or not, the longest held first.
    pub fn mandates(&self, office: Office) -> impl Iterator<Item = &Mandate> {
        self.mandates
            .iter()
            .filter(move |mandate| mandate.office == office)
            .filter(|mandate| self.person(&mandate.holder).is_some_and(Person::is_present))
    }

    /// Who may hold an office, in order. Where nobody has what the charter asks for, everybody in good standing may,
    /// and where there is nobody in good standing, everybody.
    #[must_use]
    pub fn eligible(&self, office: Office) -> Vec<PersonaId> {
        let sphere = self.charter().office(office).sphere;
        let order = self.in_order();
        let which = |fits: &dyn Fn(&Person) -> bool| -> Vec<PersonaId> {
            let fits = |id: &&PersonaId| self.person(id).is_some_and(fits);
            order.iter().filter(fits).copied().collect()
        };
        let now = self.now();
        let good = |person: &Person| !person.is_suspended(now);
        let able = which(&|person| person.sphere >= sphere && good(person));
        if !able.is_empty() {
            return able;
        }
        let able = which(&good);
        if able.is_empty() { order } else { able }
    }

    /// Who gets an office after its holder: the next in the order of those who may hold it and do not. None if there is
    /// nobody else.
    #[must_use]
    pub fn next_in_line(&self, office: Office, holder: &PersonaId) -> Option<PersonaId> {
        let holds = |id: &PersonaId| self.mandates(office).any(|mandate| mandate.holder == *id);
        let eligible = self.eligible(office);
        let place = |id: &PersonaId| {
            self.person(id)
                .and_then(|person| Some((person.since()?, person.number)))
        };
        let after = place(holder);
        let free = |id: &&PersonaId| !holds(id);
        eligible
            .iter()
            .filter(free)
            .find(|id| place(id) > after)
            .or_else(|| eligible.iter().find(free))
            .copied()
    }

    pub(super) fn judge_hand_over(
        &self,
        author: &PersonaId,
        office: Office,
        holder: PersonaId,
    ) -> Result<Effect, Denied> {
        let mandate = self
            .mandates(office)
            .find(|mandate| mandate.holder == holder)
            .ok_or(Denied::NoMandate)?;
        let lapsed = mandate.has_lapsed(self.now());
        if !lapsed && holder != *author {
            return Err(Denied::StillHeld);
        }
        let to = match self.next_in_line(office, &holder) {
            Some(next) => next,
            // Alone, one holds it for another term.
            None if lapsed => holder,
            None => return Err(Denied::NobodyElse),
        };
        Ok(Effect::HandedOver { office, holder, to })
    }

    pub(super) fn hand_over(&mut self, office: Office, holder: &PersonaId, to: PersonaId, from: Position) {
        self.mandates
            .retain(|mandate| mandate.office != office || mandate.holder != *holder);
        self.appoint(office, to, from);
    }

    /// Gives every empty seat to the next, and takes seats from who may no longer hold them. Where more are there than
    /// there are seats, because somebody who was awaited is back, the latest goes.
    pub(super) fn fill_seats(&mut self, from: Position) {
        for office in Office::ALL {
            // The other offices are the governing room's.
            if self.annex.is_some() && office != Office::Keyholder {
                continue;
            }
            let eligible = self.eligible(office);
            // Whoever is to come again keeps what they hold.
            let governing = self.charter().governing;
            let again = |person: &Person| {
                let leaving = matches!(person.standing, Standing::Outer { seated: true, .. });
                person.is_awaited() || (leaving && person.sphere >= governing)
            };
            let awaited: Vec<_> = self
                .people
                .iter()
                .filter(|(_, person)| again(person))
                .map(|(id, _)| *id)
                .collect();
            self.mandates.retain(|mandate| {
                mandate.office != office
                    || eligible.contains(&mandate.holder)
                    || awaited.contains(&mandate.holder)
            });
            let seats = usize::from(self.charter().office(office).seats);
            while self.mandates(office).count() > seats {
                let Some(latest) = self.mandates(office).last().map(|mandate| mandate.holder) else {
                    break;
                };
                self.mandates
                    .retain(|mandate| mandate.office != office || mandate.holder != latest);
            }
            for next in eligible {
                if self.mandates(office).count() >= seats {
                    break;
                }
                if !self.mandates(office).any(|mandate| mandate.holder == next) {
                    self.appoint(office, next, from);
                }
            }
        }
    }

    fn appoint(&mut self, office: Office, holder: PersonaId, from: Position) {
        let start = self.now();
        let days = self.charter().office(office).days;
        let end = (days > 0).then(|| Minutes(start.0.saturating_add(u64::from(days) * DAY)));
        self.mandates.push(Mandate {
            office,
            holder,
            start,
            end,
            from,
        });
    }
}
