//! `Change`, `Cancel`, `Changes`: what needs two keyholders, or one and seven days in which another may
//! object; one is enough where only one slot is used.

use caucus_proto::id::{ChannelId, Hours};
use caucus_proto::wire::{Change, ChangeId, Control, RefusedBecause, Waiting};

use crate::relay::create::distinct;
use crate::relay::guard::{Guard, WaitingChange};

/// Hours after which a change that nobody took back happens by itself.
pub const WAIT_HOURS: u64 = 7 * 24;

/// What becomes of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Changed {
    /// It happened: this is the guard now.
    Done(Guard),
    /// It happened: the channel goes.
    Deleted,
    /// It waits, noted in this guard.
    Waits {
        /// With the change in it.
        guard: Guard,
        /// Its name.
        change: ChangeId,
        /// When it happens by itself.
        due: Hours,
    },
}

/// Asks for a change, or agrees to one that waits.
///
/// # Errors
/// `HandleEnded` for a control that is none any more, `NotAllowed` for a change that makes no sense.
pub fn change(
    guard: &Guard,
    channel: &ChannelId,
    control: &Control,
    asked: &Change,
    now: Hours,
) -> Result<Changed, RefusedBecause> {
    let slot = guard.slot(control).ok_or(RefusedBecause::HandleEnded)?;
    if !makes_sense(guard, asked) {
        return Err(RefusedBecause::NotAllowed);
    }
    let id = asked.id(channel);
    let agreed = guard
        .waiting
        .iter()
        .any(|other| other.id == id && other.slot != slot);
    if guard.solo || agreed {
        return Ok(apply(guard, asked));
    }
    if let Some(mine) = guard.waiting.iter().find(|mine| mine.id == id) {
        return Ok(Changed::Waits {
            guard: guard.clone(),
            change: id,
            due: mine.due,
        });
    }
    let due = Hours(now.0.saturating_add(WAIT_HOURS));
    let mut after = guard.clone();
    after.waiting.retain(|other| other.slot != slot);
    after.waiting.push(WaitingChange {
        id,
        change: asked.clone(),
        slot,
        due,
    });
    Ok(Changed::Waits {
        guard: after,
        change: id,
        due,
    })
}

/// The guard without a change that waited.
///
/// # Errors
/// `HandleEnded` for a control that is none any more, `NotAllowed` if no such change waits.
pub fn cancel(guard: &Guard, control: &Control, id: ChangeId) -> Result<Guard, RefusedBecause> {
    if guard.slot(control).is_none() {
        return Err(RefusedBecause::HandleEnded);
    }
    if !guard.waiting.iter().any(|waiting| waiting.id == id) {
        return Err(RefusedBecause::NotAllowed);
    }
    let mut after = guard.clone();
    after.waiting.retain(|waiting| waiting.id != id);
    Ok(after)
}

/// The changes that wait, for a control.
///
/// # Errors
/// `HandleEnded` for a control that is none any more.
pub fn changes(guard: &Guard, control: &Control) -> Result<Vec<Waiting>, RefusedBecause> {
    if guard.slot(control).is_none() {
        return Err(RefusedBecause::HandleEnded);
    }
    let waiting = guard.waiting.iter().map(|waiting| Waiting {
        change: waiting.change.clone(),
        slot: waiting.slot,
        due: waiting.due,
    });
    Ok(waiting.collect())
}

/// What time alone has done to a guard: changes whose hour came, in the order in which they were due. None
/// if nothing.
#[must_use]
pub fn settle(guard: &Guard, now: Hours) -> Option<Changed> {
    let mut after = guard.clone();
    let mut settled = None;
    loop {
        let due = after.waiting.iter().filter(|waiting| waiting.due <= now);
        let Some(next) = due.min_by_key(|waiting| (waiting.due, waiting.slot)).cloned() else {
            return settled;
        };
        after.waiting.retain(|waiting| waiting.id != next.id);
        if makes_sense(&after, &next.change) {
            match apply(&after, &next.change) {
                Changed::Done(guard) => after = guard,
                deleted => return Some(deleted),
            }
        }
        settled = Some(Changed::Done(after.clone()));
    }
}

fn makes_sense(guard: &Guard, change: &Change) -> bool {
    match change {
        Change::Controls { controls, .. } => distinct(controls),
        Change::Delete => true,
        Change::Trim { until } => *until > guard.trimmed && *until <= guard.newest,
        Change::Shorten { plain, flagged } => {
            let shorter = *plain < guard.plain || *flagged < guard.flagged;
            shorter && *plain <= guard.plain && *flagged <= guard.flagged && plain <= flagged
        }
    }
}

fn apply(guard: &Guard, change: &Change) -> Changed {
    let mut after = guard.clone();
    match change {
        Change::Controls { controls, solo } => {
            after.controls = *controls;
            after.solo = *solo;
            // They waited for holders of slots that may be others now: whoever still wants them asks again.
            after.waiting.clear();
        }
        Change::Delete => return Changed::Deleted,
        Change::Trim { until } => {
            after.trimmed = *until;
            after
                .segments
                .retain(|segment| segment.last.is_none_or(|last| last > *until));
        }
        Change::Shorten { plain, flagged } => {
            after.plain = *plain;
            after.flagged = *flagged;
        }
    }
    let done = change.clone();
    after.waiting.retain(|waiting| waiting.change != done);
    Changed::Done(after)
}

