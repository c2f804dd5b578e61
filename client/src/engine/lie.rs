//! What a relay shows against what this device has verified of its log. [`judge`] is pure: it knows no clock, no
//! vault and no connection. What people's signed heads contradict is another matter (`heads`); what is kept of a lie
//! and how it ends is the room's ([`super::accuse`]).
//!
//! A relay that leaves entries out and numbers the rest anew, puts them in another order or adds some of its own,
//! shows a log that is sound in itself: only a head or a heartbeat that crosses tells (law 5).

use core::fmt;

use caucus_proto::id::{Counter, EntryHash, Position};
use caucus_proto::org::Running;
use caucus_proto::wire::Entry;
use serde::{Deserialize, Serialize};

/// How a relay contradicts itself: what it showed or said before is in every one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Lie {
    /// Another entry stands where one was read.
    Rewritten {
        /// Where.
        at: Position,
        /// Running hash with the entry that was read.
        here: Running,
        /// Running hash with the one that is shown now.
        there: Running,
    },
    /// The log ends before what was read.
    SetBack {
        /// Where it ends now.
        ends: Position,
        /// How far it was read.
        read: Position,
    },
    /// Entries are left out that cannot have expired.
    Missing {
        /// The first of them.
        first: Position,
        /// The entry that was shown instead.
        before: Position,
    },
    /// An entry stands under a counter that does not follow.
    WrongCounter {
        /// Where.
        at: Position,
        /// The one that it is shown under.
        named: Counter,
        /// The one that follows.
        due: Counter,
    },
    /// It says that it has an entry, and does not show it.
    Withheld {
        /// The entry that it named as its newest, or as stored.
        said: Position,
        /// The last that it showed.
        shown: Position,
    },
    /// It shows another entry than the one that it said it stored there.
    Exchanged {
        /// Where.
        at: Position,
        /// Hash of the one that was stored.
        stored: EntryHash,
        /// Hash of the one that is shown.
        shown: EntryHash,
    },
    /// It names as new what was read already.
    NotNew {
        /// What it names.
        said: Position,
        /// How far it was read.
        read: Position,
    },
}

/// What this device has verified, as far as what is shown concerns it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verified {
    /// The last entry that was read.
    pub read: Position,
    /// The counter after it.
    pub counter: Counter,
    /// Running hashes before and after the entry that is shown, where it was read before.
    pub around: Option<(Running, Running)>,
    /// The log was read to its end so short a time ago that nothing later can have expired.
    pub fresh: bool,
}

/// What a relay shows or says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown<'a> {
    /// An entry.
    Entry(&'a Entry),
    /// Its newest position.
    Newest(Position),
    /// It stored something here, or has it from others: newer than what was read.
    Has(Position),
}

/// What of it is a lie, if anything.
pub(super) fn judge(verified: &Verified, shown: Shown<'_>) -> Option<Lie> {
    let read = verified.read;
    match shown {
        Shown::Newest(ends) => (ends < read).then_some(Lie::SetBack { ends, read }),
        Shown::Has(said) => (said <= read).then_some(Lie::NotNew { said, read }),
        Shown::Entry(entry) if entry.position <= read => {
            let (before, here) = verified.around?;
            let there = before.then(entry.position, entry.counter, entry.flag.byte(), &entry.bytes);
            let at = entry.position;
            (there != here).then_some(Lie::Rewritten { at, here, there })
        }
        Shown::Entry(entry) if entry.position > read.next() => verified.fresh.then_some(Lie::Missing {
            first: read.next(),
            before: entry.position,
        }),
        Shown::Entry(entry) => (entry.counter != verified.counter).then_some(Lie::WrongCounter {
            at: entry.position,
            named: entry.counter,
            due: verified.counter,
        }),
    }
}

impl Lie {
    /// The entry that it is about.
    #[must_use]
    pub const fn at(&self) -> Position {
        match self {
            Self::Rewritten { at, .. }
            | Self::WrongCounter { at, .. }
            | Self::Exchanged { at, .. }
            | Self::SetBack { read: at, .. }
            | Self::Missing { first: at, .. }
            | Self::Withheld { said: at, .. }
            | Self::NotNew { said: at, .. } => *at,
        }
    }

