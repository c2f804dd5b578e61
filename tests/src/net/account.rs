//! What was said against what was heard: the one claim that everything here is about.
//!
//! *An acknowledged message reaches, exactly once and in the same order, everyone who was in the room at that
//! position.* The founder, who is never removed, keeps the log that all others are held against; who was in the room
//! when is read from its events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use caucus_client::app::{Answer, MessageKind, MessageView, Problem};

use super::somebody::Somebody;

/// What became of one utterance, as its author was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// It stands at this position.
    Stored(u64),
    /// It waits on the device, and will be sent.
    Queued,
    /// It was not taken.
    Refused,
}

/// All that was said, as it was acknowledged. Clones are the same one.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<(String, String, Told)>>>);

impl Ledger {
    /// Notes what somebody said, and what they were told.
    pub fn note(&self, author: &str, text: &str, answer: &Result<Answer, Problem>) {
        let told = match answer {
            Ok(Answer::Stored { position }) => Told::Stored(*position),
            Ok(Answer::Queued { .. }) => Told::Queued,
            Ok(_) | Err(_) => Told::Refused,
        };
        let mut all = self.0.lock().expect("no panic while noting");
        all.push((author.to_owned(), text.to_owned(), told));
    }

    fn all(&self) -> Vec<(String, String, Told)> {
        self.0.lock().expect("no panic while noting").clone()
    }
}

/// The sum of one world, or of many.
#[derive(Clone, Default, Debug)]
pub struct Account {
    /// Worlds in it.
    pub networks: u64,
    /// Said at all.
    pub said: u64,
    /// Acknowledged with a position at once.
    pub acknowledged: u64,
    /// Told that they wait.
    pub queued: u64,
    /// Not taken, because the agent was away or its person was out.
    pub refused: u64,
    /// Deliveries that were due and made: a message and a person.
    pub delivered: u64,
    /// Acknowledged or queued, and missing somewhere it had to be.
    pub lost: u64,
    /// More than once in a log.
    pub doubled: u64,
    /// In another order, at another position or with other words than in the founder's log.
    pub disordered: u64,
    /// People who are not at the end of the log, or with something unsent, after the calm.
    pub stuck: u64,
    /// Every fault in words.
    pub faults: Vec<String>,
}

/// When somebody was in the room, by position: after the first and before the second.
#[derive(Clone, Copy, Debug)]
struct Stay {
    from: u64,
    to: u64,
}

impl Account {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.disordered + self.stuck == 0 && self.faults.is_empty()
    }

    /// Takes the account of a world that has come to rest. The first of the people is the founder.
    pub async fn take(ledger: &Ledger, people: &[Arc<Somebody>]) -> Self {
        let mut account = Self {
            networks: 1,
            ..Self::default()
        };
        let mut logs = Vec::new();
        for person in people {
            logs.push((person.name.clone(), person.whole_log_if_any().await));
            if !person.is_settled().await {
                account.stuck += 1;
                let status = person.status().await;
                account.fault(format!("{} is stuck: {status:?}", person.name));
            }
        }
        let Some((founder, true_log)) = logs.first().cloned() else {
            return account;
        };
        let stays = stays(&founder, &true_log);
        account.weigh_true_log(ledger, &true_log, &stays);
        for (name, log) in &logs[1..] {
            if log.is_empty() && stays.contains_key(name) {
                account.stuck += 1;
                let asked = people.iter().find(|person| person.name == *name);
                let joins = match asked {
                    Some(person) => person.joins().await,
                    None => Vec::new(),
                };
                account.fault(format!("{name} was let in and never came in: {joins:?}"));
            }
            account.weigh(name, log, &true_log, stays.get(name).map_or(&[], Vec::as_slice));
        }
        account
    }

    /// Adds another world's.
    pub fn add(&mut self, other: Self) {
        self.networks += other.networks;
        self.said += other.said;
        self.acknowledged += other.acknowledged;
        self.queued += other.queued;
        self.refused += other.refused;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.stuck += other.stuck;
        self.faults.extend(other.faults);
    }

    fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// What was said stands in the founder's log, once, where its author was told, in the author's order.
    fn weigh_true_log(&mut self, ledger: &Ledger, log: &[MessageView], stays: &BTreeMap<String, Vec<Stay>>) {
        let mut places: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for message in said(log) {
            places.entry(&message.text).or_default().push(message.position);
        }
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for (author, text, told) in ledger.all() {
            self.said += 1;
            match told {
                Told::Stored(_) => self.acknowledged += 1,
                Told::Queued => self.queued += 1,
                Told::Refused => self.refused += 1,
            }
            let found = places.remove(text.as_str()).unwrap_or_default();
            if found.len() > 1 {
                self.doubled += 1;
                self.fault(format!("\"{text}\" stands {} times: {found:?}", found.len()));
            }
            let at = found.first().copied();
            let out = stays
                .get(&author)
                .and_then(|stays| stays.last())
                .is_none_or(|stay| stay.to < u64::MAX);
            match (told, at) {
                (Told::Stored(position), Some(at)) if position != at => {
                    self.disordered += 1;
                    self.fault(format!(
                        "\"{text}\" stands at {at}, its author was told {position}"
                    ));
                }
                (Told::Stored(position), None) => {
                    self.lost += 1;
                    self.fault(format!("\"{text}\" was acknowledged at {position} and is lost"));
                }
                // What somebody could not say before they were out is not said.
                (Told::Queued, None) if !out => {
                    self.lost += 1;
                    self.fault(format!("\"{text}\" was queued and never sent"));
                }
                _ => {}
            }
            if let Some(at) = at
                && last.insert(author.clone(), at).is_some_and(|last| last > at)
            {
                self.disordered += 1;
                self.fault(format!(
                    "\"{text}\" of {author} stands before what was said earlier"
                ));
            }
        }
        for text in places.keys() {
            self.fault(format!("\"{text}\" was said by nobody"));
        }
    }

    /// One person's log shows what the founder's does for as long as they were in the room.
    fn weigh(&mut self, name: &str, log: &[MessageView], true_log: &[MessageView], stays: &[Stay]) {
        let mut own: BTreeMap<u64, (&str, Option<&str>)> = BTreeMap::new();
        let mut texts = BTreeSet::new();
        for message in said(log) {
            let value = (message.text.as_str(), message.author.as_deref());
            if own.insert(message.position, value).is_some() || !texts.insert(&message.text) {
                self.doubled += 1;
                self.fault(format!("{name} has \"{}\" twice", message.text));
            }
        }
        let due = said(true_log).filter(|message| {
            stays
                .iter()
                .any(|stay| stay.from < message.position && message.position < stay.to)
        });
        for message in due {
            match own.remove(&message.position) {
                Some(got) if got == (message.text.as_str(), message.author.as_deref()) => self.delivered += 1,
                Some(got) => {
                    self.disordered += 1;
                    self.fault(format!("{name} has {got:?} where \"{}\" stands", message.text));
                }
                None => {
                    self.lost += 1;
                    self.fault(format!(
                        "{name} never got \"{}\", {}",
                        message.text, message.position
                    ));
                }
            }
        }
        for (position, (text, _)) in own {
            self.fault(format!(
                "{name} has \"{text}\" at {position}, when they were not in the room: {stays:?}"
            ));
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} networks: said {}, acknowledged {}, queued {}, refused {}, delivered {}; lost {}, doubled {}, out \
             of order {}, stuck {}",
            self.networks,
            self.said,
            self.acknowledged,
            self.queued,
            self.refused,
            self.delivered,
            self.lost,
            self.doubled,
            self.disordered,
            self.stuck
        )
    }
}

