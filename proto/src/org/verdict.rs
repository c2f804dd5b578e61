//! The verdict on a commit that some could process and some could not: whether it stands. Heads and complaints,
//! which are readable in every epoch, decide; everybody reads them in one order, so everybody counts alike.
//!
//! Counted are the people with voice in the state before the commit. Its author counts for it until their next
//! head. Who awaits renewal, or is silent for a day after the first complaint, is not counted. The verdict falls at
//! the first position where more than half show one side, and never changes; only an exact tie after all have
//! spoken is broken, by the next cut, if that is not the author's.

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
    /// Time of the first complaint.
    complaint: Option<Minutes>,
    verdict: Option<Side>,
}

impl Tally {
    /// Opens the count over the commit at `position`, whose entry has this hash, in the epoch before it. `voters`
    /// are the people with voice in the state before it.
    #[must_use]
    pub fn open(
        position: Position,
        entry: EntryHash,
        author: PersonaId,
        epoch: u64,
        voters: impl Iterator<Item = PersonaId>,
    ) -> Self {
        let voice = |persona: PersonaId| Voice {
            side: (persona == author).then_some(Side::Stands),
            spoke: false,
            waits: false,
            time: None,
        };
        Self {
            position,
            entry,
            author,
            epoch,
            voices: voters.map(|persona| (persona, voice(persona))).collect(),
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

    /// Whether somebody complained of it.
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
        if self.complaint.is_none() {
            self.complaint = Some(self.now());
        }
    }

    /// Somebody asks for renewal.
    pub fn renewal(&mut self, persona: &PersonaId) {
        if let Some(voice) = self.voices.get_mut(persona) {
            voice.waits = true;
        }
    }

    /// Somebody cut: breaks an exact tie after all have spoken, unless it is the author.
    pub fn cut(&mut self, persona: &PersonaId) {
        if self.verdict().is_none() && self.is_tied() && *persona != self.author {
            self.verdict = self.voices.get(persona).and_then(|voice| voice.side);
        }
    }

    /// The verdict, once it has fallen. To be asked after every entry: it falls at the first that decides.
    pub fn verdict(&mut self) -> Option<Side> {
        if self.verdict.is_none() {
            let all = self.counted().count();
            let more_than_half = |side: &Side| self.count(*side) * 2 > all;
            self.verdict = [Side::Stands, Side::Void].into_iter().find(more_than_half);
        }
        self.verdict
    }

    /// Whether all have spoken and stand equal: then a cut decides.
    #[must_use]
    pub fn is_tied(&self) -> bool {
        self.verdict.is_none()
            && self.complaint.is_some()
            && self.counted().all(|(_, voice)| voice.spoke)
            && self.count(Side::Stands) == self.count(Side::Void)
    }

    fn speak(&mut self, persona: &PersonaId, side: Option<Side>, time: Minutes) {
        if let Some(voice) = self.voices.get_mut(persona) {
            voice.time = Some(voice.time.map_or(time, |before| before.max(time)));
            if side.is_some() {
                voice.side = side;
                voice.spoke = true;
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

    fn counted(&self) -> impl Iterator<Item = (&PersonaId, &Voice)> {
        let now = self.now();
        let over = self
            .complaint
            .is_some_and(|since| now.0.saturating_sub(since.0) > SILENCE);
        self.voices
            .iter()
            .filter(move |(_, voice)| !voice.waits && (voice.spoke || !over))
    }

    fn count(&self, side: Side) -> usize {
        self.counted()
            .filter(|(_, voice)| voice.side == Some(side))
            .count()
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
        Tally::open(AT, ENTRY, who(0), 4, (0..people).map(who))
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
    fn who_awaits_renewal_is_not_counted() {
        let mut tally = of(4);
        complains(&mut tally, 1, 1);
        tally.renewal(&who(1));
        tally.head(&who(2), &head(11, 5, 1));
        assert_eq!(tally.verdict(), Some(Side::Stands), "two of three");
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
    fn an_exact_tie_is_broken_by_a_cut_after_all_have_spoken_and_never_by_the_author() {
        let mut tally = of(4);
        complains(&mut tally, 1, 1);
        complains(&mut tally, 2, 1);
        tally.cut(&who(1));
        assert_eq!(tally.verdict(), None, "not all have spoken");
        tally.head(&who(3), &head(11, 5, 1));
        tally.head(&who(0), &head(12, 5, 1));
        assert!(tally.is_tied());
        tally.cut(&who(0));
        assert_eq!(tally.verdict(), None, "the author breaks no tie");
        tally.cut(&who(3));
        assert_eq!(tally.verdict(), Some(Side::Stands));
    }
}
