//! The verdict on a commit that some could process and some could not: whether it stands. Heads and complaints,
//! which are readable in every epoch, decide; everybody reads them in one order, so everybody counts alike.
//!
//! It stands by heads of more than half of *all* people in the state before it: those who await renewal or sleep
//! are in this base, so at least one honest person is always in an epoch that stands, while the dishonest are at
//! most half. It is void by more than half of those counted, or once all counted have spoken (or a day has passed)
//! and it does not stand: then one head against it is enough, for going back locks nobody out. Not counted is who
//! awaits renewal, or is silent for a day after the first head against it. Its author counts for it until their
//! next head. The verdict falls at the first position where this holds, and never changes; no cut breaks a tie.
//!
//! Behind a later cut, or one that the commit itself makes, the keys of the channel come from an epoch that only one
//! side has: what is said there is kept *aside* and decides nothing, until a keyholder's answer lets everybody read
//! the same again. Where nobody complains, no answer comes: then it stands once more than half have shown its epoch
//! for a day. Each of these rules is needed: `docs/model.md`, "Verdicts".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{EntryHash, Minutes, PersonaId, Position};
use crate::org::head::Head;

/// Minutes after a complaint during which silence keeps a verdict open.
pub const SILENCE: u64 = 24 * 60;

/// What became of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Side {
    /// It stands: who could not process it asks for renewal.
    Stands,
    /// It never was: who processed it goes back to before it.
    Void,
}

/// One person in the count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Voice {
    side: Option<Side>,
    /// They have spoken since the commit.
    spoke: bool,
    /// They await renewal.
    waits: bool,
    /// Their clock when they spoke last since the commit.
    time: Option<Minutes>,
}

/// What everybody said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Count {
    voices: BTreeMap<PersonaId, Voice>,
    /// Time of the first head or complaint against the commit.
    complaint: Option<Minutes>,
    /// Time at which more than half had shown its epoch.
    confirmed: Option<Minutes>,
}

/// The count over one commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tally {
    position: Position,
    entry: EntryHash,
    author: PersonaId,
    /// The MLS epoch before it.
    epoch: u64,
    /// What everybody can have read.
    count: Count,
    /// The same and what was said behind a cut that not everybody may be able to follow.
    aside: Option<Count>,
    verdict: Option<Side>,
}

impl Tally {
    /// Opens the count over the commit at `position`, whose entry has this hash, in the epoch before it. `voters`
    /// are the people with voice in the state before it, each with whether they await renewal.
    #[must_use]
    pub fn open(
        position: Position,
        entry: EntryHash,
        author: PersonaId,
        epoch: u64,
        voters: impl Iterator<Item = (PersonaId, bool)>,
    ) -> Self {
        let voice = |persona: PersonaId, waits: bool| Voice {
            side: (persona == author).then_some(Side::Stands),
            spoke: false,
            waits,
            time: None,
        };
        Self {
            position,
            entry,
            author,
            epoch,
            count: Count {
                voices: voters
                    .map(|(persona, waits)| (persona, voice(persona, waits)))
                    .collect(),
                complaint: None,
                confirmed: None,
            },
            aside: None,
            verdict: None,
        }
    }

    /// Where the commit stands.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Who made it.
    #[must_use]
    pub const fn author(&self) -> PersonaId {
        self.author
    }

    /// Whether somebody has shown that they are not in its epoch.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.counting().complaint.is_some()
    }

    /// Whether what follows is kept aside, and somebody who does not await renewal is on the other side: only a
    /// keyholder's answer lets everybody read the same again.
    #[must_use]
    pub fn is_divided(&self) -> bool {
        self.aside.as_ref().is_some_and(Count::is_opposed)
    }

    /// Whether this person has taken a side.
    #[must_use]
    pub fn has_spoken(&self, persona: &PersonaId) -> bool {
        self.counting()
            .voices
            .get(persona)
            .is_some_and(|voice| voice.spoke)
    }

    /// A cut: what follows may be read by one side only.
    pub fn part(&mut self) {
        if self.aside.is_none() {
            self.aside = Some(self.count.clone());
        }
    }

    /// A keyholder's answer: from here on everybody reads the same, and what was said aside is forgotten.
    pub fn rejoin(&mut self) {
        self.aside = None;
    }

    /// Somebody's head, beside whatever they said after the commit.
    pub fn head(&mut self, persona: &PersonaId, head: &Head) {
        let side = (head.position >= self.position).then_some(if head.epoch > self.epoch {
            Side::Stands
        } else {
            Side::Void
        });
        self.counting_mut().speak(persona, side, head.time);
    }

    /// Somebody's complaint of an entry; one of another entry is nothing here.
    pub fn complaint(&mut self, persona: &PersonaId, position: Position, entry: &EntryHash, time: Minutes) {
        if position == self.position && *entry == self.entry {
            self.counting_mut().speak(persona, Some(Side::Void), time);
        }
    }

    /// Somebody asks for renewal.
    pub fn renewal(&mut self, persona: &PersonaId) {
        if let Some(voice) = self.counting_mut().voices.get_mut(persona) {
            voice.waits = true;
        }
    }

    /// The verdict, once it has fallen. To be asked after every entry: it falls at the first that decides.
    pub fn verdict(&mut self) -> Option<Side> {
        if self.verdict.is_none() {
            self.verdict = match &self.aside {
                None => self.count.judged(),
                Some(aside) => aside.is_settled().then_some(Side::Stands),
            };
        }
        self.verdict
    }

    fn counting(&self) -> &Count {
        self.aside.as_ref().unwrap_or(&self.count)
    }

    fn counting_mut(&mut self) -> &mut Count {
        self.aside.as_mut().unwrap_or(&mut self.count)
    }
}

