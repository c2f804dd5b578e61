//! The local time of this machine, for deadlines: what is due is due at one moment everywhere, and each sees it by their own
//! clock. Where the machine knows no zone it is UTC. Nothing of it is sent to anybody.

use tz::TimeZone;

use crate::calendar::stamp;

const MINUTE: i64 = 60;

/// The machine's zone, if it knows one.
fn zone() -> Option<TimeZone> {
    TimeZone::local().ok()
}

/// A minute (since 1970-01-01T00:00Z) as the clock on the wall shows it, with the name of its zone.
#[must_use]
pub(super) fn on_the_wall(minutes: u64) -> String {
    shown(zone().as_ref(), minutes)
}

/// The minute (since 1970-01-01T00:00Z) at which the clock on the wall shows what `wall` is in UTC.
#[must_use]
pub(super) fn from_the_wall(wall: u64) -> u64 {
    read(zone().as_ref(), wall)
}

/// Minutes east of UTC at a minute, and what that is called.
fn offset(zone: Option<&TimeZone>, minutes: u64) -> (i64, String) {
    let seconds = i64::try_from(minutes)
        .unwrap_or(i64::MAX / MINUTE)
        .saturating_mul(MINUTE);
    let known = zone.and_then(|zone| zone.find_local_time_type(seconds).ok());
    known.map_or_else(
        || (0, "UTC".to_owned()),
        |local| {
            let name = local.time_zone_designation();
            let name = if name.is_empty() { "local time" } else { name };
            (i64::from(local.ut_offset()) / MINUTE, name.to_owned())
        },
    )
}

fn shown(zone: Option<&TimeZone>, minutes: u64) -> String {
    let (east, name) = offset(zone, minutes);
    format!("{} {name}", stamp(minutes.saturating_add_signed(east)))
}

fn read(zone: Option<&TimeZone>, wall: u64) -> u64 {
    // Around a change of the clocks the first guess may have the other offset.
    let guess = wall.saturating_add_signed(-offset(zone, wall).0);
    wall.saturating_add_signed(-offset(zone, guess).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::minute;

    #[test]
    fn a_deadline_is_shown_by_the_clock_on_the_wall_and_read_back_from_it() {
        let berlin = TimeZone::from_posix_tz("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let winter = minute("2026-12-01 22:59").unwrap();
        let summer = minute("2026-07-01 21:59").unwrap();
        assert_eq!(shown(Some(&berlin), winter), "2026-12-01 23:59 CET");
        assert_eq!(shown(Some(&berlin), summer), "2026-07-01 23:59 CEST");
        assert_eq!(shown(None, winter), "2026-12-01 22:59 UTC");
        for time in [winter, summer] {
            let wall = minute(shown(Some(&berlin), time).get(..16).unwrap()).unwrap();
            assert_eq!(read(Some(&berlin), wall), time);
        }
        assert_eq!(read(None, winter), winter);
        assert!(shown(Some(&berlin), u64::MAX).starts_with("9999"));
    }
}
