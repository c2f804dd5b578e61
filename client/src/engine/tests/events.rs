//! Nothing that changes who is in, who may what, or who can read happens without a line that a person sees.

use caucus_proto::id::{ChannelId, IntentId, Minutes, Position};
use caucus_proto::org::between::LinkStep;
use caucus_proto::org::{
    Accepted, Claim, Denied, Effect, MeetingMoved, Moved, Name, Office, Outcome, PersonaPublic, Remark,
    Roster, SignedClaim, Sphere, Subject, Wording,
};

use super::world::World;
use crate::engine::describe;
use crate::engine::record::Item;

/// How a person learns of an effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// A message.
    Words,
    /// A line of the log that everybody sees.
    Line,
    /// At the message that it is about.
    There,
    /// Only by whoever asks for everything; why.
    Asked(&'static str),
}

/// An effect of each kind. A new kind does not compile here before somebody said how it is shown.
fn shown(effect: &Effect) -> Shown {
    match effect {
        Effect::Said { .. } | Effect::Attached { .. } => Shown::Words,
        Effect::ControlNamed { .. } => {
            Shown::Asked("it fills a slot of the relay's, and gives nobody a power")
        }
        Effect::Whispered { .. } => Shown::Asked("it is between two people; nobody gets a power by it"),
        Effect::OlderRemoved { .. } => Shown::Asked("the renewal before it was shown; the person stays"),
        Effect::Refreshed => Shown::Asked("everybody does it by themselves, often; nothing else changes"),
        Effect::Invited { .. }
        | Effect::Revoked { .. }
        | Effect::Applied { .. }
        | Effect::Admitted { .. }
        | Effect::Declined { .. }
        | Effect::Removed { .. }
        | Effect::Left { .. }
        | Effect::FloorRaised { .. }
        | Effect::Seated { .. }
        | Effect::Unseated { .. }
        | Effect::RenewalAsked { .. }
        | Effect::RenewalAllowed { .. }
        | Effect::Renewed { .. }
        | Effect::FollowAsked { .. }
        | Effect::Followed { .. }
        | Effect::Answered
        | Effect::Vouched { .. }
        | Effect::Promoted { .. }
        | Effect::Demoted { .. }
        | Effect::Suspended { .. }
        | Effect::Lifted { .. }
        | Effect::PrinciplesSet { .. }
        | Effect::PrinciplesAccepted { .. }
        | Effect::HandedOver { .. }
        | Effect::RoomOpened { .. }
        | Effect::RoomSucceeded { .. }
        | Effect::Disputed { .. }
        | Effect::Recognized { .. }
        | Effect::Replaced { .. }
        | Effect::Objected { .. }
        | Effect::Rekeyed { .. }
        | Effect::StoodAside { .. }
        | Effect::Vacated { .. }
        | Effect::Recalled { .. }
        | Effect::Elected { .. }
        | Effect::CharterChanged { .. }
        | Effect::Proposed { .. }
        | Effect::Decided { .. }
        | Effect::MeetingCalled { .. } => Shown::Line,
        Effect::Relocated { .. } => Shown::Line,
        Effect::Between { step, .. } => match &**step {
            LinkStep::Custody { .. }
            | LinkStep::Entrust { .. }
            | LinkStep::Sealing { .. }
            | LinkStep::Editor { .. }
            | LinkStep::Turn { .. } => {
                Shown::Asked("keys follow what was decided; nobody gets a power by it")
            }
            _ => Shown::Line,
        },
        Effect::Remarked { remark } => match &**remark {
            Remark::Reply { .. } => Shown::Words,
            Remark::Pin { .. } | Remark::Vanish { .. } => Shown::Line,
            Remark::React { .. } | Remark::Edit { .. } | Remark::Unsay { .. } => Shown::There,
        },
        Effect::Met { moved, .. } => match moved {
            MeetingMoved::Minuted { .. } => Shown::Words,
            _ => Shown::Line,
        },
        Effect::Moved { moved, .. } => match moved {
            Moved::Discussed { .. } => Shown::Words,
            _ => Shown::Line,
        },
        Effect::Claimed { .. } => {
            Shown::Asked("whom it lets in or puts out is shown in the room that it is for")
        }
    }
}

fn claim(world: &mut World) -> SignedClaim {
    SignedClaim {
        by: world.people[1].id(),
        claim: Claim {
            room: world.room(0).id(),
            number: 1,
            roster: Roster {
                position: Position(1),
                governing: ChannelId([4; 32]),
                people: Vec::new(),
                authority: Vec::new(),
                offices: Vec::new(),
                principles: None,
                amended: None,
            },
        },
        signature: [0; 64].into(),
    }
}

