//! Offices in the interpreter: who holds them, who is next, and when seats are filled.

use caucus_proto::id::PersonaId;
use caucus_proto::org::Office;

use super::interpreter::{DAY, Model, Stand};
use super::rules::VITAL;

/// Somebody in an office.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Seat {
    pub(super) office: Office,
    pub(super) holder: PersonaId,
    pub(super) start: u64,
    pub(super) end: Option<u64>,
    pub(super) from: u64,
    /// How often in a row they were elected into it.
    pub(super) terms: u16,
}

/// Place in the order in which people came.
pub(super) type Place = (u64, u32);

const fn goes_by_turns(office: Office) -> bool {
    !matches!(office, Office::Caretaker | Office::Keyholder)
}

impl Model {
    /// Who may do what.
    pub(super) fn may(&self, id: &PersonaId, what: &str) -> bool {
        let here = self.present().iter().any(|p| p.id == *id);
        here && self.seats.iter().any(|s| {
            let post = self.rules.post(s.office);
            let allows = post.is_some_and(|post| post.powers.contains(&what));
            s.holder == *id && s.end.is_none_or(|end| end > self.now) && allows
        })
    }

    fn place(&self, id: &PersonaId) -> Option<Place> {
        let person = self.find(id)?;
        match person.stand {
            Stand::Present(since) => Some((since, person.number)),
            _ => None,
        }
    }

    /// Whose place was the last to have had an office.
    pub(super) fn last_place(&self, office: Office) -> Option<Place> {
        let had = self.had.iter().filter(|(of, _)| *of == office);
        had.map(|(_, place)| *place).next_back()
    }

    /// Who is in an office and in the room, the longest held first.
    pub(super) fn held(&self, office: Office) -> Vec<Seat> {
        let mut held = self.seats.clone();
        held.retain(|seat| seat.office == office && self.place(&seat.holder).is_some());
        held
    }

    /// Those who could hold an office, the longest here first: of its stage and not under review; failing them, or where all
    /// of them may be away and a body needs the office, anybody who is not under review; failing them, anybody.
    fn able(&self, office: Office) -> Vec<PersonaId> {
        let Some(post) = self.rules.post(office) else {
            return vec![];
        };
        let fine: Vec<_> = self
            .present()
            .into_iter()
            .filter(|p| !p.is_under_review(self.now))
            .collect();
        let of_stage: Vec<_> = fine.iter().copied().filter(|p| p.stage >= post.stage).collect();
        let best = if of_stage.len() > self.away(office) {
            of_stage
        } else if fine.len() > self.away(office) {
            fine
        } else {
            self.present()
        };
        best.iter().map(|p| p.id).collect()
    }

    /// How many may be away of those who could do what no body can be without.
    fn away(&self, office: Office) -> usize {
        let needed = self
            .rules
            .post(office)
            .is_some_and(|post| VITAL.iter().any(|power| post.powers.contains(power)));
        if needed { self.rules.absent } else { 0 }
    }

    /// Of them who has not stood aside; failing enough of them, all.
    pub(super) fn willing(&self, office: Office) -> Vec<PersonaId> {
        let able = self.able(office);
        let mut willing = able.clone();
        willing.retain(|id| !self.find(id).unwrap().aside.contains(&office));
        if willing.len() <= self.away(office) {
            able
        } else {
            willing
        }
    }

