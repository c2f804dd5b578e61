//! What must hold of everybody's logs after everything was killed: pure, from what was answered and what is read.

use std::collections::{BTreeMap, HashMap};

/// What became of a text, as its author was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It stands at this position.
    Stored(u64),
    /// It waits on the device.
    Queued,
    /// It was refused, with this code.
    Refused(String),
    /// The agent was killed first.
    Unanswered,
    /// The agent lives and did not answer.
    Silence,
}

/// A text that somebody said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    pub author: String,
    pub text: String,
    /// Texts of a later burst were said after those of an earlier one were answered.
    pub burst: u64,
    pub fate: Fate,
}

/// Everything said, as one person reads it: author and text by position.
#[derive(Clone, Default, Debug)]
pub struct Log {
    pub name: String,
    /// They were in the room from the position after this on.
    pub since: u64,
    pub said: BTreeMap<u64, (String, String)>,
}

/// The account.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Texts that were answered "stored" or "queued" and are missing at somebody.
    pub lost: u64,
    /// Texts that stand more than once, or that nobody said, or that were refused and stand all the same.
    pub doubled: u64,
    /// Positions at which two people read different things, and texts that stand elsewhere than was answered or
    /// before what their author had said earlier.
    pub out_of_order: u64,
    /// Texts whose author had no answer, or "queued", and that stand: answers that were lost.
    pub answers_lost: u64,
    /// What is wrong, in words.
    pub wrong: Vec<String>,
}

/// Judges. The first log is of somebody who was there from the beginning.
pub fn judge(said: &[Said], logs: &[Log]) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(whole) = logs.first() else {
        return verdict;
    };
    for log in logs {
        same_order(&mut verdict, whole, log);
        each_once(&mut verdict, said, log);
    }
    for text in said {
        stands(&mut verdict, text, logs);
    }
    in_turn(&mut verdict, said, whole);
    verdict
}

fn same_order(verdict: &mut Verdict, whole: &Log, log: &Log) {
    let from = log
        .said
        .keys()
        .next()
        .copied()
        .unwrap_or(u64::MAX)
        .min(log.since + 1);
    let positions: std::collections::BTreeSet<u64> = whole
        .said
        .range(from..)
        .chain(log.said.iter())
        .map(|(position, _)| *position)
        .collect();
    for position in positions {
        let (one, other) = (whole.said.get(&position), log.said.get(&position));
        if one != other {
            verdict.out_of_order += 1;
            verdict.wrong.push(format!(
                "at {position} {} reads {one:?} and {} {other:?}",
                whole.name, log.name
            ));
        }
    }
}

fn each_once(verdict: &mut Verdict, said: &[Said], log: &Log) {
    let known: HashMap<&str, &Said> = said.iter().map(|text| (text.text.as_str(), text)).collect();
    let mut seen: HashMap<&str, u64> = HashMap::new();
    for (position, (author, text)) in &log.said {
        if let Some(before) = seen.insert(text, *position) {
            verdict.doubled += 1;
            verdict.wrong.push(format!(
                "{text:?} stands at {before} and at {position} for {}",
                log.name
            ));
        }
        match known.get(text.as_str()) {
            Some(known) if known.author == *author && !matches!(known.fate, Fate::Refused(_)) => {}
            known => {
                verdict.doubled += 1;
                verdict.wrong.push(format!(
                    "{text:?} of {author} at {position} for {} should not be: {known:?}",
                    log.name
                ));
            }
        }
    }
}

fn stands(verdict: &mut Verdict, text: &Said, logs: &[Log]) {
    let place = |log: &Log| {
        log.said
            .iter()
            .find(|(_, (_, other))| *other == text.text)
            .map(|(position, _)| *position)
    };
    let found = logs.first().and_then(place);
    match &text.fate {
        Fate::Stored(position) => {
            for log in logs.iter().filter(|log| log.since < *position) {
                match place(log) {
                    Some(there) if there == *position => {}
                    Some(there) => {
                        verdict.out_of_order += 1;
                        verdict.wrong.push(format!(
                            "{:?} was answered {position} and stands at {there} for {}",
                            text.text, log.name
                        ));
                    }
                    None => {
                        verdict.lost += 1;
                        verdict.wrong.push(format!(
                            "{:?}, stored at {position}, is missing for {}",
                            text.text, log.name
                        ));
                    }
                }
            }
        }
        Fate::Queued if found.is_none() => {
            verdict.lost += 1;
            verdict
                .wrong
                .push(format!("{:?} was queued and never came", text.text));
        }
        Fate::Queued | Fate::Unanswered | Fate::Silence if found.is_some() => verdict.answers_lost += 1,
        _ => {}
    }
}

