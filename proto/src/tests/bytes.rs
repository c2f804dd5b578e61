//! Byte for byte: what is sent, signed, derived or kept does not change by accident. A change here is a
//! change of the protocol: old rooms, vaults and relays no longer understand it.

use core::fmt::Write;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};

use super::made::{Maker, every_type};
use crate::codec::{self, LIMIT};
use crate::envelope::{self, AccessSecret, Body, Content, LinkKeys, SiteSeed};
use crate::id::{
    BodyId, ChannelId, Counter, EntryHash, Minutes, Nonce, PersonaId, Position, RoomId, StateRoot,
};
use crate::org::between::{FeedHead, MOST_FEED_HEADS};
use crate::org::tests::world::{World, application, encoded, genesis, intent, persona, public};
use crate::org::{
    Deed, Head, Notice, NoticeKind, Running, SafetyCode, Signature, SignedHead, SignedNotice, State,
};
use crate::wire::frame::frame;
use crate::wire::proof::{Binding, Purpose};
use crate::wire::{Answer, Answered, Asked, Change, Hello, Pass, Proof, Request, Role};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

#[test]
fn every_type_and_variant_keeps_its_bytes() {
    let mut text = String::new();
    macro_rules! all {
        ($($name:ty),* $(,)?) => { $({
            let mut variant = 0;
            loop {
                let mut maker = Maker::counting(variant);
                let value = maker.make::<$name>().unwrap();
                let bytes = codec::encode(&value, LIMIT).unwrap();
                let name = stringify!($name).replace("crate::", "");
                writeln!(text, "{name} {variant} {}", hex(bytes)).unwrap();
                variant += 1;
                if usize::try_from(variant).unwrap() >= maker.variants {
                    break;
                }
            }
        })* };
    }
    every_type!(all);
    insta::assert_snapshot!("types", text);
}

#[test]
fn frames_keep_their_bytes() {
    let mut text = String::new();
    let asked = Asked {
        tag: 300,
        request: Request::Append {
            handle: 1,
            counter: Counter(2),
            bytes: b"sealed".as_slice().into(),
        },
    };
    let answered = Answered {
        tag: 300,
        answer: Answer::Stored {
            position: Position(41),
        },
    };
    let hello = Hello { versions: vec![1, 2] };
    for frame in [frame(&hello), frame(&asked), frame(&answered)] {
        writeln!(text, "{}", hex(frame.unwrap())).unwrap();
    }
    assert_eq!(
        text,
        "00000003020102\n0000000dfb012c030102067365616c6564\n00000005fb012c0229\n"
    );
}

