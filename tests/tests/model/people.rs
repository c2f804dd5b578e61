//! What a person makes of the log they read: epoch, verdicts, what counts as done.
//!
//! A person's state of MLS is not stored but judged from the beginning at each look, as the design asks after a verdict
//! ("everybody judges again from the disputed position"). Nothing here sends; that is `agent`.

use super::relay::{Body, Entry, Epoch, Flag, Keys, Op, Relay};

pub(crate) type Person = u8;

/// The most people in one run.
pub(crate) const PEOPLE: u8 = 3;

/// A set of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Set(pub(crate) u8);

impl Set {
    pub(crate) const ALL: Self = Self((1 << PEOPLE) - 1);

    pub(crate) fn has(self, person: Person) -> bool {
        self.0 & (1 << person) != 0
    }

    pub(crate) fn with(self, person: Person) -> Self {
        Self(self.0 | (1 << person))
    }

    pub(crate) fn without(self, person: Person) -> Self {
        Self(self.0 & !(1 << person))
    }

    pub(crate) fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Person> {
        (0..PEOPLE).filter(move |p| self.has(*p))
    }
}

/// Rules of the clients that a mutant may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Law {
    /// The machine applies an intent's id once per author.
    pub(crate) once: bool,
    /// Who cannot process a signed commit waits for heads; else they go on alone in the old epoch.
    pub(crate) verdicts: bool,
    /// A renewal consumes the requests that its receiver made before it, however late they are carried in.
    pub(crate) consumed: bool,
    /// What lies behind a held cut and does not open is undecided: it puts nobody out.
    pub(crate) undecided: bool,
    /// A verdict on a cut counts only heads in segments whose keys do not depend on that cut.
    pub(crate) common: bool,
    /// Who holds or is out takes no keys from anything behind.
    pub(crate) stops: bool,
    /// Between a commit that heads void and their verdict, its author's other commits are void too.
    pub(crate) shadow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    New,
    Old,
}

/// What one person holds to be so, having read up to a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) epoch: Epoch,
    pub(crate) counter: u8,
    pub(crate) segment: u8,
    /// A commit that cannot be processed and awaits its verdict.
    pub(crate) holds: Option<u8>,
    /// Nothing but a renewal helps.
    pub(crate) out: bool,
    /// Where one stopped following: no commit behind it gives one keys.
    pub(crate) stopped: Option<u8>,
    /// How often each author's message, and each author's act, was applied.
    pub(crate) said: [u8; PEOPLE as usize],
    pub(crate) acted: [u8; PEOPLE as usize],
    pub(crate) turns: u8,
    pub(crate) removed: bool,
    /// Segments whose cut was judged to give wrong keys.
    pub(crate) wrong: u8,
}

impl View {
    pub(crate) fn is_wrong(&self, segment: u8) -> bool {
        self.wrong & (1 << segment) != 0
    }

    pub(crate) fn settled(&self) -> bool {
        self.holds.is_none() && !self.out
    }
}

/// The requests for renewal on the way through a log.
#[derive(Clone, Copy, Default)]
struct Requests {
    open: Set,
    /// Behind the last renewal of each person. A request that its author signed before having read that far is the one
    /// that it answered, carried in late.
    renewed: [u8; PEOPLE as usize],
}

impl Requests {
    fn take(&mut self, law: Law, position: u8, entry: &Entry) {
        match entry.body {
            Body::Notice { of, asks: true }
                if !law.consumed || entry.read >= self.renewed[usize::from(of)] =>
            {
                self.open = self.open.with(of);
            }
            Body::Commit { op: Op::Renew(p), .. } => {
                self.open = self.open.without(p);
                self.renewed[usize::from(p)] = position + 1;
            }
            _ => {}
        }
    }
}

/// One person as a reader of one log.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) relay: &'a Relay,
    pub(crate) law: Law,
    pub(crate) honest: Set,
    pub(crate) who: Person,
    pub(crate) upto: u8,
}

