//! Charters as people read and write them: TOML, the ones that come with the program, and what they say in words.

use caucus_proto::org::charter::{OfficeRule, Promotion};
use caucus_proto::org::{BadCharter, Base, Charter, Filling, How, Kind, Office, PollRule, Power, Sphere};
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
        Kind::Direct => include_str!("../charters/direct.toml"),
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
        toml::from_str(text).map_err(|error| CharterError::Unreadable(place_of(&error, text)))?;
    charter.check()?;
    Ok(charter)
}

/// What TOML says, on one line, and in which line of the text.
fn place_of(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().replace('\n', "; ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
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
    lines.extend(decisions(charter));
    lines.push(dealings(charter));
    lines.extend(relays(charter));
    lines.push(history(charter));
    lines.extend(
        charter
            .offices()
            .map(|(which, rule)| office(charter, which, rule)),
    );
    lines
}

/// What the body has to do with others.
fn dealings(charter: &Charter) -> String {
    let rule = &charter.between;
    let by = |how, who: &str| match how {
        How::Mandate => who.to_owned(),
        How::Poll => "everybody, in a vote".to_owned(),
    };
    format!(
        "A link with another body is accepted by {}; its directives are adopted or declined by {}. Where another body asks for \
         it, the keys of what this one publishes turn {}.",
        by(rule.links, "whoever may link"),
        by(rule.directives, "whoever may answer them"),
        match rule.beat {
            1 => "once a day".to_owned(),
            n => format!("every {}", days(n)),
        }
    )
}

/// Where its rooms may go; nothing where they stay.
fn relays(charter: &Charter) -> Option<String> {
    let named: Vec<_> = charter
        .relays
        .alternates
        .iter()
        .map(ToString::to_string)
        .collect();
    (!named.is_empty()).then(|| {
        let goes = format!(
            "Where more than half of a room's people cannot reach its relay, the room goes on at the first of these that answers; \
             keyholders may move it there at any time: {}.",
            named.join(", ")
        );
        match charter.relays.together {
            false => goes,
            true => format!(
                "{goes} The first of them that is not the room's own carries a copy of every entry: who cannot reach the room's \
                 relay reads on there."
            ),
        }
    })
}

/// What newcomers are handed.
fn history(charter: &Charter) -> String {
    let rule = &charter.history;
    let said = match rule.days {
        0 => "nothing of what was said before".to_owned(),
        n => format!(
            "what was said there within {} before, as somebody else's device has it; so whatever anybody says may be read by \
             those who come after",
            days(n)
        ),
    };
    let heard = if rule.announcements {
        ", and what other bodies announced"
    } else {
        ""
    };
    format!("Whoever comes into a room is handed {said}{heard}.")
}

/// What a change of the charter does to what people have said already; nothing where no more of it is shown.
#[must_use]
pub fn shown_to_newcomers(before: &Charter, after: &Charter) -> Option<String> {
    let n = after.history.days;
    (n > before.history.days).then(|| {
        format!(
            "! What you and others have said already, in the last {}, would be shown to whoever comes in",
            days(n)
        )
    })
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

/// How decisions are made.
fn decisions(charter: &Charter) -> Vec<String> {
    let polls = &charter.polls;
    let mut lines = vec![format!(
        "Whoever is in good standing may propose. A proposal comes to a poll by whoever may open one{}.",
        match polls.support {
            0 => ", and by whoever made it".to_owned(),
            n => format!(", and by whoever made it once {} others support it", n),
        }
    )];
    let rules = format!("The charter and the {}", charter.words.principles);
    for (what, rule) in [
        ("Words", &polls.ordinary),
        ("Who is in, and who holds an office", &polls.people),
        (&rules, &polls.rules),
    ] {
        lines.push(decision(charter, what, rule));
    }
    lines.push(format!(
        "Whoever leaves or is removed while a poll is open and has not voted {} among those who may; whoever is \
         suspended meanwhile {} vote.",
        if polls.leavers { "counts no more" } else { "still counts" },
        if polls.suspended { "may" } else { "may not" }
    ));
    lines.push(format!(
        "A result holds {}once the devices of more than two thirds have shown that they have it{}; nobody waits for whom \
         nothing was heard of for {}.",
        match polls.grace {
            0 => String::new(),
            n => format!("after {} in which one may say that one's ballot is missing, and ", hours(n)),
        },
        if polls.light { ", or of more than half where it is about words" } else { "" },
        days(polls.silent)
    ));
    lines
}

fn decision(charter: &Charter, what: &str, rule: &PollRule) -> String {
    let of = match rule.base {
        Base::Cast => "of the votes for and against",
        Base::Present => "of all ballots, with abstentions",
        Base::Electorate => "of all who may vote",
    };
    let accepted = if rule.principles {
        format!(" and has accepted the {}", charter.words.principles)
    } else {
        String::new()
    };
    let open = match rule.days {
        0 => String::new(),
        n => format!(", open for {} at least", days(n)),
    };
    format!(
        "{what}: everybody{} who is in good standing{accepted} votes; {} {of}, and {} of all must vote{open}.",
        at_least(charter, ", at least ", rule.sphere),
        rule.threshold,
        rule.quorum
    )
}

fn office(charter: &Charter, office: Office, rule: &OfficeRule) -> String {
    let has_secretary = charter.office(Office::Secretary).is_some();
    let term = match (rule.days, rule.filling) {
        (0, _) => "until they hand it over".to_owned(),
        (n, Filling::Rotation) if office == Office::Caretaker && has_secretary => format!(
            "from the founding on for {}, and whenever nobody is {}",
            days(n),
            charter.office_word(Office::Secretary)
        ),
        (n, Filling::Rotation) => format!("for {}, then the next in line", days(n)),
        (n, Filling::Election) => {
            let terms = match rule.terms {
                0 => String::new(),
                1 => ", not twice in a row".to_owned(),
                n => format!(", at most {n} times in a row"),
            };
            format!("elected for {}{terms}", days(n))
        }
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
            Power::Poll => "open polls".to_owned(),
            Power::Facilitate => "guide meetings".to_owned(),
            Power::Tell => "hold polls with sealed ballots and open them".to_owned(),
            Power::Link => "link with other bodies".to_owned(),
            Power::Announce => "announce to other bodies".to_owned(),
            Power::Direct => "issue and answer directives".to_owned(),
        })
        .collect();
    let may = if powers.is_empty() {
        String::new()
    } else {
        format!("; may {}", powers.join(", "))
    };
    format!(
        "{}: {}{}, {term}{may}.",
        capital(charter.office_word(office)),
        people(rule.seats),
        at_least(charter, ", at least ", rule.sphere),
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

fn hours(count: u16) -> String {
    match count {
        1 => "an hour".to_owned(),
        n => format!("{n} hours"),
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

    const KINDS: [Kind; 4] = [Kind::Cell, Kind::Chapter, Kind::Committee, Kind::Direct];

    #[test]
    fn what_is_no_toml_is_said_on_one_line_with_its_number() {
        for (text, line) in [
            ("kind = \"cell\"\nabsent = = 2\n", 2),
            ("[polls]\n\nnonsense\n", 3),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.starts_with(&format!("line {line}: ")), "{said}");
            assert!(!said.contains('\n'), "{said}");
        }
    }

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
    fn that_words_are_shown_to_newcomers_is_said_and_so_is_that_those_said_already_would_be() {
        let silent = read(shipped(Kind::Cell)).unwrap();
        assert_eq!((silent.history.days, silent.history.announcements), (0, false));
        let mut open = silent.clone();
        (open.history.days, open.history.announcements) = (14, true);
        assert_eq!(read(&written(&open)).unwrap(), open);
        let words = in_words(&open).join("\n");
        for says in [
            "Whoever comes into a room is handed what was said there within 14 days before",
            "may be read by those who come after",
            ", and what other bodies announced.",
        ] {
            assert!(words.contains(says), "{words}");
        }
        let warning = shown_to_newcomers(&silent, &open).unwrap();
        assert!(
            warning.contains("have said already, in the last 14 days"),
            "{warning}"
        );
        assert_eq!(shown_to_newcomers(&open, &silent), None);
        assert_eq!(shown_to_newcomers(&open, &open), None);
        open.history.days = 4_000;
        let error = open.check().unwrap_err().to_string();
        assert_eq!(error, "history.days must be between 0 and 3650");
    }

    #[test]
    fn a_charter_that_no_body_could_live_by_is_refused_in_words() {
        let text = shipped(Kind::Cell);
        for (from, to, says) in [
            ("absent = 1", "absent = 7", "\"admit\" lies in too few hands"),
            (
                "powers = [\"keys\", \"admit\", \"link\"]",
                "powers = [\"keys\", \"admit\", \"link\", \"remove\"]",
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