fn said(log: &[MessageView]) -> impl Iterator<Item = &MessageView> {
    log.iter().filter(|message| message.kind == MessageKind::Said)
}

/// Who was in the room when, from the events of the founder's log.
fn stays(founder: &str, log: &[MessageView]) -> BTreeMap<String, Vec<Stay>> {
    let mut stays: BTreeMap<String, Vec<Stay>> = BTreeMap::new();
    let whole = Stay {
        from: 0,
        to: u64::MAX,
    };
    stays.insert(founder.to_owned(), vec![whole]);
    for message in log.iter().filter(|message| message.kind == MessageKind::Event) {
        for line in message.text.split("; ") {
            if let Some(name) = line.strip_suffix(" is in the room") {
                stays.entry(name.to_owned()).or_default().push(Stay {
                    from: message.position,
                    to: u64::MAX,
                });
            } else if let Some(name) = line.strip_suffix(" is out of the room")
                && let Some(stay) = stays.get_mut(name).and_then(|stays| stays.last_mut())
            {
                stay.to = message.position;
            }
        }
    }
    stays
}

#[cfg(test)]
mod tests {
    use caucus_client::app::RemarksView;

    use super::*;

    fn message(position: u64, kind: MessageKind, author: &str, text: &str) -> MessageView {
        MessageView {
            room: "North".to_owned(),
            position,
            author: Some(author.to_owned()),
            time: None,
            kind,
            text: text.to_owned(),
            own: false,
            file: None,
            handed_by: None,
            remarks: RemarksView::default(),
        }
    }

    fn spoken(position: u64, text: &str) -> MessageView {
        message(position, MessageKind::Said, "ana", text)
    }

    fn true_log() -> Vec<MessageView> {
        vec![
            spoken(1, "one"),
            message(2, MessageKind::Event, "ana", "admitted ben; ben is in the room"),
            spoken(3, "three"),
            spoken(4, "four"),
            message(5, MessageKind::Event, "ana", "ben is out of the room"),
            spoken(6, "six"),
        ]
    }

    fn weigh(log: &[MessageView]) -> Account {
        let mut account = Account::default();
        let log_of_founder = true_log();
        let stays = stays("ana", &log_of_founder);
        account.weigh("ben", log, &log_of_founder, &stays["ben"]);
        account
    }

    #[test]
    fn a_log_that_shows_the_stay_and_nothing_else_is_clean() {
        let account = weigh(&[spoken(3, "three"), spoken(4, "four")]);
        assert!(account.is_clean(), "{account:?}");
        assert_eq!(account.delivered, 2);
    }

    #[test]
    fn each_fault_is_counted_as_what_it_is() {
        assert_eq!(weigh(&[spoken(3, "three")]).lost, 1);
        let twice = weigh(&[spoken(3, "three"), spoken(4, "four"), spoken(5, "four")]);
        assert_eq!(twice.doubled, 1);
        let swapped = weigh(&[spoken(3, "four"), spoken(4, "three")]);
        assert_eq!(swapped.disordered, 2);
        let nosy = weigh(&[spoken(3, "three"), spoken(4, "four"), spoken(6, "six")]);
        assert!(!nosy.is_clean());
    }

    #[test]
    fn what_was_acknowledged_and_is_nowhere_is_lost_and_what_stands_elsewhere_is_out_of_order() {
        let ledger = Ledger::default();
        for (text, position) in [("one", 1), ("three", 4), ("gone", 9)] {
            ledger.note("ana", text, &Ok(Answer::Stored { position }));
        }
        let mut account = Account::default();
        account.weigh_true_log(&ledger, &true_log()[..3], &stays("ana", &true_log()));
        assert_eq!(
            (account.lost, account.disordered, account.acknowledged),
            (1, 1, 3)
        );
    }
}
