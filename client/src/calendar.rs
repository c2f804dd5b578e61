//! Days of the calendar, in UTC.

/// Minutes of a day.
const DAY: u64 = 24 * 60;

/// The last day of the year 9999: what is later is shown as that.
const LAST: u64 = 2_932_896;

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn date(day: u64) -> (u64, u64, u64) {
    // A clock that lies by more than ten thousand years is shown as the last day of them.
    let shifted = day.min(LAST) + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// `2026-11-24`, of minutes since 1970-01-01T00:00Z.
#[must_use]
pub fn day(minutes: u64) -> String {
    let (year, month, day) = date(minutes / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-24 19:41`, of minutes since 1970-01-01T00:00Z.
#[must_use]
pub fn stamp(minutes: u64) -> String {
    format!("{} {:02}:{:02}", day(minutes), minutes % DAY / 60, minutes % 60)
}

/// Minutes since 1970-01-01T00:00Z of `2026-11-24 19:41`; none where there is no such minute.
#[must_use]
pub fn minute(text: &str) -> Option<u64> {
    let (day, time) = text.trim().split_once([' ', 'T'])?;
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, of_month) = (parts.next()??, parts.next()??, parts.next()??);
    let (hour, minute) = time.split_once(':')?;
    let (hour, minute) = (hour.parse::<u64>().ok()?, minute.parse::<u64>().ok()?);
    if !(1970..=9999).contains(&year) || hour > 23 || minute > 59 {
        return None;
    }
    // The first day whose date is not before this one.
    let (mut low, mut high) = (0, LAST);
    while low < high {
        let middle = low.midpoint(high);
        if date(middle) < (year, month, of_month) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (date(low) == (year, month, of_month)).then(|| low * DAY + hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_that_was_written_is_read_again_and_what_is_none_is_not() {
        for minutes in [0, 28_800_000, 30_000_001, 11_016 * DAY, LAST * DAY + DAY - 1] {
            assert_eq!(minute(&stamp(minutes)), Some(minutes));
        }
        assert_eq!(minute("2026-12-01T19:00"), minute(" 2026-12-01 19:00 "));
        assert_eq!(stamp(minute("2024-02-29 00:00").unwrap()), "2024-02-29 00:00");
        for wrong in [
            "",
            "2026-12-01",
            "19:00",
            "2026-02-29 19:00",
            "2026-13-01 19:00",
            "2026-12-00 19:00",
            "2026-12-01 24:00",
            "2026-12-01 19:60",
            "1969-12-31 19:00",
            "10000-01-01 00:00",
            "2026-12-01 -1:00",
            "2026-12 19:00",
        ] {
            assert_eq!(minute(wrong), None, "{wrong}");
        }
    }
}
