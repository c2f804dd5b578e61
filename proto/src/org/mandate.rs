//! Offices and mandates: who holds which powers, since when and until when. An office goes round, in the order in which
//! people came, or is given by election. A seat of one that goes round never stays empty: who is next is reckoned. A
//! mandate whose time is over allows nothing but its own hand-over, by whoever finds it so (law 10).
//!
//! A body begins with its founder as *caretaker*. The first election of a secretary ends that, and so do its days, where
//! the secretary's office goes round. Whenever nobody is secretary, the caretaker's office is there again.

use serde::{Deserialize, Serialize};

use crate::id::{Minutes, PersonaId, Position};
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::person::{Person, Standing};
use crate::org::power::Power;
use crate::org::state::State;

/// Minutes of a day.
pub const DAY: u64 = 24 * 60;

/// An office.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Office {
    /// Keeps the body going while nobody is secretary.
    Caretaker,
    /// Holds the channel's control keys.
    Keyholder,
    /// Does the daily work.
    Secretary,
    /// Keeps the money.
    Treasurer,
    /// Guides meetings.
    Facilitator,
    /// Speaks for the body in public.
    Editor,
    /// Speaks for the body among other bodies.
    Delegate,
    /// Opens sealed ballots.
    Teller,
    /// Holds what ties the body to others.
    Link,
}

/// How an office comes to whoever holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filling {
    /// It goes round.
    #[default]
    Rotation,
    /// By a poll.
    Election,
}

/// A place in the order in which people came: position of the commit that seated them, and their number.
pub type Turn = (Position, u32);

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
    /// How often they were elected into it, one term after another (0: it came to them by turns).
    pub terms: u16,
}