#[cfg(test)]
mod tests {
    use caucus_proto::id::Position;
    use caucus_proto::wire::Retention;

    use super::*;
    use crate::relay::sample::{CONTROL, guard, other_control};

    const HERE: ChannelId = ChannelId([5; 32]);
    const NOW: Hours = Hours(1_000);

    fn ask(guard: &Guard, control: &Control, change: &Change) -> Result<Changed, RefusedBecause> {
        super::change(guard, &HERE, control, change, NOW)
    }

    fn waits(changed: Changed) -> (Guard, ChangeId, Hours) {
        match changed {
            Changed::Waits { guard, change, due } => (guard, change, due),
            other => panic!("did not wait: {other:?}"),
        }
    }

    #[test]
    fn a_change_waits_for_a_second_keyholder_and_then_happens() {
        let guard = guard();
        let (guard, id, due) = waits(ask(&guard, &CONTROL, &Change::Delete).unwrap());
        assert_eq!(due, Hours(1_000 + 168));
        assert_eq!(changes(&guard, &other_control()).unwrap().len(), 1);
        // Asking twice is not agreeing.
        let (_, again, later) = waits(ask(&guard, &CONTROL, &Change::Delete).unwrap());
        assert_eq!((again, later), (id, due));
        assert_eq!(
            ask(&guard, &other_control(), &Change::Delete),
            Ok(Changed::Deleted)
        );
    }

    #[test]
    fn alone_it_takes_seven_days_in_which_another_may_cancel() {
        let (waiting, id, due) = waits(ask(&guard(), &CONTROL, &Change::Delete).unwrap());
        assert_eq!(settle(&waiting, Hours(due.0 - 1)), None);
        assert_eq!(settle(&waiting, due), Some(Changed::Deleted));
        let cancelled = cancel(&waiting, &other_control(), id).unwrap();
        assert_eq!(settle(&cancelled, due), None);
        let twice = cancel(&cancelled, &other_control(), id);
        assert_eq!(twice.unwrap_err(), RefusedBecause::NotAllowed);
    }

    #[test]
    fn where_one_slot_is_used_its_holder_changes_alone_until_the_controls_say_otherwise() {
        let mut guard = guard();
        guard.solo = true;
        guard.newest = Position(9);
        let trim = Change::Trim { until: Position(4) };
        let Changed::Done(trimmed) = ask(&guard, &CONTROL, &trim).unwrap() else {
            panic!("it waited")
        };
        assert_eq!(trimmed.trimmed, Position(4));
        let controls = Change::Controls {
            controls: guard.controls,
            solo: false,
        };
        let Changed::Done(shared) = ask(&guard, &CONTROL, &controls).unwrap() else {
            panic!("it waited")
        };
        assert!(matches!(ask(&shared, &CONTROL, &trim), Ok(Changed::Waits { .. })));
    }

    #[test]
    fn changes_that_make_no_sense_are_not_allowed() {
        let mut guard = guard();
        guard.newest = Position(9);
        let mut twice = guard.controls;
        twice[0] = twice[1];
        let longer = Change::Shorten {
            plain: Retention::Year,
            flagged: Retention::Year,
        };
        let backward = Change::Shorten {
            plain: Retention::Week,
            flagged: Retention::Day,
        };
        let controls = Change::Controls {
            controls: twice,
            solo: false,
        };
        let beyond = Change::Trim { until: Position(10) };
        for change in [longer, backward, controls, beyond] {
            assert_eq!(ask(&guard, &CONTROL, &change), Err(RefusedBecause::NotAllowed));
        }
        let stranger = ask(&guard, &[9; 32], &Change::Delete);
        assert_eq!(stranger, Err(RefusedBecause::HandleEnded));
    }

    #[test]
    fn a_slot_has_one_change_that_waits() {
        let mut guard = guard();
        guard.newest = Position(9);
        let (guard, ..) = waits(ask(&guard, &CONTROL, &Change::Delete).unwrap());
        let trim = Change::Trim { until: Position(4) };
        let (guard, ..) = waits(ask(&guard, &CONTROL, &trim).unwrap());
        assert_eq!(guard.waiting.len(), 1);
        // So whoever asked for something else has taken the first back.
        assert!(matches!(
            ask(&guard, &other_control(), &Change::Delete),
            Ok(Changed::Waits { .. })
        ));
    }

    #[test]
    fn new_controls_end_what_the_old_ones_waited_for() {
        let (guard, ..) = waits(ask(&guard(), &CONTROL, &Change::Delete).unwrap());
        let mut controls = guard.controls;
        controls[0] = [88; 32];
        let change = Change::Controls {
            controls,
            solo: false,
        };
        let (guard, ..) = waits(ask(&guard, &other_control(), &change).unwrap());
        let Changed::Done(after) = ask(&guard, &CONTROL, &change).unwrap() else {
            panic!("it waited")
        };
        assert!(after.waiting.is_empty());
        assert_eq!(after.slot(&CONTROL), None);
    }
}