    /// One word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Rewritten { .. } => "rewritten",
            Self::SetBack { .. } => "set_back",
            Self::Missing { .. } => "missing",
            Self::WrongCounter { .. } => "wrong_counter",
            Self::Withheld { .. } => "withheld",
            Self::Exchanged { .. } => "exchanged",
            Self::NotNew { .. } => "not_new",
        }
    }

    /// What this device has verified, and what was shown against it, as two texts that can be compared.
    #[must_use]
    pub fn sides(&self) -> (String, String) {
        match self {
            Self::Rewritten { here, there, .. } => (hex(&here.0), hex(&there.0)),
            Self::Exchanged { stored, shown, .. } => (hex(&stored.0), hex(&shown.0)),
            Self::SetBack { ends, read } => (read.to_string(), ends.to_string()),
            Self::Missing { first, before } => (first.to_string(), before.to_string()),
            Self::WrongCounter { named, due, .. } => (due.to_string(), named.to_string()),
            Self::Withheld { said, shown } => (said.to_string(), shown.to_string()),
            Self::NotNew { said, read } => (read.to_string(), said.to_string()),
        }
    }

    /// What a person does about it.
    #[must_use]
    pub const fn next(&self) -> &'static str {
        match self {
            Self::Exchanged { .. } => {
                "what you said is sent again; ask others, by another way, whether they see the same log"
            }
            _ => {
                "ask whoever runs the relay, and compare with others, by another way, what `caucus read` shows; what you \
                 say waits here and is sent by itself once the relay shows the log that was read"
            }
        }
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rewritten { at, .. } => write!(
                f,
                "the relay shows another entry {at} than before: nothing is sent or taken in until it shows the same \
                 again"
            ),
            Self::SetBack { ends, read } => write!(
                f,
                "the relay was set back: it ends at entry {ends}, and this device has read {read}; nothing is sent until \
                 it shows them again"
            ),
            Self::Missing { first, before } if first.next() == *before => {
                write!(
                    f,
                    "the relay leaves out entry {first}: nothing is taken in until it shows it"
                )
            }
            Self::Missing { first, before } => write!(
                f,
                "the relay leaves out the entries from {first} to {}: nothing is taken in until it shows them",
                before.0.saturating_sub(1)
            ),
            Self::WrongCounter { at, named, due } => write!(
                f,
                "the relay shows entry {at} under counter {named} where {due} is due: nothing is taken in until it shows \
                 the right log"
            ),
            Self::Withheld { said, shown } => write!(
                f,
                "the relay holds entries back: it says that it has entry {said}, and shows none after {shown}; nothing \
                 is sent until it shows them"
            ),
            Self::Exchanged { at, .. } => {
                write!(
                    f,
                    "the relay shows another entry {at} than the one that it said it stored there"
                )
            }
            Self::NotNew { said, read } => write!(
                f,
                "the relay names entry {said} as new, and this device has read {read}"
            ),
        }
    }
}

