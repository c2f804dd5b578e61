//! What happened, in words, for the log of this device.

use caucus_proto::id::PersonaId;
use caucus_proto::org::{Deed, Effect, Moved, Outcome, Person, Remark, State};

use super::record::Item;
use super::{between, decisions, meetings, remarks};

/// Whom a deed is about, where the state may not know them any more afterwards.
#[must_use]
pub(super) fn subject(deed: &Deed) -> Option<PersonaId> {
    match deed {
        Deed::Decline { persona, .. } => Some(*persona),
        Deed::Recognize { applicant, .. } | Deed::Replace { applicant, .. } => Some(*applicant),
        _ => None,
    }
}

/// The item of the log; `subject` is the name from before the entry, where there is one.
#[must_use]
pub(super) fn item(state: &State, outcome: &Outcome, subject: Option<&str>) -> Item {
    let effects = match outcome {
        Outcome::Done(effects) => effects,
        Outcome::NoOp(denied) => return Item::NoOp(denied.clone()),
        Outcome::UpgradeNeeded { floor } => return Item::Event(format!("the room needs feature {floor}")),
    };
    let name = |persona: &PersonaId| {
        state
            .person(persona)
            .map_or("somebody", |person| person.name.as_str())
            .to_owned()
    };
    let because = |reason: &str| {
        if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        }
    };
    // What is quiet hides nothing that stands beside it in one commit.
    let (mut lines, mut quiet) = (Vec::new(), Vec::new());
    for effect in effects {
        lines.push(match effect {
            Effect::Said { text } => return Item::Said(text.clone()),
            Effect::Attached { text, file } => {
                return Item::Attached {
                    text: text.clone(),
                    file: file.clone(),
                };
            }
            Effect::Relocated { relay } => format!("moved the room to the relay {relay}"),
            Effect::Remarked { remark } => match &**remark {
                Remark::Reply { text, .. } => return Item::Said(text.clone()),
                Remark::Pin { to, on: true } => format!("pinned message {}", to.position),
                Remark::Pin { to, on: false } => format!("took the pin from message {}", to.position),
                Remark::Vanish { hours: 0 } => {
                    "keeps what is said from now on: it does not vanish".to_owned()
                }
                Remark::Vanish { hours: 1 } => {
                    "lets what is said from now on vanish after an hour".to_owned()
                }
                Remark::Vanish { hours } => {
                    format!("lets what is said from now on vanish after {hours} hours")
                }
                other => match remarks::remarked(other) {
                    Some(item) => return item,
                    None => continue,
                },
            },
            Effect::Between { step, void, .. } => match between::describe(state, step, *void) {
                Some(line) => line,
                None => {
                    quiet.push("kept up what ties the body to others");
                    continue;
                }
            },
            Effect::Invited { uses: 1, .. } => "opened an invite for one".to_owned(),
            Effect::Invited { uses, .. } => format!("opened an invite for {uses}"),
            Effect::Revoked { .. } => "ended an invite".to_owned(),
            Effect::Applied {
                name: asks,
                claims: Some(persona),
                ..
            } => format!(
                "{asks} says that they are {} and lost everything: whoever knows {} compares codes with them",
                name(persona),
                name(persona)
            ),
            Effect::Applied { name, .. } => format!("{name} asks to join"),
            Effect::Admitted { persona, .. } => format!("admitted {}", name(persona)),
            Effect::Declined { reason, .. } => {
                format!("declined {}{}", subject.unwrap_or("somebody"), because(reason))
            }
            Effect::Removed { persona, reason } => format!("removed {}{}", name(persona), because(reason)),
            Effect::Left { persona } => format!("{} leaves", name(persona)),
            Effect::FloorRaised { feature } => format!("raised the room to feature {feature}"),
            Effect::Seated { persona, .. } => format!("{} is in the room", name(persona)),
            Effect::Unseated { persona } => format!("{} is out of the room", name(persona)),
            Effect::RenewalAsked { persona, .. } => {
                let way = match state.person(persona).and_then(Person::doubtful_renewal) {
                    Some(_) => " although they spoke since: compare codes before you allow it",
                    None => "",
                };
                format!("{} asks for their device to be renewed{way}", name(persona))
            }
            Effect::FollowAsked { persona, .. } => format!("{} asks to come over", name(persona)),
            Effect::Followed { persona, .. } => format!("{} came over", name(persona)),
            Effect::RenewalAllowed { persona } => format!("allowed the renewal of {}", name(persona)),
            Effect::Renewed { persona, .. } => format!("{}'s device was renewed", name(persona)),
            Effect::Answered => {
                "turned the keys back, because those that were set are not the room's".to_owned()
            }
            Effect::Vouched { persona, sphere } => {
                let word = state.charter().sphere_word(*sphere);
                format!("vouches for {} to become {word}", name(persona))
            }
            Effect::Promoted { persona, sphere } => {
                format!(
                    "promoted {} to {}",
                    name(persona),
                    state.charter().sphere_word(*sphere)
                )
            }
            Effect::Demoted {
                persona,
                sphere,
                reason,
            } => {
                let word = state.charter().sphere_word(*sphere);
                format!("set {} back to {word}{}", name(persona), because(reason))
            }
            Effect::Suspended { persona, reason } => {
                format!("suspended {} for a review{}", name(persona), because(reason))
            }
            Effect::Lifted { persona } => format!("ended the review of {}", name(persona)),
            Effect::PrinciplesSet {
                version, substance, ..
            } => {
                let word = &state.charter().words.principles;
                let asks = if *substance {
                    "everybody is asked to accept them"
                } else {
                    "nobody needs to accept them anew"
                };
                format!("set the {word}, version {version}: {asks}")
            }
            Effect::PrinciplesAccepted { persona, accepted } => {
                let word = &state.charter().words.principles;
                format!(
                    "{} accepted the {word}, version {}",
                    name(persona),
                    accepted.version
                )
            }
            Effect::HandedOver { office, holder, to } => {
                let word = state.charter().office_word(*office);
                if holder == to {
                    format!("{} is {word} for another term", name(to))
                } else {
                    format!("{} is {word} after {}", name(to), name(holder))
                }
            }
            Effect::RoomOpened { name, .. } => format!("opened the room \"{name}\""),
            Effect::RoomSucceeded { name, .. } => {
                format!("said that the room \"{name}\" goes on in a successor")
            }
            // What it changes for people shows where they are seated and unseated.
            Effect::Claimed { .. } if state.annex.is_none() => {
                quiet.push("said who belongs into another room");
                continue;
            }
            Effect::Claimed { .. } => match taken(state) {
                Some(line) => line,
                None => {
                    quiet.push("the roster of this room");
                    continue;
                }
            },
            Effect::Disputed { by, .. } => format!(
                "says that who belongs into this room, as {} signed it, is not what was decided",
                name(by)
            ),
            Effect::Recognized { persona, .. } => {
                format!("says that {} is {}", subject.unwrap_or("who asks"), name(persona))
            }
            Effect::Replaced { persona, .. } => format!(
                "put {} in the place of {}'s lost device",
                subject.unwrap_or("who asks"),
                name(persona)
            ),
            Effect::Objected { persona } => format!(
                "{} is heard: whoever asks to come in as {} is somebody else",
                name(persona),
                name(persona)
            ),
            Effect::Rekeyed { .. } => "changed the key of their persona: compare codes anew".to_owned(),
            Effect::StoodAside { office, aside } => {
                let word = state.charter().office_word(*office);
                if *aside {
                    format!("lets the office of {word} pass by")
                } else {
                    format!("would be {word} when it is their turn")
                }
            }
            Effect::Vacated { office, holder } => {
                format!(
                    "{} is {} no more",
                    name(holder),
                    state.charter().office_word(*office)
                )
            }
            Effect::Recalled { office, holder } => {
                format!(
                    "{} is recalled as {}",
                    name(holder),
                    state.charter().office_word(*office)
                )
            }
            Effect::Elected { office, holders } => {
                let names: Vec<_> = holders.iter().map(&name).collect();
                format!(
                    "elected as {}: {}",
                    state.charter().office_word(*office),
                    names.join(", ")
                )
            }
            Effect::CharterChanged { .. } => "the charter is another: caucus charter show".to_owned(),
            Effect::Proposed { proposal, title, .. } => match state.proposal(proposal) {
                Some(made) => format!("proposes {}: {title}", made.number),
                None => format!("proposes: {title}"),
            },
            Effect::Moved { proposal, moved } => match moved {
                Moved::Discussed { text } => {
                    let number = state.proposal(proposal).map_or(0, |made| made.number);
                    return Item::Discussed {
                        proposal: number,
                        text: text.clone(),
                    };
                }
                moved => decisions::moved(state, proposal, moved, subject),
            },
            Effect::Decided { proposal, carried } => decisions::decided(state, proposal, *carried),
            Effect::MeetingCalled {
                meeting, title, at, ..
            } => meetings::called(state, meeting, title, *at),
            Effect::Met { meeting, moved } => match meetings::moved(state, meeting, moved) {
                Item::Event(line) => line,
                item => return item,
            },
            Effect::Whispered { .. } => {
                quiet.push("asked somebody to talk alone");
                continue;
            }
            Effect::ControlNamed { .. } => {
                quiet.push("named a control key");
                continue;
            }
            Effect::OlderRemoved { .. } => {
                quiet.push("removed an old device");
                continue;
            }
            Effect::Refreshed => {
                quiet.push("renewed their keys");
                continue;
            }
        });
    }
    match (lines.as_slice(), quiet.as_slice()) {
        ([], []) => Item::Quiet("a notice".to_owned()),
        ([], quiet) => Item::Quiet(quiet.join("; ")),
        (lines, _) => Item::Event(lines.join("; ")),
    }
}

/// What a claim changed, as far as people see it.
fn taken(state: &State) -> Option<String> {
    let names = |which: &dyn Fn(&Person) -> bool| {
        let found = state.people.values().filter(|person| which(person));
        let names: Vec<_> = found.map(|person| person.name.as_str()).collect();
        names.join(", ")
    };
    let (coming, going) = (names(&Person::is_awaited), names(&Person::is_leaving));
    let coming = (!coming.is_empty()).then(|| format!("belonging here and not in yet: {coming}"));
    let going = (!going.is_empty()).then(|| format!("not belonging here any more: {going}"));
    let lines: Vec<_> = coming.into_iter().chain(going).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}
