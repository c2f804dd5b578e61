//! People with keys, and the body they are in.

use std::sync::LazyLock;

use caucus_client::charter;
use caucus_proto::codec;
use caucus_proto::id::{ChannelId, IntentId, Minutes, Nonce, PersonaId};
use caucus_proto::org::charter::OfficeRule;
use caucus_proto::org::replace::rekey_digest;
use caucus_proto::org::{
    Application, Base, Charter, Filling, Genesis, Kind, Name, Office, PersonaPublic, PollRule, Polls, Power,
    RelayName, ReplyDrop, Share, Signature, Sphere, SuiteChoice,
};
use ed25519_dalek::{Signer, SigningKey};

use super::rules::{Part, Post, Rule, Rules, Whole};

/// When the body was founded.
pub(super) const FOUNDED: u64 = 29_000_000;

pub(super) fn key(seed: u32) -> SigningKey {
    let mut bytes = [0x5a; 32];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    SigningKey::from_bytes(&bytes)
}

pub(super) fn public(seed: u32) -> PersonaPublic {
    PersonaPublic(key(seed).verifying_key().to_bytes())
}

pub(super) fn persona(seed: u32) -> PersonaId {
    PersonaId::of(&public(seed).0)
}

pub(super) fn intent(n: u32) -> IntentId {
    let mut bytes = [0xee; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    IntentId(bytes)
}

/// The charter that comes with the program for a chapter.
fn shipped() -> &'static Charter {
    static SHIPPED: LazyLock<Charter> =
        LazyLock::new(|| charter::read(charter::shipped(Kind::Chapter)).expect("a charter"));
    &SHIPPED
}

/// The same, with the rules that the interpreter knows by itself.
/// The relay of this number in a charter.
pub(super) fn relay(number: usize) -> RelayName {
    RelayName::try_from(format!("caucus://{number}")).expect("an address")
}

pub(super) fn charter_by(rules: &Rules) -> Charter {
    let number = |number: usize| u16::try_from(number).expect("small");
    let days = |days: u64| u16::try_from(days).expect("few");
    let stage = |stage: u8| if stage == 1 { Sphere::Member } else { Sphere::Cadre };
    let share = |part: Part| Share {
        part: part.part,
        of: part.of,
        more: part.more,
    };
    let rule = |rule: &Rule| PollRule {
        sphere: stage(rule.stage),
        principles: rule.accepted,
        threshold: share(rule.threshold),
        base: match rule.whole {
            Whole::Votes => Base::Cast,
            Whole::Ballots => Base::Present,
            Whole::Everybody => Base::Electorate,
        },
        quorum: share(rule.quorum),
        days: days(rule.days),
    };
    let power = |word: &&str| {
        *Power::ALL
            .iter()
            .find(|power| power.word() == *word)
            .expect("a power")
    };
    let office = |post: &Post| OfficeRule {
        seats: number(post.seats),
        days: days(post.days),
        sphere: stage(post.stage),
        powers: post.powers.iter().map(power).collect(),
        filling: if post.elected {
            Filling::Election
        } else {
            Filling::Rotation
        },
        terms: post.terms,
    };
    let mut charter = shipped().clone();
    charter.absent = number(rules.absent);
    charter.spheres = vec![Sphere::Member, Sphere::Cadre];
    charter.spheres.truncate(if rules.two_stages { 2 } else { 1 });
    charter.rooms.clear();
    charter.admission.sphere = Sphere::Member;
    charter.admission.vouches = number(rules.admission_words);
    charter.vouching.days = days(rules.word_days);
    charter.vouching.a_month = number(rules.words_a_month);
    charter.cadre.vouches = number(rules.cadre_words);
    charter.cadre.days = days(rules.cadre_days);
    charter.principles.days = days(rules.accept_days);
    charter.review.days = days(rules.review_days);
    charter.replacing.vouches = number(rules.replace_words);
    charter.replacing.days = days(rules.replace_days);
    charter.relays.alternates = (0..rules.relays).map(relay).collect();
    charter.polls = Polls {
        support: number(rules.support),
        grace: days(rules.grace),
        leavers: rules.leavers,
        suspended: rules.suspended,
        silent: days(rules.silent),
        light: rules.light,
        ordinary: rule(&rules.words),
        people: rule(&rules.people),
        rules: rule(&rules.rules),
    };
    charter.offices.clear();
    for post in &rules.posts {
        match post.office {
            Office::Caretaker => charter.caretaker = office(post),
            Office::Keyholder => charter.keyholder = office(post),
            other => drop(charter.offices.insert(other, office(post))),
        }
    }
    charter
}

/// A charter with volunteers in a room of their own, where nothing waits.
pub(super) fn rooms(charter: &mut Charter) {
    charter.spheres.clone_from(&shipped().spheres);
    charter.rooms.clone_from(&shipped().rooms);
    charter.admission.sphere = Sphere::Volunteer;
    charter.admission.vouches = 0;
    for step in [&mut charter.member, &mut charter.cadre] {
        step.vouches = 0;
        step.days = 0;
        step.principles = false;
    }
    charter.check().expect("a charter");
}

/// What somebody of this seed calls themselves.
pub(super) fn name(seed: u32) -> Name {
    let text = if seed == 0 {
        "Ana".to_owned()
    } else {
        format!("Person {seed}")
    };
    Name::new(&text).expect("a name")
}

/// With the founding's caretaker and keyholders alone.
pub(super) fn genesis() -> Genesis {
    genesis_by(&Rules::founding(0))
}

pub(super) fn genesis_by(rules: &Rules) -> Genesis {
    Genesis {
        kind: Kind::Chapter,
        label: Name::new("North").expect("a name"),
        suite: SuiteChoice::Hybrid,
        founder: public(0),
        founder_name: Name::new("Ana").expect("a name"),
        control: [4; 32],
        founded: Minutes(FOUNDED),
        charter: charter_by(rules),
        nonce: Nonce([6; 16]),
    }
}

pub(super) fn application(seed: u32, name: &str, invite: IntentId, claims: Option<&str>) -> Application {
    let mut application = Application {
        invite,
        key: public(seed),
        name: Name::new(name).expect("a name"),
        word: "let me in".to_owned(),
        key_package: seed.to_be_bytes().repeat(8),
        reply: ReplyDrop {
            channel: ChannelId([8; 32]),
            append: [9; 32],
            sealing: vec![10; 40],
        },
        claims: claims.map(|name| Name::new(name).expect("a name")),
        signature: Signature::from([0; 64]),
    };
    application.signature = key(seed).sign(&application.digest()).to_bytes().into();
    application
}

/// What the key of one number signs for a change from this key to that of another number.
pub(super) fn rekey_proof(
    rules: &Rules,
    persona: &PersonaId,
    old: [u8; 32],
    new: u32,
    signer: u32,
) -> Signature {
    let digest = rekey_digest(
        &genesis_by(rules).room(),
        persona,
        &PersonaPublic(old),
        &public(new),
    );
    key(signer).sign(&digest).to_bytes().into()
}

pub(super) fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    codec::encode(value, codec::LIMIT).expect("small enough")
}
