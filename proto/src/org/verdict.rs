//! The verdict on a commit that some could process and some could not: whether it stands. Heads and complaints,
//! which are readable in every epoch, decide; everybody reads them in one order, so everybody counts alike.
//!
//! It stands by heads of more than half of *all* people in the state before it: those who await renewal or sleep
//! are in this base, so at least one honest person is always in an epoch that stands, while the dishonest are at
//! most half. It is void by more than half of those counted, or once all counted have spoken (or a day has passed)
//! and it does not stand: then one head against it is enough, for going back locks nobody out. Not counted is who
//! awaits renewal, or is silent for a day after the first head against it. Its author counts for it until their
//! next head. The verdict falls at the first position where this holds, and never changes; no cut breaks a tie.
//! Each of these rules is needed: `docs/model.md`, "Verdicts".

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

/// The count over one commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tally {
    position: Position,
    entry: EntryHash,
    author: PersonaId,
    /// The MLS epoch before it.
    epoch: u64,
    voices: BTreeMap<PersonaId, Voice>,
    /// Time of the first head or complaint against it.
    complaint: Option<Minutes>,
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
            voices: voters
                .map(|(persona, waits)| (persona, voice(persona, waits)))
                .collect(),
            complaint: None,
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
    pub const fn is_disputed(&self) -> bool {
        self.complaint.is_some()
    }

    /// Whether this person has taken a side.
    #[must_use]
    pub fn has_spoken(&self, persona: &PersonaId) -> bool {
        self.voices.get(persona).is_some_and(|voice| voice.spoke)
    }

    /// Somebody's head, beside whatever they said after the commit.
    pub fn head(&mut self, persona: &PersonaId, head: &Head) {
        let side = (head.position >= self.position).then_some(if head.epoch > self.epoch {
            Side::Stands
        } else {
            Side::Void
        });
        self.speak(persona, side, head.time);
    }

    /// Somebody's complaint of an entry; one of another entry is nothing here.
    pub fn complaint(&mut self, persona: &PersonaId, position: Position, entry: &EntryHash, time: Minutes) {
        if position != self.position || *entry != self.entry || !self.voices.contains_key(persona) {
            return;
        }
        self.speak(persona, Some(Side::Void), time);
    }

    /// Somebody asks for renewal.
    pub fn renewal(&mut self, persona: &PersonaId) {
        if let Some(voice) = self.voices.get_mut(persona) {
            voice.waits = true;
        }
    }

    /// The verdict, once it has fallen. To be asked after every entry: it falls at the first that decides.
    pub fn verdict(&mut self) -> Option<Side> {
        if self.verdict.is_none() {
            self.verdict = self.judged();
        }
        self.verdict
    }

    fn judged(&self) -> Option<Side> {
        let shows = |voice: &&Voice, side| voice.side == Some(side);
        let all = self.voices.values();
        if all.clone().filter(|voice| shows(voice, Side::Stands)).count() * 2 > self.voices.len() {
            return Some(Side::Stands);
        }
        let against = self.counted().filter(|voice| shows(voice, Side::Void)).count();
        let by_most = against * 2 > self.counted().count();
        let unconfirmed = self.is_disputed() && self.counted().all(|voice| voice.spoke);
        (by_most || unconfirmed).then_some(Side::Void)
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
}