    /// Who waits for an office, whoever comes after this place first.
    fn queue(&self, office: Office, after: Option<Place>) -> Vec<PersonaId> {
        let mut waiting = self.willing(office);
        waiting.retain(|id| self.held(office).iter().all(|seat| seat.holder != *id));
        let (mut queue, before): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|id| self.place(id) > after);
        queue.extend(before);
        let (unwilling, mut queue): (Vec<_>, Vec<_>) = queue
            .into_iter()
            .partition(|id| self.find(id).unwrap().aside.contains(&office));
        queue.extend(unwilling);
        queue
    }

    pub(super) fn is_elected(&self, office: Office) -> bool {
        self.rules.post(office).is_some_and(|post| post.elected)
    }

    fn secretary_goes_round(&self) -> bool {
        self.rules.post(Office::Secretary).is_some() && !self.is_elected(Office::Secretary)
    }

    /// Whoever finds a term over hands it on; before that only the holder does.
    pub(super) fn hands_over(
        &mut self,
        position: u64,
        author: &PersonaId,
        office: Office,
        holder: &PersonaId,
    ) -> bool {
        let held = self.held(office);
        let Some(seat) = held.iter().find(|seat| seat.holder == *holder) else {
            return false;
        };
        let over = seat.end.is_some_and(|end| end <= self.now);
        if !over && holder != author {
            return false;
        }
        if self.is_elected(office) {
            self.empty(office, holder);
            self.moved = true;
            return true;
        }
        if office == Office::Caretaker && self.secretary_goes_round() {
            self.begin(*holder);
            self.fill(position);
            return true;
        }
        let after = self.last_place(office).or(self.place(holder));
        let aside = |id: &PersonaId| self.find(id).unwrap().aside.contains(&office);
        let next = match self.queue(office, after).first() {
            Some(next) if !aside(next) || aside(holder) || (over && author != holder) => *next,
            _ if over => *holder,
            _ => return false,
        };
        self.empty(office, holder);
        self.seat(office, next, position);
        true
    }

    pub(super) fn empty(&mut self, office: Office, holder: &PersonaId) {
        self.seats
            .retain(|seat| seat.office != office || seat.holder != *holder);
    }

    /// The founding's caretaker is one no more: whoever comes after them begins.
    fn begin(&mut self, caretaker: PersonaId) {
        self.begun = true;
        self.seats.retain(|seat| seat.office != Office::Caretaker);
        let Some(place) = self.place(&caretaker) else {
            return;
        };
        for office in Office::ALL {
            if goes_by_turns(office) && self.last_place(office).is_none() {
                self.had.push((office, place));
            }
        }
    }

    pub(super) fn elect(&mut self, position: u64, office: Office, winners: &[PersonaId]) {
        let before: Vec<_> = self.served(office);
        self.seats.retain(|seat| seat.office != office);
        let mut served = vec![];
        for winner in winners {
            let again = before.iter().find(|(who, _)| who == winner);
            let terms = again.map_or(0, |(_, terms)| *terms) + 1;
            self.seat(office, *winner, position);
            self.seats.last_mut().unwrap().terms = terms;
            served.push((*winner, terms));
        }
        self.elections.push((office, served));
        let caretaker = self.held(Office::Caretaker).first().map(|seat| seat.holder);
        if let Some(caretaker) = caretaker
            && office == Office::Secretary
            && !self.begun
        {
            self.begin(caretaker);
        }
    }

    /// Whom the last election put into an office, and how often in a row each was elected.
    pub(super) fn served(&self, office: Office) -> Vec<(PersonaId, u16)> {
        let last = self.elections.iter().rev().find(|(of, _)| *of == office);
        last.map(|(_, served)| served.clone()).unwrap_or_default()
    }

    /// As often in a row as the charter lets anybody be elected.
    pub(super) fn has_served_enough(&self, office: Office, id: &PersonaId) -> bool {
        let terms = self.rules.post(office).map_or(0, |post| post.terms);
        terms > 0
            && self
                .served(office)
                .iter()
                .any(|(who, served)| who == id && *served >= terms)
    }

    fn seat(&mut self, office: Office, holder: PersonaId, from: u64) {
        let days = self.rules.post(office).map_or(0, |post| post.days);
        if goes_by_turns(office)
            && let Some(place) = self.place(&holder)
        {
            self.had.push((office, place));
        }
        self.seats.push(Seat {
            office,
            holder,
            start: self.now,
            end: (days > 0).then_some(self.now + days * DAY),
            from,
            terms: 0,
        });
    }

    /// Seats that go round are never empty, and nobody sits where they may not.
    pub(super) fn fill(&mut self, position: u64) {
        let mut offices: Vec<_> = self.rules.posts.iter().map(|post| post.office).collect();
        self.seats.retain(|seat| offices.contains(&seat.office));
        // Whether there is a caretaker is known once it is known whether there is a secretary.
        if offices.contains(&Office::Secretary) {
            offices.retain(|office| *office != Office::Caretaker);
            offices.push(Office::Caretaker);
        }
        for office in offices {
            let able = self.able(office);
            self.seats
                .retain(|seat| seat.office != office || able.contains(&seat.holder));
            let has_secretary = self.rules.post(Office::Secretary).is_some();
            let round = match office {
                Office::Keyholder => true,
                Office::Caretaker => !has_secretary || self.held(Office::Secretary).is_empty(),
                _ => !self.is_elected(office) && (self.begun || !has_secretary),
            };
            let mut wanted = self.rules.post(office).unwrap().seats;
            if office == Office::Caretaker && !round {
                wanted = 0;
            }
            while self.held(office).len() > wanted {
                let latest = self.held(office).last().unwrap().holder;
                self.empty(office, &latest);
                if let Some(last) = self.held(office).last()
                    && goes_by_turns(office)
                {
                    let place = self.place(&last.holder).unwrap();
                    self.had.push((office, place));
                }
            }
            while round && self.held(office).len() < wanted {
                let kept = if office == Office::Caretaker {
                    Office::Secretary
                } else {
                    office
                };
                let Some(next) = self.queue(office, self.last_place(kept)).first().copied() else {
                    break;
                };
                self.seat(office, next, position);
            }
        }
    }
}