/// In hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use caucus_proto::id::{Hours, RoomId};
    use caucus_proto::wire::Flag;

    use super::*;

    fn entry(position: u64, counter: u64, fill: u8) -> Entry {
        Entry {
            position: Position(position),
            counter: Counter(counter),
            flag: Flag::Plain,
            expires: Hours(1),
            bytes: Bytes::from(vec![fill; 1024]),
        }
    }

    fn verified() -> Verified {
        Verified {
            read: Position(6),
            counter: Counter(2),
            around: None,
            fresh: true,
        }
    }

    #[test]
    fn of_all_orders_of_six_entries_only_the_true_one_is_taken_in() {
        let true_log: Vec<Entry> = (1..=6).map(|n| entry(n, 0, n as u8)).collect();
        let mut orders = vec![vec![]];
        for next in 0..6_usize {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<usize>| {
                    (0..=order.len()).map(move |place| {
                        let mut order = order.clone();
                        order.insert(place, next);
                        order
                    })
                })
                .collect();
        }
        assert_eq!(orders.len(), 720);
        let start = Running::start(&RoomId([1; 32]));
        let runs = |log: &[Entry]| {
            log.iter().fold(start, |run, entry| {
                run.then(entry.position, entry.counter, entry.flag.byte(), &entry.bytes)
            })
        };
        let whole = runs(&true_log);
        let mut refused = 0;
        let mut numbered_anew = 0;
        for order in &orders {
            // As they are: the chain of positions tells at the first that is out of its place.
            let mut read = Position(0);
            for place in order {
                let seen = Verified {
                    read,
                    counter: Counter(0),
                    around: None,
                    fresh: true,
                };
                let shown = &true_log[*place];
                if judge(&seen, Shown::Entry(shown)).is_some() {
                    break;
                }
                read = shown.position.max(read);
            }
            refused += usize::from(read != Position(6));
            // Numbered anew: the running hash that every head carries tells.
            let forged: Vec<Entry> = (1..)
                .zip(order)
                .map(|(position, place)| Entry {
                    position: Position(position),
                    ..true_log[*place].clone()
                })
                .collect();
            numbered_anew += usize::from(runs(&forged) != whole);
        }
        assert_eq!((refused, numbered_anew), (719, 719));
    }

    #[test]
    fn an_entry_that_was_read_must_be_the_same_in_every_bit_when_it_is_shown_again() {
        let start = Running::start(&RoomId([1; 32]));
        let read = entry(3, 2, 7);
        let after = start.then(read.position, read.counter, read.flag.byte(), &read.bytes);
        let seen = Verified {
            around: Some((start, after)),
            ..verified()
        };
        assert_eq!(judge(&seen, Shown::Entry(&read)), None);
        let mut bits = 0;
        for bit in 0..read.bytes.len() * 8 {
            let mut bytes = read.bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let other = Entry {
                bytes: Bytes::from(bytes),
                ..read.clone()
            };
            let lie = judge(&seen, Shown::Entry(&other));
            assert!(
                matches!(lie, Some(Lie::Rewritten { at: Position(3), here, there }) if here == after && there != after),
                "{lie:?}"
            );
            bits += 1;
        }
        assert_eq!(bits, 8 * 1024);
        for other in [
            Entry {
                counter: Counter(3),
                ..read.clone()
            },
            Entry {
                flag: Flag::Advance,
                ..read.clone()
            },
        ] {
            assert!(judge(&seen, Shown::Entry(&other)).is_some());
        }
    }

    #[test]
    fn what_ends_earlier_leaves_out_counts_wrong_or_is_not_new_is_each_its_own_lie() {
        let seen = verified();
        assert_eq!(judge(&seen, Shown::Newest(Position(6))), None);
        assert_eq!(judge(&seen, Shown::Has(Position(7))), None);
        assert_eq!(judge(&seen, Shown::Entry(&entry(7, 2, 0))), None);
        let told = |shown: Shown<'_>| judge(&seen, shown).map(|lie| (lie.word(), lie.to_string(), lie.at()));
        let newest = told(Shown::Newest(Position(5))).unwrap();
        assert_eq!((newest.0, newest.2), ("set_back", Position(6)));
        assert!(newest.1.contains("ends at entry 5"), "{}", newest.1);
        let gap = told(Shown::Entry(&entry(9, 2, 0))).unwrap();
        assert!(gap.1.contains("from 7 to 8"), "{}", gap.1);
        let one = told(Shown::Entry(&entry(8, 2, 0))).unwrap();
        assert!(one.1.contains("leaves out entry 7"), "{}", one.1);
        let counter = told(Shown::Entry(&entry(7, 3, 0))).unwrap();
        assert_eq!((counter.0, counter.2), ("wrong_counter", Position(7)));
        assert_eq!(told(Shown::Has(Position(6))).unwrap().0, "not_new");
    }

    #[test]
    fn entries_that_may_have_expired_are_not_called_withheld() {
        let seen = Verified {
            fresh: false,
            ..verified()
        };
        assert_eq!(judge(&seen, Shown::Entry(&entry(9, 2, 0))), None);
    }
}
