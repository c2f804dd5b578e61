//! Times and durations as a person reads and writes them. All times are UTC, but for deadlines.

use super::zone;
use crate::calendar;
pub(super) use crate::calendar::day;

const MINUTE: u64 = 1;
const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// `19:41` today, `2026-11-24 19:41` on another day. Both in minutes since 1970-01-01T00:00Z.
#[must_use]
pub(super) fn clock(minutes: u64, now: u64) -> String {
    let (hour, minute) = (minutes % DAY / HOUR, minutes % HOUR);
    if minutes / DAY == now / DAY {
        return format!("{hour:02}:{minute:02}");
    }
    format!("{} {hour:02}:{minute:02}", day(minutes))
}

/// `just now`, `2 minutes ago`, `3 days ago`.
#[must_use]
pub(super) fn ago(minutes: u64, now: u64) -> String {
    match now.saturating_sub(minutes) {
        0 => "just now".to_owned(),
        past => format!("{} ago", span(past)),
    }
}

/// `1 minute`, `3 hours`, `7 days`: the largest whole unit, rounded down.
#[must_use]
pub(super) fn span(minutes: u64) -> String {
    let (count, unit) = match minutes {
        0..HOUR => (minutes, "minute"),
        HOUR..DAY => (minutes / HOUR, "hour"),
        _ => (minutes / DAY, "day"),
    };
    count_of(count, unit)
}

/// The last minute of a day, `2026-11-24`.
///
/// # Errors
/// What would be right.
pub(super) fn end_of_day(text: &str) -> Result<u64, String> {
    let wrong = || "give a day as 2026-11-24".to_owned();
    if text.contains(char::is_whitespace) {
        return Err(wrong());
    }
    calendar::minute(&format!("{text} 23:59")).ok_or_else(wrong)
}

/// A deadline as the clock on the wall shows it: `2026-12-01 23:59 CET`.
#[must_use]
pub(super) fn due(minutes: u64) -> String {
    zone::on_the_wall(minutes)
}

/// A minute in local time, `2026-11-24 19:00`, or the last one of a day, `2026-11-24`.
///
/// # Errors
/// What would be right.
pub(super) fn deadline(text: &str) -> Result<u64, String> {
    calendar::minute(text)
        .map_or_else(|| end_of_day(text), Ok)
        .map(zone::from_the_wall)
        .map_err(|_| "give a day as 2026-11-24, or a day and a time as \"2026-11-24 19:00\"".to_owned())
}

/// `1 person` where the word for more is given by an s.
#[must_use]
pub(super) fn count_of(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Minutes of a duration: `90m`, `2h`, `7d`, `2w`.
///
/// # Errors
/// What would be right.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let wrong = || "give a number and a unit: 90m, 2h, 7d or 2w".to_owned();
    let unit = match text.chars().last() {
        Some('m') => MINUTE,
        Some('h') => HOUR,
        Some('d') => DAY,
        Some('w') => WEEK,
        _ => return Err(wrong()),
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(|| "this is longer than anything lasts here".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_today_has_no_date_and_any_other_has() {
        let noon = 20_782 * DAY + 12 * HOUR + 5;
        assert_eq!(clock(noon, noon + 3), "12:05");
        assert_eq!(clock(noon, noon + DAY), "2026-11-25 12:05");
        assert_eq!(clock(noon + DAY, noon), "2026-11-26 12:05");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(59 * DAY), "1970-03-01");
        assert_eq!(day(789 * DAY), "1972-02-29");
        assert_eq!(day(11_016 * DAY), "2000-02-29");
        assert_eq!(day(20_088 * DAY), "2024-12-31");
        assert_eq!(day(47_541 * DAY), "2100-03-01");
        assert_eq!(day(u64::MAX), "9999-12-31");
        for number in [0, 59, 789, 11_016, 20_088, 47_541] {
            assert_eq!(end_of_day(&day(number * DAY)), Ok(number * DAY + DAY - 1));
        }
        for text in [
            "",
            "2026-11",
            "2026-13-01",
            "2026-02-30",
            "2026-11-24x",
            "1969-12-31",
        ] {
            assert!(end_of_day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_past_is_told_in_its_largest_unit() {
        let now = 30_000_000;
        assert_eq!(ago(now, now), "just now");
        assert_eq!(ago(now + 5, now), "just now");
        assert_eq!(ago(now - 1, now), "1 minute ago");
        assert_eq!(ago(now - 59, now), "59 minutes ago");
        assert_eq!(ago(now - 60, now), "1 hour ago");
        assert_eq!(ago(now - 2 * DAY, now), "2 days ago");
    }

    #[test]
    fn a_deadline_is_a_minute_or_the_end_of_a_day() {
        let day_begins = 20_781 * DAY;
        assert_eq!(deadline("2026-11-24"), Ok(day_begins + DAY - 1));
        assert_eq!(deadline("2026-11-24 19:00"), Ok(day_begins + 19 * HOUR));
        for wrong in ["", "tomorrow", "2026-11-24 25:00", "24.11.2026"] {
            assert!(deadline(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(duration("90m"), Ok(90));
        assert_eq!(duration("2h"), Ok(120));
        assert_eq!(duration("7d"), Ok(7 * DAY));
        assert_eq!(duration("2w"), Ok(14 * DAY));
        for wrong in ["", "7", "d", "-1d", "+1d", "1.5h", " 1h", "7 d", "1y", "7ä", "ä"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(duration("99999999999999999999m").is_err());
        assert!(duration("18446744073709551615w").is_err());
    }
}
