//! Reminders: what is due within a day, and what is over, each told once. What was told is kept in the vault for as long as
//! it waits, so there are never more reminders than twice what waits.

use std::collections::BTreeSet;

use super::answer::{Answer, InboxItem};
use super::inbox;
use super::problem::Problem;
use crate::engine::{Engine, EngineError};
use crate::vault::{Place, Table};

/// Minutes before something is due from which on it is reminded of.
const SOON: u64 = 24 * 60;

/// What was not told yet, the earliest first.
pub(super) fn reminders(engine: &Engine) -> Result<Answer, Problem> {
    let now = engine.now().minutes.0;
    let due: Vec<_> = (inbox::waiting(engine)?.into_iter())
        .filter_map(|item| Some((phase(&item, now)?, item)))
        .collect();
    let keys: BTreeSet<_> = due.iter().map(|(phase, item)| key(phase, item)).collect();
    let told = told(engine, keys)?;
    let items = due
        .into_iter()
        .filter(|(phase, item)| !told.contains(&key(phase, item)))
        .map(|(_, item)| item)
        .collect();
    Ok(Answer::Reminders { items })
}

/// Soon, or late.
fn phase(item: &InboxItem, now: u64) -> Option<&'static str> {
    match item.due? {
        due if due < now => Some("late"),
        due if due <= now.saturating_add(SOON) => Some("soon"),
        _ => None,
    }
}

fn key(phase: &str, item: &InboxItem) -> String {
    [phase, &item.kind, &item.body, &item.what].join("\n")
}

/// What was told before; from now on it is all of these.
fn told(engine: &Engine, all: BTreeSet<String>) -> Result<BTreeSet<String>, EngineError> {
    let place = Place::new(Table::Settings, b"reminded", 0);
    let _turn = engine.vault().turn();
    let overlay = engine.vault().overlay();
    let before: BTreeSet<String> = overlay.get_value(&place)?.unwrap_or_default();
    if before != all {
        overlay.put_value(place, &all)?;
        overlay.commit()?;
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_told_when_it_is_soon_and_once_more_when_it_is_late() {
        let due = |due| InboxItem {
            kind: "vote".to_owned(),
            body: "North".to_owned(),
            what: "A vote on 1 \"Hall\"".to_owned(),
            next: String::new(),
            due,
        };
        let phases =
            [None, Some(5_000), Some(2_440), Some(1_000), Some(999)].map(|at| phase(&due(at), 1_000));
        assert_eq!(phases, [None, None, Some("soon"), Some("soon"), Some("late")]);
        assert_ne!(key("soon", &due(Some(1))), key("late", &due(Some(1))));
        assert_eq!(key("soon", &due(Some(1))), key("soon", &due(Some(2))));
    }
}