/// What somebody said after an answer stands after what was answered.
fn in_turn(verdict: &mut Verdict, said: &[Said], whole: &Log) {
    let burst: HashMap<&str, &Said> = said
        .iter()
        .filter(|text| matches!(text.fate, Fate::Stored(_) | Fate::Queued))
        .map(|text| (text.text.as_str(), text))
        .collect();
    let mut newest: HashMap<&str, &Said> = HashMap::new();
    for (position, (_, text)) in &whole.said {
        let Some(text) = burst.get(text.as_str()) else {
            continue;
        };
        match newest.get(text.author.as_str()) {
            Some(before) if before.burst > text.burst => {
                verdict.out_of_order += 1;
                verdict.wrong.push(format!(
                    "{:?} at {position} was said before {:?}, and stands after it",
                    text.text, before.text
                ));
            }
            _ => {
                newest.insert(&text.author, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(author: &str, number: u64, fate: Fate) -> Said {
        Said {
            author: author.to_owned(),
            text: format!("{author} says {number}"),
            burst: number,
            fate,
        }
    }

    fn log(name: &str, since: u64, rows: &[(u64, &str, u64)]) -> Log {
        Log {
            name: name.to_owned(),
            since,
            said: rows
                .iter()
                .map(|(position, author, number)| {
                    (
                        *position,
                        ((*author).to_owned(), format!("{author} says {number}")),
                    )
                })
                .collect(),
        }
    }

    fn numbers(verdict: &Verdict) -> (u64, u64, u64) {
        (verdict.lost, verdict.doubled, verdict.out_of_order)
    }

    #[test]
    fn whoever_reads_everything_once_and_in_one_order_has_lost_nothing() {
        let said = [
            text("ana", 0, Fate::Stored(4)),
            text("ben", 0, Fate::Queued),
            text("ben", 1, Fate::Unanswered),
            text("ana", 1, Fate::Refused("locked".to_owned())),
            text("ben", 2, Fate::Unanswered),
        ];
        let rows = [(4, "ana", 0), (5, "ben", 0), (7, "ben", 2)];
        let late = log("cem", 5, &rows[2..]);
        let verdict = judge(&said, &[log("ana", 0, &rows), log("ben", 0, &rows), late]);
        assert_eq!(
            (numbers(&verdict), verdict.answers_lost),
            ((0, 0, 0), 2),
            "{verdict:?}"
        );
        assert!(verdict.wrong.is_empty());
    }

    #[test]
    fn what_is_missing_at_one_person_or_never_came_is_lost() {
        let said = [text("ana", 0, Fate::Stored(4)), text("ben", 0, Fate::Queued)];
        let verdict = judge(&said, &[log("ana", 0, &[(4, "ana", 0)]), log("ben", 0, &[])]);
        assert_eq!(numbers(&verdict), (2, 0, 1), "{verdict:?}");
        let late = judge(&said[..1], &[log("ana", 0, &[(4, "ana", 0)]), log("cem", 3, &[])]);
        assert_eq!(numbers(&late), (1, 0, 1), "{late:?}");
    }

    #[test]
    fn what_stands_twice_or_was_never_said_or_was_refused_is_told() {
        let said = [
            text("ana", 0, Fate::Stored(4)),
            text("ana", 1, Fate::Refused("denied".to_owned())),
        ];
        let rows = [(4, "ana", 0), (5, "ana", 0), (6, "ana", 1), (7, "mal", 9)];
        let verdict = judge(&said, &[log("ana", 0, &rows)]);
        assert_eq!(numbers(&verdict), (0, 3, 0), "{verdict:?}");
    }

    #[test]
    fn two_orders_another_place_and_a_turn_that_was_missed_are_told() {
        let said = [text("ana", 0, Fate::Stored(5)), text("ana", 1, Fate::Stored(4))];
        let rows = [(4, "ana", 1), (5, "ana", 0)];
        let turned = [(4, "ana", 0), (5, "ana", 1)];
        assert_eq!(numbers(&judge(&said, &[log("ana", 0, &rows)])), (0, 0, 1));
        let verdict = judge(&said, &[log("ana", 0, &rows), log("ben", 0, &turned)]);
        assert_eq!(numbers(&verdict), (0, 0, 1 + 2 + 2), "{verdict:?}");
    }
}