#[test]
fn hashes_digests_and_derived_keys_keep_their_bytes() {
    let mut text = String::new();
    let mut put = |name: &str, bytes: &[u8]| writeln!(text, "{name:<22} {}", hex(bytes)).unwrap();

    let (room, channel) = (RoomId([1; 32]), ChannelId([2; 32]));
    put("channel id", ChannelId::of(&[3; 32], &[4; 32]).as_bytes());
    put("persona id", PersonaId::of(&[5; 32]).as_bytes());
    put("room id", RoomId::of(&BodyId([6; 32]), "members").as_bytes());
    put("entry hash", EntryHash::of(b"bytes").as_bytes());
    put("genesis", &encoded(&genesis()));
    put("body id", genesis().body().as_bytes());
    let running = Running::start(&room);
    put("running start", &running.0);
    put(
        "running then",
        &running.then(Position(1), Counter(0), 2, b"bytes").0,
    );
    put("change id", &Change::Delete.id(&channel).0);

    let head = Head {
        position: Position(300),
        running,
        epoch: 5,
        authenticator: [7; 32],
        root: StateRoot([8; 32]),
        time: Minutes(29_000_000),
        body: Body::Mls(b"mls".to_vec()).digest(),
    };
    put("head digest", &SignedHead::digest(&room, &persona(0), &head));
    let notice = Notice {
        kind: NoticeKind::Heartbeat,
        nonce: Nonce([9; 16]),
    };
    put(
        "notice digest",
        &SignedNotice::digest(&room, &persona(0), &notice),
    );
    let apply = application(1, "Ben", intent(1));
    put("application digest", &apply.digest());
    put("key package hash", &apply.key_package_hash());
    put("application signature", &encoded(&apply.signature));

    let secret = AccessSecret::from_bytes([10; 32]);
    put(
        "exporter context",
        &AccessSecret::exporter_context(&channel, Counter(3)),
    );
    put("append key", &secret.append_key().to_bytes());
    put("read key", &secret.read_key().to_bytes());
    put("append public", &secret.access().append);
    put("read public", &secret.access().read);
    put("envelope key", secret.envelope_key().bytes());
    let invite = secret.invite(&intent(1));
    put("invite read key", &invite.read.to_bytes());
    put("invite sealing seed", invite.sealing.bytes());
    let link = LinkKeys::of(&[11; 16]);
    put("link card read key", &link.card_read.to_bytes());
    put("link card key", link.card.bytes());
    put("link drop append key", &link.drop_append.to_bytes());
    let drop = SiteSeed::drop_at(&[18; 32], "caucus://key@relay.example:4433");
    put("drop of a moved link", drop.bytes());
    let copy = secret.copy("caucus://key@relay.example:4433").keys();
    put("copy channel", copy.channel().as_bytes());
    put("copy append key", &copy.append.to_bytes());
    put("copy read key", &copy.read.to_bytes());
    put("copy envelope key", copy.envelope.bytes());
    let refuge = secret.refuge().keys();
    put("refuge channel", refuge.channel().as_bytes());

    let content = Content {
        head: SignedHead {
            author: persona(0),
            head,
            signature: Signature::from([12; 64]),
        },
        body: Body::Mls(b"mls".to_vec()),
    };
    put("content", &encoded(&content));
    let sealed = envelope::seal(&secret.envelope_key(), &channel, Counter(3), [13; 24], &content).unwrap();
    put("sealed, hashed", &Sha256::digest(&sealed));

    let relay = StaticSecret::from([14; 32]);
    let binding = Binding {
        relay_key: PublicKey::from(&relay).to_bytes(),
        exporter: [15; 32],
    };
    for (name, purpose) in [
        ("proof create", Purpose::Create),
        ("proof append", Purpose::Open(Role::Append)),
        ("proof read", Purpose::Open(Role::Read)),
        ("proof control", Purpose::Open(Role::Control)),
    ] {
        let proof = Proof::make(&secret.append_key(), &channel, purpose, &binding).unwrap();
        put(name, &proof.0);
    }
    put("pass", &encoded(&Pass::mint(&[16; 32], 20_000, [17; 16])));
    let code = SafetyCode::of(
        &genesis().body(),
        (&persona(0), &public(0)),
        (&persona(1), &public(1)),
    );
    writeln!(text, "safety code            {code}").unwrap();
    insta::assert_snapshot!("derived", text);
}

#[test]
fn the_state_of_a_small_history_keeps_its_root_and_its_snapshot() {
    let mut world = World::new();
    let mut text = String::new();
    let mut put = |name: &str, state: &State| writeln!(text, "{name:<10} {}", state.root()).unwrap();
    put("founded", &world.state);
    world.joins(1);
    put("two", &world.state);
    world.joins(2);
    world.says(1);
    put("three", &world.state);
    let deed = Deed::Remove {
        persona: persona(1),
        reason: "gone".to_owned(),
    };
    world.does(0, &deed);
    put("removed", &world.state);
    world.commits(2, &World::unseat(1), false);
    put("uncut", &world.state);
    let invite = world.invites(0, 3);
    world.applies(0, 3, "Dora", invite);
    put("waiting", &world.state);
    let snapshot = world.state.snapshot().unwrap();
    assert_eq!(State::from_snapshot(&snapshot), Ok(world.state));
    writeln!(text, "snapshot   {}", hex(snapshot)).unwrap();
    insta::assert_snapshot!("history", text);
}