impl Count {
    fn judged(&self) -> Option<Side> {
        if self.is_confirmed() {
            return Some(Side::Stands);
        }
        let against = self
            .counted()
            .filter(|voice| voice.side == Some(Side::Void))
            .count();
        let by_most = against * 2 > self.counted().count();
        let unconfirmed = self.complaint.is_some() && self.counted().all(|voice| voice.spoke);
        (by_most || unconfirmed).then_some(Side::Void)
    }

    fn is_confirmed(&self) -> bool {
        let with = self
            .voices
            .values()
            .filter(|voice| voice.side == Some(Side::Stands));
        with.count() * 2 > self.voices.len()
    }

    /// Confirmed for a day, and nobody is left who says otherwise.
    fn is_settled(&self) -> bool {
        let for_a_day = self
            .confirmed
            .is_some_and(|since| self.now().0.saturating_sub(since.0) > SILENCE);
        for_a_day && self.is_confirmed() && !self.is_opposed()
    }

    fn is_opposed(&self) -> bool {
        let opposes = |voice: &Voice| voice.side == Some(Side::Void) && !voice.waits;
        self.voices.values().any(opposes)
    }

    fn speak(&mut self, persona: &PersonaId, side: Option<Side>, time: Minutes) {
        if let Some(voice) = self.voices.get_mut(persona) {
            voice.time = Some(voice.time.map_or(time, |before| before.max(time)));
            if side.is_some() {
                voice.side = side;
                voice.spoke = true;
            }
            if side == Some(Side::Void) && self.complaint.is_none() {
                self.complaint = Some(self.now());
            }
            if self.confirmed.is_none() && self.is_confirmed() {
                self.confirmed = Some(self.now());
            }
        }
    }

    /// The latest time that two people have reached, so that no single liar hurries the verdict; where only one
    /// has spoken, theirs.
    fn now(&self) -> Minutes {
        let mut times: Vec<Minutes> = self.voices.values().filter_map(|voice| voice.time).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.get(1).or(times.first()).copied().unwrap_or_default()
    }