fn effects(world: &mut World) -> Vec<Effect> {
    let (persona, to) = (world.people[1].id(), world.people[0].id());
    let (invite, key_package, leaf, sphere) = (IntentId([1; 16]), [2; 32], [3; 32], Sphere::Cadre);
    let reason = String::new();
    let wording = Wording {
        language: "en".to_owned(),
        text: "be kind".to_owned(),
    };
    vec![
        Effect::Said {
            text: "hello".to_owned(),
        },
        Effect::Invited {
            invite,
            uses: 1,
            expires: Minutes(9),
            drop: ChannelId([4; 32]),
        },
        Effect::Revoked { invite },
        Effect::Applied {
            persona,
            key: PersonaPublic([5; 32]),
            name: Name::new("ben").unwrap(),
            invite,
            key_package,
            claims: None,
        },
        Effect::Admitted {
            persona,
            invite,
            key_package,
            sponsors: vec![to],
        },
        Effect::Declined {
            persona,
            reason: reason.clone(),
        },
        Effect::Removed {
            persona,
            reason: reason.clone(),
        },
        Effect::Left { persona },
        Effect::ControlNamed { key: [6; 32] },
        Effect::FloorRaised { feature: 2 },
        Effect::Seated { persona, leaf },
        Effect::Unseated { persona },
        Effect::Refreshed,
        Effect::RenewalAsked {
            persona,
            read: Position(1),
            key_package,
        },
        Effect::RenewalAllowed { persona },
        Effect::Renewed { persona, leaf },
        Effect::FollowAsked {
            persona,
            asked: Minutes(9),
            key_package,
        },
        Effect::Followed { persona, leaf },
        Effect::OlderRemoved { persona },
        Effect::Answered,
        Effect::Vouched { persona, sphere },
        Effect::Promoted { persona, sphere },
        Effect::Demoted {
            persona,
            sphere,
            reason: reason.clone(),
        },
        Effect::Suspended { persona, reason },
        Effect::Lifted { persona },
        Effect::PrinciplesSet {
            version: 1,
            texts: vec![wording.clone()],
            substance: true,
        },
        Effect::PrinciplesAccepted {
            persona,
            accepted: Accepted {
                version: 1,
                language: "en".to_owned(),
                hash: wording.hash(),
            },
        },
        Effect::HandedOver {
            office: Office::Caretaker,
            holder: persona,
            to,
        },
        Effect::RoomOpened {
            name: Name::new("core").unwrap(),
            channel: ChannelId([4; 32]),
        },
        Effect::RoomSucceeded {
            name: Name::new("core").unwrap(),
            channel: ChannelId([5; 32]),
        },
        Effect::Claimed {
            name: Name::new("core").unwrap(),
            signed: Box::new(claim(world)),
            hash: [7; 32],
        },
        Effect::Disputed {
            number: 1,
            by: persona,
        },
        Effect::Recognized {
            applicant: to,
            persona,
        },
        Effect::Replaced {
            persona,
            applicant: to,
            key: PersonaPublic([5; 32]),
            invite,
            key_package,
        },
        Effect::Objected { persona },
        Effect::Rekeyed {
            key: PersonaPublic([5; 32]),
        },
        Effect::StoodAside {
            office: Office::Caretaker,
            aside: true,
        },
        Effect::Vacated {
            office: Office::Caretaker,
            holder: persona,
        },
        Effect::Recalled {
            office: Office::Caretaker,
            holder: persona,
        },
        Effect::Elected {
            office: Office::Caretaker,
            holders: vec![persona],
        },
        Effect::CharterChanged {
            charter: Box::new(world.room(0).state().charter().clone()),
        },
        Effect::Proposed {
            proposal: invite,
            title: "a hall".to_owned(),
            text: String::new(),
            subject: Box::new(Subject::Text),
        },
        Effect::Moved {
            proposal: invite,
            moved: Moved::Supported,
        },
        Effect::Decided {
            proposal: invite,
            carried: true,
        },
        Effect::MeetingCalled {
            meeting: invite,
            title: "the winter".to_owned(),
            at: Minutes(9),
            agenda: Vec::new(),
        },
        Effect::Met {
            meeting: invite,
            moved: MeetingMoved::Given { persona },
        },
        Effect::Remarked {
            remark: Box::new(Remark::Vanish { hours: 24 }),
        },
        Effect::Whispered { sealed: vec![1] },
    ]
}

#[test]
fn whatever_changes_who_is_in_or_may_what_is_a_line_that_everybody_sees_and_names_them() {
    let mut world = World::cell(&["ana", "ben"]);
    let effects = effects(&mut world);
    let kinds: std::collections::BTreeSet<_> = effects.iter().map(|effect| format!("{effect:?}")).collect();
    assert_eq!(kinds.len(), effects.len(), "each kind once");
    let state = world.room(0).state().clone();
    let mut quiet = 0;
    for effect in &effects {
        let item = describe::item(&state, &Outcome::Done(vec![effect.clone()]), Some("ben"));
        match (shown(effect), &item) {
            (Shown::Words, Item::Said(text)) => assert_eq!(text, "hello"),
            (Shown::Line, Item::Event(line)) => {
                let names = !matches!(
                    effect,
                    Effect::Invited { .. }
                        | Effect::Revoked { .. }
                        | Effect::FloorRaised { .. }
                        | Effect::Answered
                        | Effect::PrinciplesSet { .. }
                        | Effect::RoomOpened { .. }
                        | Effect::RoomSucceeded { .. }
                        | Effect::Rekeyed { .. }
                        | Effect::StoodAside { .. }
                        | Effect::CharterChanged { .. }
                        | Effect::Proposed { .. }
                        | Effect::Decided { .. }
                        | Effect::MeetingCalled { .. }
                        | Effect::Remarked { .. }
                );
                assert!(!line.is_empty());
                assert_eq!(line.contains("ben"), names, "{effect:?}: {line}");
            }
            (Shown::Asked(why), Item::Quiet(_)) => {
                assert!(!why.is_empty());
                quiet += 1;
            }
            (shown, item) => panic!("{effect:?} is {shown:?}, and here {item:?}"),
        }
        // Beside something quiet it is not hidden either.
        for hush in effects
            .iter()
            .filter(|hush| matches!(shown(hush), Shown::Asked(_)))
        {
            if shown(effect) == Shown::Line {
                let beside = Outcome::Done(vec![effect.clone(), hush.clone()]);
                let item = describe::item(&state, &beside, Some("ben"));
                assert!(
                    matches!(item, Item::Event(_)),
                    "{hush:?} hides {effect:?}: {item:?}"
                );
            }
        }
    }
    assert_eq!(quiet, 5);
    let refused = describe::item(&state, &Outcome::NoOp(Denied::Oneself), None);
    assert_eq!(refused, Item::NoOp(Denied::Oneself));
}
