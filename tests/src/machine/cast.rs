//! People with keys, and the body they are in.

use caucus_client::charter;
use caucus_proto::codec;
use caucus_proto::id::{ChannelId, IntentId, Minutes, Nonce, PersonaId};
use caucus_proto::org::replace::rekey_digest;
use caucus_proto::org::{
    Application, Charter, Genesis, Kind, Name, PersonaPublic, ReplyDrop, Signature, Sphere, SuiteChoice,
};
use ed25519_dalek::{Signer, SigningKey};

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

/// The charter that comes with the program for a chapter, with shorter waits, so that a walk comes to what takes time. The
/// interpreter knows the numbers by itself.
fn charter() -> Charter {
    let mut charter = charter::read(charter::shipped(Kind::Chapter)).expect("a charter");
    charter.spheres = vec![Sphere::Member, Sphere::Cadre];
    charter.rooms.clear();
    charter.admission.sphere = Sphere::Member;
    charter.admission.vouches = 2;
    charter.vouching.days = 2;
    charter.vouching.a_month = 3;
    charter.cadre.vouches = 1;
    charter.cadre.days = 3;
    charter.principles.days = 14;
    charter.replacing.days = 1;
    charter
}

/// The same, with volunteers in a room of their own, and nothing waits.
pub(super) fn rooms(charter: &mut Charter) {
    let shipped = charter::read(charter::shipped(Kind::Chapter)).expect("a charter");
    charter.spheres = shipped.spheres;
    charter.rooms = shipped.rooms;
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

pub(super) fn genesis() -> Genesis {
    Genesis {
        kind: Kind::Chapter,
        label: Name::new("North").expect("a name"),
        suite: SuiteChoice::Hybrid,
        founder: public(0),
        founder_name: Name::new("Ana").expect("a name"),
        control: [4; 32],
        founded: Minutes(FOUNDED),
        charter: charter(),
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
pub(super) fn rekey_proof(persona: &PersonaId, old: [u8; 32], new: u32, signer: u32) -> Signature {
    let digest = rekey_digest(&genesis().room(), persona, &PersonaPublic(old), &public(new));
    key(signer).sign(&digest).to_bytes().into()
}

pub(super) fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    codec::encode(value, codec::LIMIT).expect("small enough")
}
