//! What happened between bodies, in words, for the log of this device.

use caucus_proto::org::State;
use caucus_proto::org::between::{Answer, Item, LinkStep, Raise, Says, SignedLetter};

/// What the body of a link is called, as it says itself.
#[must_use]
pub fn linked_name(state: &State, link: u32) -> String {
    let link = state.between.links.get(&link);
    let peer = link.and_then(|link| link.peer.as_ref());
    peer.map_or_else(|| "another body".to_owned(), |peer| peer.card.name.to_string())
}

/// What an item is, with its title.
fn item_words(item: &Item) -> String {
    match item {
        Item::Announcement(said) => format!("the announcement \"{}\"", said.title),
        Item::Order(order) => format!("the directive \"{}\"", order.title),
        Item::Withdrawal { of, .. } => format!("that number {of} is withdrawn"),
        Item::Forwarded(forwarded) => format!("{} of {}", item_words(&forwarded.item()), forwarded.name),
    }
}

/// What was done with a directive, in words.
fn answer_words(answer: &Answer) -> String {
    match answer {
        Answer::Declined { reason } => format!("declined: {reason}"),
        Answer::Reported { text, .. } if text.is_empty() => "reported".to_owned(),
        Answer::Reported { text, .. } => format!("reported: {text}"),
        other => other.word().to_owned(),
    }
}

/// What is raised, in a word.
#[must_use]
pub const fn raise_word(kind: Raise) -> &'static str {
    match kind {
        Raise::Motion => "motion",
        Raise::Report => "report",
        Raise::Question => "question",
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

/// What a letter says, in words; none for what says nothing to people.
fn letter_words(state: &State, link: u32, says: &Says) -> Option<String> {
    let from = linked_name(state, link);
    Some(match says {
        Says::Nothing | Says::Reading(..) | Says::Sealing(_) => return None,
        Says::Accepted(_) => format!("{from} accepted the link"),
        Says::Root(..) => format!("{from} has another key that it speaks by"),
        Says::Place { relay: None, .. } => return None,
        Says::Place {
            relay: Some(relay), ..
        } => format!("{from} is written to at the relay {relay}"),
        Says::Item(number, item) => format!("{from} sent {} (number {number})", item_words(item)),
        Says::Answer(directive, answer) => {
            format!("{from}, on directive {directive}: {}", answer_words(answer))
        }
        Says::Raised {
            number, kind, text, ..
        } => format!("{from} sent {} {number}: {text}", raise_word(*kind)),
        Says::Reply { number, text } => format!("{from} answered what was raised as {number}: {text}"),
        Says::Ended { reason } => format!("{from} ended the link{}", because(reason)),
        Says::Introduce { number, about, .. } => {
            format!(
                "{from} would introduce somebody of this body to somebody of another (number {number}): {about}"
            )
        }
        Says::Consent { number, .. } => format!("somebody of {from} comes to introduction {number}"),
        Says::NoConsent { number } => format!("nobody of {from} comes to introduction {number}"),
        Says::Introduced { number, .. } => format!("{from} made introduction {number}"),
        Says::NotIntroduced { number } => {
            format!("introduction {number} of {from} comes to nothing: somebody else would not come")
        }
    })
}

/// A line for the log; none for what ties bodies together and says nothing to people.
pub(in crate::engine) fn describe(state: &State, step: &LinkStep, void: bool) -> Option<String> {
    Some(match step {
        LinkStep::Root { root, .. } if root.number == 1 => "made the key that the body speaks by".to_owned(),
        LinkStep::Root { .. } => "gave the body another key that it speaks by".to_owned(),
        LinkStep::Offer { .. } => "offered a link to another body".to_owned(),
        LinkStep::Accept { signed, .. } => format!("linked with {}", signed.offer.card.name),
        LinkStep::End { link, reason } => {
            format!(
                "ended the link with {}{}",
                linked_name(state, *link),
                because(reason)
            )
        }
        LinkStep::Hear { link, signed } if void => match &signed.letter.says {
            Says::Accepted(card) => format!("{} accepted the link when the offer was over", card.name),
            _ => format!("{} wrote what does not count", linked_name(state, *link)),
        },
        LinkStep::Hear { link, signed } => return letter_words(state, *link, &signed.letter.says),
        LinkStep::HearAll { letters } => {
            let words =
                |(link, signed): &(u32, SignedLetter)| letter_words(state, *link, &signed.letter.says);
            let all: Vec<_> = letters.iter().filter_map(words).collect();
            if all.is_empty() {
                return None;
            }
            all.join("; ")
        }
        LinkStep::Carry { link, signed, .. } => {
            let (from, entry) = (linked_name(state, *link), &signed.entry);
            format!(
                "{from} published {} (number {})",
                item_words(&entry.item),
                entry.item_number
            )
        }
        LinkStep::Forward { link, signed, .. } => {
            let (from, item) = (linked_name(state, *link), &signed.entry.item);
            match item {
                Item::Forwarded(_) => format!("forwarded {}, by way of {from}", item_words(item)),
                _ => format!("forwarded {} of {from}", item_words(item)),
            }
        }
        LinkStep::Issue { item, to } if to.is_empty() => format!("published {}", item_words(item)),
        LinkStep::Issue { item, to } => {
            let names: Vec<_> = to.iter().map(|link| linked_name(state, *link)).collect();
            format!("sent {} to {}", item_words(item), names.join(", "))
        }
        LinkStep::Answer {
            link,
            directive,
            answer,
        } => format!(
            "on directive {directive} of {}: {}",
            linked_name(state, *link),
            answer_words(answer)
        ),
        LinkStep::Raise { link, kind, text, .. } => {
            format!(
                "sent a {} to {}: {text}",
                raise_word(*kind),
                linked_name(state, *link)
            )
        }
        LinkStep::Reply { link, number, text } => {
            format!(
                "answered {} on what it raised as {number}: {text}",
                linked_name(state, *link)
            )
        }
        LinkStep::Agreed { .. } => "agreed to a link".to_owned(),
        LinkStep::Introduce { links, about, .. } => {
            let names: Vec<_> = links.iter().map(|link| linked_name(state, *link)).collect();
            format!(
                "would introduce people of {} to each other: {about}",
                names.join(", ")
            )
        }
        LinkStep::Consent { link, number, .. } => {
            format!("comes to introduction {number} of {}", linked_name(state, *link))
        }
        LinkStep::NoConsent { link, number } => {
            format!(
                "says that nobody comes to introduction {number} of {}",
                linked_name(state, *link)
            )
        }
        LinkStep::Bring { number, .. } => format!("made introduction {number}: those who meet were told"),
        LinkStep::Move { reading, .. } => format!(
            "publishes, and is written to by linked bodies, at the relay {} from now on",
            reading.relay
        ),
        LinkStep::Masthead { signed } => {
            format!("named who may publish: {}", signed.masthead.editors.len())
        }
        LinkStep::Custody { .. }
        | LinkStep::Entrust { .. }
        | LinkStep::Sealing { .. }
        | LinkStep::Editor { .. }
        | LinkStep::Turn { .. } => return None,
    })
}