impl Office {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::Caretaker,
        Self::Keyholder,
        Self::Secretary,
        Self::Treasurer,
        Self::Facilitator,
        Self::Editor,
        Self::Delegate,
        Self::Teller,
        Self::Link,
    ];

    /// Whether it is remembered who had it last. The caretaker stands in, and keyholders are the first who came.
    const fn keeps_turns(self) -> bool {
        !matches!(self, Self::Caretaker | Self::Keyholder)
    }

    /// In words, for views and charters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Caretaker => "caretaker",
            Self::Keyholder => "keyholder",
            Self::Secretary => "secretary",
            Self::Treasurer => "treasurer",
            Self::Facilitator => "facilitator",
            Self::Editor => "editor",
            Self::Delegate => "delegate",
            Self::Teller => "teller",
            Self::Link => "link",
        }
    }
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

    /// Who may hold an office, in order, but for those who stand aside. Where nobody has what the charter asks for, or all
    /// who have it may be away and no body lives without what the office may (law 10), everybody may whose conduct is not
    /// under review, and where all of them may be away too, everybody. Likewise standing aside counts for nothing where too few
    /// are left.
    #[must_use]
    pub fn eligible(&self, office: Office) -> Vec<PersonaId> {
        let able = self.able(office);
        let away = self.missed(office);
        let willing = able.iter().filter(|id| !self.is_aside(id, office));
        let willing: Vec<_> = willing.copied().collect();
        if willing.len() > away { willing } else { able }
    }

    fn is_aside(&self, persona: &PersonaId, office: Office) -> bool {
        self.person(persona)
            .is_some_and(|person| person.aside.contains(&office))
    }

    /// How many of those who may hold an office may be away, where no body lives without what it may (law 10).
    fn missed(&self, office: Office) -> usize {
        // Into a room besides the governing one others of the body come by what is decided there.
        let powers = self.charter().office(office).map(|rule| &rule.powers);
        let vital = self.annex.is_none() && powers.into_iter().flatten().any(Power::is_vital);
        if vital {
            usize::from(self.charter().absent)
        } else {
            0
        }
    }

    /// Who may go on holding an office that they have.
    fn able(&self, office: Office) -> Vec<PersonaId> {
        let Some(rule) = self.charter().office(office) else {
            return Vec::new();
        };
        let order = self.in_order();
        let which = |fits: &dyn Fn(&Person) -> bool| -> Vec<PersonaId> {
            let fits = |id: &&PersonaId| self.person(id).is_some_and(fits);
            order.iter().filter(fits).copied().collect()
        };
        let now = self.now();
        let good = |person: &Person| !person.is_suspended(now);
        let able = which(&|person| person.sphere >= rule.sphere && good(person));
        if able.len() > self.missed(office) {
            return able;
        }
        let good = which(&good);
        if good.len() > self.missed(office) {
            good
        } else {
            order
        }
    }

    /// Somebody's place in the order in which people came.
    pub(super) fn turn(&self, persona: &PersonaId) -> Option<Turn> {
        let person = self.person(persona)?;
        Some((person.since()?, person.number))
    }

    /// Who gets an office after its holder: the next in the order of those who may hold it and do not. None if there is
    /// nobody else, or nobody else who does not stand aside while the holder does not.
    #[must_use]
    pub fn next_in_line(&self, office: Office, holder: &PersonaId) -> Option<PersonaId> {
        let forced = |next: &PersonaId| self.is_aside(next, office) && !self.is_aside(holder, office);
        self.line_after(office, holder)
            .first()
            .copied()
            .filter(|next| !forced(next))
    }

    fn line_after(&self, office: Office, holder: &PersonaId) -> Vec<PersonaId> {
        let last = self.turns.get(&office).copied();
        self.line(office, last.or_else(|| self.turn(holder)))
    }

    /// Who would get the seats of an office that fall empty now, in their order.
    #[must_use]
    pub fn next_holders(&self, office: Office) -> Vec<PersonaId> {
        let holder = self.mandates(office).next().map(|mandate| mandate.holder);
        let last = self.turns.get(&office).copied();
        self.line(office, last.or_else(|| self.turn(&holder?)))
    }

    /// Those who may hold an office and do not, beginning after a place in the order; who stands aside comes last.
    fn line(&self, office: Office, after: Option<Turn>) -> Vec<PersonaId> {
        let holds = |id: &PersonaId| self.mandates(office).any(|mandate| mandate.holder == *id);
        let mut line = self.eligible(office);
        line.retain(|id| !holds(id));
        let passed = line.iter().filter(|id| self.turn(id) <= after).count();
        line.rotate_left(passed);
        line.sort_by_key(|id| self.is_aside(id, office));
        line
    }

    /// Whether this office is given by polls alone.
    #[must_use]
    pub fn is_elected(&self, office: Office) -> bool {
        self.charter()
            .office(office)
            .is_some_and(|rule| rule.filling == Filling::Election)
    }

    /// How often in a row somebody was elected into an office, whether they hold it still or not.
    #[must_use]
    pub fn terms(&self, office: Office, persona: &PersonaId) -> u16 {
        let served = self.served.get(&office).into_iter().flatten();
        served
            .filter(|(holder, _)| holder == persona)
            .map(|(_, terms)| *terms)
            .max()
            .unwrap_or(0)
    }

    /// Whether somebody was elected into an office as often in a row as the charter lets anybody be.
    pub(super) fn has_served(&self, office: Office, persona: &PersonaId) -> bool {
        let terms = self.charter().office(office).map_or(0, |rule| rule.terms);
        terms > 0 && self.terms(office, persona) >= terms
    }

    /// Whether the caretaker's time ends with its days, because the secretary's office goes round.
    fn begins_by_turns(&self) -> bool {
        self.charter().office(Office::Secretary).is_some() && !self.is_elected(Office::Secretary)
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
        if self.is_elected(office) {
            return Ok(Effect::Vacated { office, holder });
        }
        if office == Office::Caretaker && self.begins_by_turns() {
            let first = self.line(Office::Secretary, self.turn(&holder)).first().copied();
            let to = first.unwrap_or(holder);
            return Ok(Effect::HandedOver { office, holder, to });
        }
        let others = self.line_after(office, &holder);
        let to = match (self.next_in_line(office, &holder), others.first()) {
            (Some(next), _) => next,
            // Whoever is there takes it from whoever may be away, though they stand aside (law 10).
            (None, Some(other)) if lapsed && holder != *author => *other,
            // Alone, or where all others stand aside, one holds it for another term.
            (None, _) if lapsed => holder,
            (None, _) => return Err(Denied::NobodyElse),
        };
        Ok(Effect::HandedOver { office, holder, to })
    }

    pub(super) fn judge_standing_aside(
        &self,
        author: &PersonaId,
        office: Office,
        aside: bool,
    ) -> Result<Effect, Denied> {
        self.charter().office(office).ok_or(Denied::NoOffice)?;
        let stands = |person: &Person| person.aside.contains(&office);
        if self.person(author).is_some_and(stands) == aside {
            return Err(Denied::Repeated);
        }
        Ok(Effect::StoodAside { office, aside })
    }

    pub(super) fn hand_over(&mut self, office: Office, holder: &PersonaId, to: PersonaId, from: Position) {
        if office == Office::Caretaker && self.begins_by_turns() {
            self.begin(holder);
            return self.fill_seats(from);
        }
        self.vacate(office, holder);
        self.appoint(office, to, from);
    }

    /// The time of the founding's caretaker is over: offices go round, beginning after them.
    fn begin(&mut self, caretaker: &PersonaId) {
        self.begun = true;
        let turn = self.turn(caretaker);
        self.mandates
            .retain(|mandate| mandate.office != Office::Caretaker);
        for office in Office::ALL.into_iter().filter(|office| office.keeps_turns()) {
            if let Some(turn) = turn {
                self.turns.entry(office).or_insert(turn);
            }
        }
    }

    /// Takes a mandate away.
    pub(super) fn vacate(&mut self, office: Office, holder: &PersonaId) {
        self.mandates
            .retain(|mandate| mandate.office != office || mandate.holder != *holder);
    }

    /// Gives an office to those whom a poll chose; whoever held it and was not chosen holds it no more.
    pub(super) fn elect(&mut self, office: Office, winners: &[PersonaId], from: Position) {
        let terms = |winner: &PersonaId| self.terms(office, winner).saturating_add(1);
        let served: Vec<_> = winners.iter().map(|winner| (*winner, terms(winner))).collect();
        self.mandates.retain(|mandate| mandate.office != office);
        for (winner, terms) in &served {
            self.appoint(office, *winner, from);
            if let Some(mandate) = self.mandates.last_mut() {
                mandate.terms = *terms;
            }
        }
        self.served.insert(office, served);
        let caretaker = self.mandates(Office::Caretaker).next().map(|held| held.holder);
        if office == Office::Secretary
            && let Some(caretaker) = caretaker.filter(|_| !self.begun)
        {
            self.begin(&caretaker);
        }
    }

    /// Gives every empty seat of an office that goes round to the next, and takes seats from who may no longer hold them.
    pub(super) fn fill_seats(&mut self, from: Position) {
        // The other offices are the governing room's.
        let here = |office: &Office| self.annex.is_none() || *office == Office::Keyholder;
        let mut offices: Vec<_> = self.charter().offices().map(|(office, _)| office).collect();
        offices.retain(here);
        if offices.contains(&Office::Secretary) {
            // Whether there is a caretaker depends on whether somebody is secretary.
            offices.sort_unstable_by_key(|office| (*office == Office::Caretaker, *office));
        }
        self.mandates.retain(|mandate| offices.contains(&mandate.office));
        for office in offices {
            self.fill(office, from);
        }
    }

    /// Where more are there than there are seats, because somebody who was awaited is back, the latest goes.
    fn fill(&mut self, office: Office, from: Position) {
        let able = self.able(office);
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
            mandate.office != office || able.contains(&mandate.holder) || awaited.contains(&mandate.holder)
        });
        let goes_round = self.goes_round(office);
        let seats = match self.charter().office(office) {
            Some(rule) if goes_round || office != Office::Caretaker => usize::from(rule.seats),
            _ => 0,
        };
        while self.mandates(office).count() > seats {
            let Some(latest) = self.mandates(office).last().map(|mandate| mandate.holder) else {
                break;
            };
            self.vacate(office, &latest);
            let last = self.mandates(office).last().map(|mandate| mandate.holder);
            if let Some(turn) = last.and_then(|last| self.turn(&last))
                && office.keeps_turns()
            {
                self.turns.insert(office, turn);
            }
        }
        while goes_round && self.mandates(office).count() < seats {
            let kept = match office {
                Office::Caretaker => Office::Secretary,
                other => other,
            };
            let after = self.turns.get(&kept).copied();
            let Some(next) = self.line(office, after).first().copied() else {
                break;
            };
            self.appoint(office, next, from);
        }
    }

    /// Whether the seats of an office fill themselves now: not one that is elected, nor the caretaker's while somebody is
    /// secretary, nor before offices begin to go round.
    #[must_use]
    pub fn goes_round(&self, office: Office) -> bool {
        let has_secretary = self.charter().office(Office::Secretary).is_some();
        match office {
            Office::Keyholder => true,
            Office::Caretaker => !has_secretary || self.mandates(Office::Secretary).next().is_none(),
            _ => !self.is_elected(office) && (self.begun || !has_secretary),
        }
    }

    fn appoint(&mut self, office: Office, holder: PersonaId, from: Position) {
        let start = self.now();
        let days = self.charter().office(office).map_or(0, |rule| rule.days);
        let end = (days > 0).then(|| Minutes(start.0.saturating_add(u64::from(days) * DAY)));
        if office.keeps_turns()
            && let Some(turn) = self.turn(&holder)
        {
            self.turns.insert(office, turn);
        }
        self.mandates.push(Mandate {
            office,
            holder,
            start,
            end,
            from,
            terms: 0,
        });
    }
}
