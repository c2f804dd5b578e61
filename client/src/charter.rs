//! Charters as people read and write them: TOML, the ones that come with the program, and what they say in words.

use caucus_proto::org::charter::{OfficeRule, Promotion};
use caucus_proto::org::{BadCharter, Charter, Kind, Office, Power, Sphere};
use thiserror::Error;

/// Largest file that is read as a charter.
pub const LARGEST: usize = 64 * 1024;

/// Why a text is no charter.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CharterError {
    /// Too long.
    #[error("a charter has at most {LARGEST} bytes")]
    TooLong,
    /// No TOML, or something is missing, too much or of the wrong kind.
    #[error("{0}")]
    Unreadable(String),
    /// No body could live by it.
    #[error("{0}")]
    Bad(#[from] BadCharter),
}

/// The text of the charter that comes with the program.
#[must_use]
pub const fn shipped(kind: Kind) -> &'static str {
    match kind {
        Kind::Cell => include_str!("../charters/cell.toml"),
        Kind::Chapter => include_str!("../charters/chapter.toml"),
        Kind::Committee => include_str!("../charters/committee.toml"),
    }
}

/// Reads a charter.
///
/// # Errors
/// `CharterError`, which says where.
pub fn read(text: &str) -> Result<Charter, CharterError> {
    if text.len() > LARGEST {
        return Err(CharterError::TooLong);
    }
    let charter: Charter =
        toml::from_str(text).map_err(|error| CharterError::Unreadable(error.to_string()))?;
    charter.check()?;
    Ok(charter)
}

/// A charter as TOML.
#[must_use]
pub fn written(charter: &Charter) -> String {
    // Numbers, words and lists of words: nothing that TOML cannot say.
    toml::to_string(charter).unwrap_or_default()
}

/// What a charter says, a rule a line.
#[must_use]
pub fn in_words(charter: &Charter) -> Vec<String> {
    let word = |sphere| charter.sphere_word(sphere).as_str();
    let spheres: Vec<_> = charter.spheres.iter().map(|sphere| word(*sphere)).collect();
    let (first, rest) = (charter.spheres.first(), charter.spheres.iter().skip(1));
    let absent = match charter.absent {
        0 => "Everybody is waited for.".to_owned(),
        n => format!(
            "{} may be away: no rule waits for {} of those who could.",
            capital(&people(n)),
            if n == 1 {
                "the last".to_owned()
            } else {
                format!("the last {n}")
            }
        ),
    };
    let mut lines = vec![format!("Stages: {}.", spheres.join(", ")), absent];
    lines.extend(rooms(charter));
    lines.push(format!(
        "People come in as {}, by whoever may admit{}.",
        word(charter.admission.sphere),
        with_vouches(charter.admission.vouches)
    ));
    let vouching = &charter.vouching;
    lines.push(format!(
        "Whoever {}{} may vouch, {} within 30 days.",
        match vouching.days {
            0 => "is in the room".to_owned(),
            n => format!("has been here for {}", days(n)),
        },
        at_least(charter, " and is at least ", vouching.sphere),
        match vouching.a_month {
            1 => "once".to_owned(),
            n => format!("up to {n} times"),
        }
    ));
    for sphere in rest.filter(|_| first.is_some()) {
        lines.push(promotion(charter, *sphere, charter.promotion(*sphere)));
    }
    lines.push(format!(
        "The {} are accepted within {}; a change of substance asks everybody anew.",
        charter.words.principles,
        days(charter.principles.days)
    ));
    lines.push(format!(
        "A suspension ends by itself after {}.",
        days(charter.review.days)
    ));
    lines.push(format!(
        "Whoever lost everything comes back as the same person by whoever may admit, {}{}.",
        match charter.replacing.days {
            0 => "while nothing is heard of their old device".to_owned(),
            n => format!("after {} in which nothing is heard of their old device", days(n)),
        },
        with_vouches(charter.replacing.vouches)
    ));
    for which in Office::ALL {
        lines.push(office(charter, which, charter.office(which)));
    }
    lines
}

/// Who is in which room; nothing where there is one.
fn rooms(charter: &Charter) -> Option<String> {
    let governing = format!(
        "Rooms: members, which decides (from {} on)",
        charter.sphere_word(charter.governing)
    );
    let others = charter
        .rooms
        .iter()
        .map(|rule| format!("; {} (from {} on)", rule.name, charter.sphere_word(rule.sphere)));
    (!charter.rooms.is_empty()).then(|| format!("{governing}{}.", others.collect::<String>()))
}

