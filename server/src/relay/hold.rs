//! `Hold`: a keyholder suspends others' appends and advances so that a cut lands.

use caucus_proto::wire::{Control, RefusedBecause};

use crate::clock::Moment;
use crate::relay::guard::Guard;
use crate::relay::pace::{Deed, Pace};

/// Longest hold in seconds.
pub const LONGEST_SECONDS: u8 = 60;

/// Holds the channel for a control.
///
/// # Errors
/// `HandleEnded` for a control that is none any more, `NotAllowed` for 0 or more than 60 seconds, `TooFast`
/// within ten minutes of its last, `Held` while another holds.
pub fn hold(
    guard: &Guard,
    control: &Control,
    seconds: u8,
    pace: &mut Pace,
    now: Moment,
) -> Result<(), RefusedBecause> {
    if guard.slot(control).is_none() {
        return Err(RefusedBecause::HandleEnded);
    }
    if seconds == 0 || seconds > LONGEST_SECONDS {
        return Err(RefusedBecause::NotAllowed);
    }
    pace.may(control, Deed::Hold, now)?;
    if let Some(other) = pace.held(now) {
        return Err(RefusedBecause::Held {
            retry_ms: now.until(other.until),
        });
    }
    pace.did(control, Deed::Hold, now);
    pace.hold(*control, now.plus(u64::from(seconds) * 1_000));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::relay::sample::{CONTROL, guard, other_control};

    #[test]
    fn a_control_holds_for_a_minute_once_in_ten() {
        let guard = guard();
        let mut pace = Pace::new(&Limits::default(), Moment(0));
        let mut ask = |control: &Control, seconds, at| hold(&guard, control, seconds, &mut pace, Moment(at));
        assert_eq!(ask(&CONTROL, 61, 0), Err(RefusedBecause::NotAllowed));
        assert_eq!(ask(&CONTROL, 0, 0), Err(RefusedBecause::NotAllowed));
        assert_eq!(ask(&[9; 32], 60, 0), Err(RefusedBecause::HandleEnded));
        assert_eq!(ask(&CONTROL, 60, 0), Ok(()));
        let held = Err(RefusedBecause::Held { retry_ms: 50_000 });
        assert_eq!(ask(&other_control(), 60, 10_000), held);
        assert_eq!(ask(&other_control(), 60, 60_000), Ok(()));
        let again = ask(&CONTROL, 60, 120_000);
        assert_eq!(again, Err(RefusedBecause::TooFast { retry_ms: 480_000 }));
        assert_eq!(ask(&CONTROL, 60, 600_000), Ok(()));
    }
}
