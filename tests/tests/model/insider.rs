//! The insider: a member beside the relay who wins every race, with a bounded number of steps.

use super::agent::Setup;
use super::people::{Person, Set};
use super::relay::{Body, Entry, Epoch, Flag, Op, Relay};

/// The seat of the insider, where there is one.
pub(crate) const INSIDER: Person = 2;

/// What an insider can do, and how often altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Insider {
    pub(crate) steps: u8,
    /// A flagged entry that does not open; a signed commit against the policy; a right commit.
    pub(crate) noise: bool,
    /// A signed commit that only some can process, and a head that claims any epoch.
    pub(crate) splits: bool,
    /// A garbage cut, a right commit in a cut with wrong keys, and, with `splits`, a cut that only some can process.
    pub(crate) cuts: bool,
}

impl Setup {
    /// Everything that the insider could store now, with the newest segment whose append key it holds.
    pub(crate) fn insider_steps(&self, relay: &Relay) -> Vec<(u8, Entry)> {
        let Some(segment) = (0..=relay.segment()).rev().find(|s| relay.insider_opens(*s)) else {
            return Vec::new();
        };
        let mut epochs: Vec<Epoch> = self
            .honest
            .iter()
            .map(|p| self.reader(relay, p, relay.len()).judge().epoch)
            .collect();
        epochs.sort_unstable();
        epochs.dedup();
        let mut steps = Vec::new();
        let kinds = self.insider;
        if kinds.noise {
            steps.push((Flag::Advance, 0, Body::Junk));
        }
        if kinds.cuts {
            steps.push((Flag::Cut, 0, Body::Junk));
        }
        for from in epochs {
            let member = !relay.removed_in(from);
            let commit = |op, can, keys| Body::Commit { from, op, can, keys };
            if kinds.noise {
                steps.push((Flag::Advance, from, commit(Op::Forbidden, Set::ALL, true)));
                if member {
                    steps.push((Flag::Advance, from, commit(Op::Update, Set::ALL, true)));
                }
            }
            if kinds.splits {
                steps.push((
                    Flag::Plain,
                    from,
                    Body::Notice {
                        of: INSIDER,
                        asks: false,
                    },
                ));
                for bits in 0..self.honest.0 {
                    if member && bits & !self.honest.0 == 0 {
                        let can = Set(bits).with(INSIDER);
                        steps.push((Flag::Advance, from, commit(Op::Update, can, true)));
                        if kinds.cuts {
                            steps.push((Flag::Cut, from, commit(Op::Update, can, true)));
                        }
                    }
                }
            }
            if kinds.cuts && member {
                steps.push((Flag::Cut, from, commit(Op::Update, Set::ALL, false)));
            }
        }
        let entry = |(flag, head, body)| {
            let entry = Entry {
                flag,
                counter: relay.counter,
                by: INSIDER,
                head,
                read: relay.len(),
                body,
            };
            (segment, entry)
        };
        steps.into_iter().map(entry).collect()
    }
}