fn promotion(charter: &Charter, sphere: Sphere, rule: &Promotion) -> String {
    let accepted = if rule.principles {
        format!(" who has accepted the {}", charter.words.principles)
    } else {
        String::new()
    };
    format!(
        "{}{accepted} may become {}, by whoever may promote{}.",
        match rule.days {
            0 => "One".to_owned(),
            n => format!("After {} in the stage before, one", days(n)),
        },
        charter.sphere_word(sphere),
        with_vouches(rule.vouches)
    )
}

fn office(charter: &Charter, office: Office, rule: &OfficeRule) -> String {
    let term = match rule.days {
        0 => "until they hand it over".to_owned(),
        n => format!("for {}, then the next in line", days(n)),
    };
    let powers: Vec<_> = rule
        .powers
        .iter()
        .map(|power| match power {
            Power::Admit => "admit people".to_owned(),
            Power::Remove => "remove and suspend people".to_owned(),
            Power::Keys => "turn the room's keys".to_owned(),
            Power::Floor => "raise the feature floor".to_owned(),
            Power::Promote => "promote and demote".to_owned(),
            Power::Principles => format!("set the {}", charter.words.principles),
        })
        .collect();
    format!(
        "{}: {}{}, {term}; may {}.",
        capital(charter.office_word(office).as_str()),
        people(rule.seats),
        at_least(charter, ", at least ", rule.sphere),
        powers.join(", ")
    )
}

/// Nothing where everybody in the room is that.
fn at_least(charter: &Charter, words: &str, sphere: Sphere) -> String {
    if charter.spheres.first() == Some(&sphere) {
        String::new()
    } else {
        format!("{words}{}", charter.sphere_word(sphere))
    }
}

fn with_vouches(vouches: u16) -> String {
    match vouches {
        0 => String::new(),
        1 => ", with the vouch of one other".to_owned(),
        n => format!(", with the vouches of {n} others"),
    }
}

fn people(count: u16) -> String {
    match count {
        1 => "one person".to_owned(),
        n => format!("{n} people"),
    }
}

fn days(count: u16) -> String {
    match count {
        1 => "a day".to_owned(),
        n => format!("{n} days"),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 3] = [Kind::Cell, Kind::Chapter, Kind::Committee];

    #[test]
    fn the_charters_that_come_with_the_program_are_charters() {
        for kind in KINDS {
            let charter = read(shipped(kind)).unwrap();
            assert_eq!(read(&written(&charter)).unwrap(), charter);
        }
    }

    #[test]
    fn what_they_say_in_words_does_not_drift() {
        for kind in KINDS {
            let charter = read(shipped(kind)).unwrap();
            insta::assert_snapshot!(format!("{kind:?}"), in_words(&charter).join("\n"));
        }
    }

    #[test]
    fn a_charter_that_no_body_could_live_by_is_refused_in_words() {
        let text = shipped(Kind::Cell);
        for (from, to, says) in [
            ("absent = 1", "absent = 7", "\"admit\" lies in too few hands"),
            (
                "powers = [\"keys\", \"admit\"]",
                "powers = [\"keys\", \"admit\", \"remove\"]",
                "two offices",
            ),
            (
                "powers = [\"admit\", \"remove\"",
                "powers = [\"keys\", \"remove\"",
                "keyholders",
            ),
            (
                "seats = 2",
                "seats = 1",
                "keyholder.seats must be between 2 and 8",
            ),
            (
                "days = 90\nsphere",
                "days = 0\nsphere",
                "caretaker.days must be between 1 and 3650",
            ),
            ("spheres = [\"cadre\"]", "spheres = []", "at least one sphere"),
            (
                "spheres = [\"cadre\"]",
                "spheres = [\"member\"]",
                "governing names the sphere \"cadre\"",
            ),
            (
                "vouches = 2",
                "vouches = \"two\"",
                "invalid type: string \"two\", expected u16",
            ),
            (
                "absent = 1",
                "absent = 1\nowner = \"ana\"",
                "unknown field `owner`",
            ),
            ("[review]\ndays = 30", "", "missing field `review`"),
        ] {
            assert!(text.contains(from), "{from}");
            let error = read(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