impl Reader<'_> {
    fn entry(&self, position: u8) -> &Entry {
        &self.relay.log[usize::from(position)]
    }

    fn opened(&self, position: u8) -> bool {
        self.relay
            .opens(self.who, self.relay.segment_of(position), self.upto)
    }

    fn seen(&self, from: u8) -> impl Iterator<Item = (u8, &Entry)> {
        (from..self.upto)
            .filter(|p| self.opened(*p))
            .map(|p| (p, self.entry(p)))
    }

    /// Whose head an entry carries, if it verifies.
    fn signer(entry: &Entry) -> Option<Person> {
        match entry.body {
            Body::Junk => None,
            Body::Notice { of, .. } => Some(of),
            Body::Say { .. } | Body::Commit { .. } | Body::Answer { .. } => Some(entry.by),
        }
    }

    /// How far the latest head of a person, as this reader saw it where all who dispute can see it, had read.
    pub(crate) fn attested_to(&self, person: Person, disputed: u8) -> u8 {
        self.seen(0)
            .filter(|(p, e)| Self::signer(e) == Some(person) && self.common(disputed, *p))
            .map(|(_, e)| e.read)
            .last()
            .unwrap_or(0)
    }

    /// The people who asked for renewal and were not renewed since.
    pub(crate) fn asking(&self) -> Set {
        let mut requests = Requests::default();
        for (position, e) in self.seen(0) {
            match e.body {
                Body::Commit {
                    op: Op::Renew(_),
                    from,
                    ..
                } if self.voided(from) => {}
                _ => requests.take(self.law, position, e),
            }
        }
        requests.open
    }

    /// The heads for and against a disputed commit among those counted, at the end of what was read, and the first
    /// verdict on the way.
    pub(crate) fn heads(&self, disputed: u8) -> (u32, u32, u32, Option<Side>) {
        let Body::Commit { from, .. } = self.entry(disputed).body else {
            return (0, 0, 0, None);
        };
        let mut base = Set::ALL;
        if self.relay.removed_in(from) {
            base = Set(base.0 & self.honest.0);
        }
        let mut new = Set(0).with(self.entry(disputed).by);
        let mut old = Set(0);
        let mut requests = Requests::default();
        let mut verdict = None;
        let tally = |new: Set, old: Set, asks: Set| {
            let counted = base.0 & !asks.0;
            (
                Set(new.0 & counted).len(),
                Set(old.0 & counted).len(),
                Set(counted).len(),
            )
        };
        for (position, e) in self.seen(0) {
            let Some(signer) = Self::signer(e) else { continue };
            requests.take(self.law, position, e);
            if position <= disputed || !self.common(disputed, position) {
                continue;
            }
            if e.read > disputed {
                let shows_new = self.relay.descends(e.head, disputed + 1);
                new = if shows_new {
                    new.with(signer)
                } else {
                    new.without(signer)
                };
                old = if shows_new {
                    old.without(signer)
                } else {
                    old.with(signer)
                };
            }
            let (n, o, of) = tally(new, old, requests.open);
            if verdict.is_none() && n * 2 > of {
                verdict = Some(Side::New);
            }
            if verdict.is_none() && o * 2 > of {
                verdict = Some(Side::Old);
            }
        }
        let (n, o, of) = tally(new, old, requests.open);
        (n, o, of, verdict)
    }

    /// Whether both sides of a dispute can read an entry: on a cut, if the keys of its segment do not depend on that cut.
    pub(crate) fn common(&self, disputed: u8, position: u8) -> bool {
        !self.law.common || self.independent(disputed, self.relay.segment_of(position))
    }

    /// Whether the keys of a segment come from a secret of before a commit.
    pub(crate) fn independent(&self, commit: u8, segment: u8) -> bool {
        let before = self.relay.segment_of(commit);
        let mut at = segment;
        while let Keys::Derived(base) = self.relay.segments[usize::from(at)]
            && at > before
        {
            at = base;
        }
        at <= before
    }

    /// A commit that every honest person can process is never disputed.
    fn verdict(&self, position: u8, can: Set) -> Option<Side> {
        if can.0 & self.honest.0 == self.honest.0 {
            None
        } else {
            self.heads(position).3
        }
    }

    /// The verdict on the entry at a position, where it is a disputed commit.
    pub(crate) fn verdict_on(&self, position: u8) -> Option<Side> {
        match self.entry(position).body {
            Body::Commit { can, .. } => self.verdict(position, can),
            _ => None,
        }
    }

    /// Whether a verdict went against an epoch or one that it comes from.
    fn voided(&self, epoch: Epoch) -> bool {
        let mut at = epoch;
        while let Some(position) = at.checked_sub(1) {
            let Body::Commit { from, can, .. } = self.entry(position).body else {
                return false;
            };
            if position < self.upto && self.verdict(position, can) == Some(Side::Old) {
                return true;
            }
            at = from;
        }
        false
    }

    /// Whether an earlier commit of the same author makes a later one void: it was complained of before that one, with no
    /// verdict by then, or a verdict after that one went against it.
    fn shadowed(&self, author: Person, at: u8) -> bool {
        let then = Reader { upto: at, ..*self };
        then.seen(0).any(|(disputed, e)| match e.body {
            Body::Commit { can, .. } if e.by == author && then.verdict(disputed, can).is_none() => {
                let lost = self.law.shadow && self.verdict(disputed, can) == Some(Side::Old);
                lost || then.complaint(disputed)
            }
            _ => false,
        })
    }

    /// Whether a head in an epoch that does not come from a commit was posted by one who had read it.
    pub(crate) fn complaint(&self, commit: u8) -> bool {
        let Body::Commit { can, .. } = self.entry(commit).body else {
            return false;
        };
        let against = |e: &Entry| {
            matches!(e.body, Body::Notice { .. })
                && e.read > commit
                && !self.relay.descends(e.head, commit + 1)
        };
        can.0 & self.honest.0 != self.honest.0 && self.seen(commit + 1).any(|(_, e)| against(e))
    }

    /// Judges the log from its beginning.
    pub(crate) fn judge(&self) -> View {
        let none = [0; PEOPLE as usize];
        let mut view = View {
            epoch: 0,
            counter: 0,
            segment: 0,
            holds: None,
            out: false,
            stopped: None,
            said: none,
            acted: none,
            turns: 0,
            removed: false,
            wrong: 0,
        };
        for position in 0..self.upto {
            self.take(&mut view, position);
        }
        view
    }

    fn take(&self, view: &mut View, position: u8) {
        let entry = *self.entry(position);
        let lies_in = view.segment;
        if entry.flag != Flag::Plain {
            view.counter += 1;
        }
        if entry.flag == Flag::Cut {
            view.segment += 1;
        }
        if self.welcomed(view, position, entry) {
            return;
        }
        if !self.opened(position) {
            let held = |cut: u8| self.law.undecided && self.relay.segment_of(cut) < lies_in;
            view.out |= !view.is_wrong(lies_in) && !view.holds.is_some_and(held);
            // Nobody honest can read what a cut in a wrong segment says: the keys one would derive are tried instead.
            if entry.flag == Flag::Cut
                && view.is_wrong(lies_in)
                && !self.relay.opens(self.who, view.segment, self.upto)
            {
                view.wrong |= 1 << view.segment;
            }
            return;
        }
        match entry.body {
            Body::Say { from } if view.settled() && from == view.epoch => {
                self.count(&mut view.said, entry.by)
            }
            Body::Junk if entry.flag == Flag::Cut => view.wrong |= 1 << view.segment,
            Body::Commit { from, op, can, keys } if view.settled() => {
                let policy = match op {
                    Op::Act(_) | Op::Turn | Op::Remove | Op::Renew(_) => true,
                    Op::Update => !(view.removed || self.law.verdicts && self.shadowed(entry.by, position)),
                    Op::Forbidden => false,
                };
                let verdict = if self.law.verdicts {
                    self.verdict(position, can)
                } else {
                    None
                };
                if from != view.epoch || !policy || verdict == Some(Side::Old) {
                    if entry.flag == Flag::Cut {
                        view.wrong |= 1 << view.segment;
                    }
                } else if can.has(self.who) {
                    view.epoch = position + 1;
                    self.execute(view, op);
                    if entry.flag == Flag::Cut && !keys {
                        view.wrong |= 1 << view.segment;
                    }
                } else if verdict == Some(Side::New) {
                    view.out = true;
                    view.stopped = Some(position);
                } else if self.law.verdicts {
                    view.holds = Some(position);
                    view.stopped = Some(position);
                }
            }
            _ => {}
        }
    }

    /// Takes a renewal of the reader by an honest person: the welcome and the snapshot come through the reply drop, so
    /// nothing before has to be opened.
    fn welcomed(&self, view: &mut View, position: u8, entry: Entry) -> bool {
        let Body::Commit {
            from,
            op: Op::Renew(renewed),
            ..
        } = entry.body
        else {
            return false;
        };
        if renewed != self.who || !self.honest.has(entry.by) || self.voided(from) {
            return false;
        }
        let theirs = Reader {
            who: entry.by,
            upto: position,
            ..*self
        }
        .judge();
        *view = View {
            epoch: position + 1,
            counter: view.counter,
            segment: view.segment,
            holds: None,
            out: false,
            stopped: None,
            ..theirs
        };
        true
    }

    fn execute(&self, view: &mut View, op: Op) {
        match op {
            Op::Act(author) => self.count(&mut view.acted, author),
            Op::Turn => view.turns += 1,
            Op::Remove => view.removed = true,
            Op::Renew(_) | Op::Update | Op::Forbidden => {}
        }
    }

    fn count(&self, counts: &mut [u8; PEOPLE as usize], author: Person) {
        let slot = &mut counts[usize::from(author)];
        if !self.law.once || *slot == 0 {
            *slot += 1;
        }
    }
}