    fn counted(&self) -> impl Iterator<Item = &Voice> {
        let now = self.now();
        let over = self
            .complaint
            .is_some_and(|since| now.0.saturating_sub(since.0) > SILENCE);
        self.voices
            .values()
            .filter(move |voice| !voice.waits && (voice.spoke || !over))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StateRoot;
    use crate::org::head::Running;

    const AT: Position = Position(10);
    const ENTRY: EntryHash = EntryHash([1; 32]);

    fn who(n: u8) -> PersonaId {
        PersonaId([n; 32])
    }

    fn of(people: u8) -> Tally {
        Tally::open(AT, ENTRY, who(0), 4, (0..people).map(|n| (who(n), false)))
    }

    fn head(position: u64, epoch: u64, time: u64) -> Head {
        Head {
            position: Position(position),
            running: Running([0; 32]),
            epoch,
            authenticator: [0; 32],
            root: StateRoot([0; 32]),
            time: Minutes(time),
            body: [0; 32],
        }
    }

    fn complains(tally: &mut Tally, n: u8, time: u64) {
        tally.complaint(&who(n), AT, &ENTRY, Minutes(time));
    }

    #[test]
    fn a_commit_stands_once_more_than_half_show_its_epoch() {
        let mut tally = of(4);
        assert_eq!(tally.verdict(), None);
        tally.head(&who(1), &head(9, 4, 1));
        assert_eq!(tally.verdict(), None, "a head from before it says nothing");
        tally.head(&who(1), &head(10, 5, 1));
        assert_eq!(tally.verdict(), None, "two of four are not more than half");
        tally.head(&who(2), &head(12, 6, 1));
        assert_eq!(tally.verdict(), Some(Side::Stands));
    }

    #[test]
    fn it_is_void_once_more_than_half_complain_or_stay_in_the_old_epoch() {
        let mut tally = of(5);
        complains(&mut tally, 1, 1);
        complains(&mut tally, 2, 1);
        assert_eq!(tally.verdict(), None);
        tally.head(&who(3), &head(11, 4, 1));
        assert_eq!(tally.verdict(), Some(Side::Void));
        // Whatever comes later, it stays.
        for n in 1..5 {
            tally.head(&who(n), &head(20, 5, 2));
        }
        assert_eq!(tally.verdict(), Some(Side::Void));
    }

    #[test]
    fn a_complaint_of_other_bytes_or_by_a_stranger_counts_for_nothing() {
        let mut tally = of(3);
        tally.complaint(&who(1), AT, &EntryHash([2; 32]), Minutes(1));
        tally.complaint(&who(1), AT.next(), &ENTRY, Minutes(1));
        complains(&mut tally, 9, 1);
        assert!(!tally.is_disputed());
        assert_eq!(tally.verdict(), None);
    }

    #[test]
    fn the_author_counts_for_it_until_their_next_head() {
        let mut tally = of(3);
        complains(&mut tally, 1, 1);
        assert_eq!(tally.verdict(), None);
        tally.head(&who(0), &head(11, 4, 1));
        assert_eq!(tally.verdict(), Some(Side::Void));
    }

    #[test]
    fn who_awaits_renewal_does_not_count_against_it_and_is_in_the_base_for_it() {
        let mut tally = of(4);
        complains(&mut tally, 1, 1);
        tally.renewal(&who(1));
        tally.head(&who(2), &head(11, 5, 1));
        assert_eq!(tally.verdict(), None, "two of all four are not more than half");
        tally.head(&who(3), &head(11, 5, 1));
        assert_eq!(tally.verdict(), Some(Side::Stands));
    }

    #[test]
    fn two_accomplices_cannot_confirm_a_split_while_one_honest_person_sleeps() {
        // M (0) splits so that nobody honest follows; A (1) says old, N (3) lies new, B (2) sleeps for a day.
        let mut tally = of(4);
        complains(&mut tally, 1, 100);
        tally.head(&who(3), &head(11, 5, 100));
        assert_eq!(tally.verdict(), None);
        tally.head(&who(1), &head(11, 4, 100 + SILENCE + 1));
        tally.head(&who(3), &head(12, 5, 100 + SILENCE + 1));
        assert_eq!(tally.verdict(), Some(Side::Void));
    }

    #[test]
    fn a_liar_alone_against_a_commit_that_most_can_process_changes_nothing() {
        let mut tally = of(3);
        tally.head(&who(1), &head(11, 4, 1));
        assert!(tally.is_disputed());
        tally.head(&who(2), &head(12, 5, 1));
        assert_eq!(tally.verdict(), Some(Side::Stands));
    }

    #[test]
    fn who_is_silent_for_a_day_is_not_counted_and_no_single_clock_makes_it_a_day() {
        let mut tally = of(7);
        complains(&mut tally, 1, 100);
        complains(&mut tally, 2, 100);
        tally.head(&who(2), &head(11, 4, 100 + SILENCE + 50));
        assert_eq!(tally.verdict(), None, "one clock is no witness");
        tally.head(&who(1), &head(11, 4, 100 + SILENCE + 1));
        assert_eq!(
            tally.verdict(),
            Some(Side::Void),
            "the author and four others are silent"
        );
    }

    #[test]
    fn at_an_exact_tie_after_all_have_spoken_it_is_void() {
        let mut tally = of(4);
        complains(&mut tally, 1, 1);
        complains(&mut tally, 2, 1);
        tally.head(&who(3), &head(11, 5, 1));
        assert_eq!(tally.verdict(), None, "the author has not spoken since");
        tally.head(&who(0), &head(12, 5, 1));
        assert_eq!(tally.verdict(), Some(Side::Void));
    }

    #[test]
    fn what_is_said_behind_a_cut_decides_nothing_until_an_answer() {
        let mut tally = of(5);
        complains(&mut tally, 1, 1);
        tally.part();
        // Those who can follow hear one another, and perhaps a liar.
        for n in 2..5 {
            tally.head(&who(n), &head(11, 5, 2));
        }
        assert_eq!(
            tally.verdict(),
            None,
            "one who could not follow hears none of this"
        );
        assert!(tally.is_divided());
        tally.rejoin();
        assert!(!tally.has_spoken(&who(2)));
        assert!(tally.has_spoken(&who(1)), "that was said before the cut");
        tally.head(&who(3), &head(13, 4, 3));
        tally.head(&who(4), &head(13, 4, 3));
        assert_eq!(tally.verdict(), Some(Side::Void));
    }

    #[test]
    fn behind_a_cut_nothing_is_void_and_what_nobody_opposes_for_a_day_stands() {
        let mut tally = of(4);
        tally.part();
        tally.head(&who(1), &head(11, 5, 1));
        tally.head(&who(2), &head(11, 5, 1));
        assert_eq!(tally.verdict(), None);
        tally.complaint(&who(3), AT, &ENTRY, Minutes(2));
        tally.head(&who(1), &head(12, 5, 2 + SILENCE));
        tally.head(&who(2), &head(12, 5, 2 + SILENCE));
        assert_eq!(tally.verdict(), None, "somebody is on the other side");
        // They found out that most others could follow.
        tally.renewal(&who(3));
        assert!(!tally.is_divided());
        assert_eq!(tally.verdict(), Some(Side::Stands));
    }
}