#[test]
fn an_entry_on_the_wire_has_one_of_the_seven_sizes_and_opens_only_where_it_was_sealed() {
    let key = AccessSecret::from_bytes([1; 32]).envelope_key();
    let other = AccessSecret::from_bytes([2; 32]).envelope_key();
    let channel = ChannelId([3; 32]);
    for len in (0..300)
        .chain((960..1000).chain(4030..4070))
        .chain([65_000, 65_492, 65_493, 262_100])
    {
        let content = vec![7; len];
        let sealed = envelope::seal_bytes(&key, &channel, Counter(4), [5; 24], &content).unwrap();
        assert!(crate::wire::bucket::is_bucket(sealed.len()));
        let open = |key, channel: &ChannelId, counter, bytes: &[u8]| {
            envelope::open_bytes(key, channel, Counter(counter), bytes)
        };
        assert_eq!(open(&key, &channel, 4, &sealed), Ok(content));
        assert!(open(&other, &channel, 4, &sealed).is_err());
        assert!(open(&key, &ChannelId([4; 32]), 4, &sealed).is_err());
        assert!(open(&key, &channel, 5, &sealed).is_err());
        assert!(open(&key, &channel, 4, &sealed[..sealed.len() - 1]).is_err());
        let mut bent = sealed.clone();
        bent[len % sealed.len()] ^= 1;
        assert!(open(&key, &channel, 4, &bent).is_err());
    }
    assert!(envelope::seal_bytes(&key, &channel, Counter(4), [5; 24], &vec![7; 262_101]).is_err());
    assert_eq!(
        envelope::seal_bytes(&key, &channel, Counter(4), [0; 24], b"x"),
        Err(crate::error::Misuse::NoRandomness)
    );
}

#[test]
fn an_entry_that_is_cut_short_or_made_longer_opens_nowhere() {
    let key = AccessSecret::from_bytes([1; 32]).envelope_key();
    let channel = ChannelId([3; 32]);
    let opens = |bytes: &[u8]| envelope::open_bytes(&key, &channel, Counter(4), bytes).is_ok();
    let sealed = |len| envelope::seal_bytes(&key, &channel, Counter(4), [5; 24], &vec![7; len]).unwrap();
    let (small, large) = (sealed(100), sealed(4_000));
    assert!(opens(&small) && opens(&large));
    for by in 1..=32 {
        for bytes in [&small, &large] {
            assert!(!opens(&bytes[..bytes.len() - by]));
            assert!(!opens(&bytes[by..]));
            assert!(!opens(&[bytes.as_slice(), &vec![0; by]].concat()));
        }
    }
    // To another bucket, so that the length alone tells nothing.
    assert!(!opens(&large[..small.len()]));
    assert!(!opens(
        &[small.as_slice(), &vec![0; large.len() - small.len()]].concat()
    ));
}

#[test]
fn a_heartbeat_fills_the_smallest_bucket_with_as_many_heads_of_bulletins_as_it_may_carry_and_not_with_one_more()
 {
    let key = AccessSecret::from_bytes([1; 32]).envelope_key();
    let size = |heads: usize| {
        let longest = FeedHead {
            link: u32::MAX,
            number: u64::MAX,
            hash: [1; 32],
        };
        let notice = Notice {
            kind: NoticeKind::Heard(vec![longest; heads]),
            nonce: Nonce([9; 16]),
        };
        let body = Body::Notice(SignedNotice {
            author: persona(0),
            notice,
            signature: Signature::from([12; 64]),
        });
        let head = Head {
            position: Position(u64::MAX),
            running: Running([2; 32]),
            epoch: u64::MAX,
            authenticator: [7; 32],
            root: StateRoot([8; 32]),
            time: Minutes(u64::MAX),
            body: body.digest(),
        };
        let head = SignedHead {
            author: persona(0),
            head,
            signature: Signature::from([12; 64]),
        };
        let content = Content { head, body };
        envelope::seal(&key, &ChannelId([3; 32]), Counter(4), [5; 24], &content)
            .unwrap()
            .len()
    };
    assert_eq!(size(MOST_FEED_HEADS), 1024);
    assert_eq!(size(0), 1024);
    assert_eq!(size(MOST_FEED_HEADS + 1), 4096);
}
