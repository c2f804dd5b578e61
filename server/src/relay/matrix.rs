//! Case R-11: every capability against every operation, and against another channel.

use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::wire::{Access, Change, RefusedBecause, Role};

use crate::clock::Moment;
use crate::limits::Limits;
use crate::relay::append::{Scene, Wanted, append};
use crate::relay::change::change;
use crate::relay::cut::{Cutting, cut};
use crate::relay::guard::Guard;
use crate::relay::hold::hold;
use crate::relay::open::{Opening, open};
use crate::relay::pace::Pace;
use crate::relay::range::readable;
use crate::relay::sample::{NOW, Setting, public, spec};
use crate::store::ChannelUsage;

/// A key: whoever holds it, and what it is on channel number so and so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cap {
    Append,
    Read,
    Control,
    Stranger,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    Append,
    Read,
    Cut,
    Change,
}

const CAPS: [Cap; 4] = [Cap::Append, Cap::Read, Cap::Control, Cap::Stranger];
const OPERATIONS: [Operation; 4] = [
    Operation::Append,
    Operation::Read,
    Operation::Cut,
    Operation::Change,
];
const CHANNELS: u8 = 100;

fn secret(cap: Cap, channel: u8) -> [u8; 32] {
    let mut secret = [channel; 32];
    // Not the first byte: clamping (RFC 7748, section 5) drops its low bits.
    secret[1] = match cap {
        Cap::Append => 1,
        Cap::Read => 2,
        Cap::Control => 3,
        Cap::Stranger => 4,
    };
    secret
}

fn channel(number: u8) -> (ChannelId, Guard) {
    let mut spec = spec();
    spec.salt = [number; 32];
    spec.access = Access {
        append: public(secret(Cap::Append, number)),
        read: public(secret(Cap::Read, number)),
    };
    spec.controls[3] = public(secret(Cap::Control, number));
    (spec.id(), Guard::new(&spec, None, NOW))
}

fn may(cap: Cap, operation: Operation) -> bool {
    use Operation::{Append, Change, Cut, Read};
    match cap {
        Cap::Append => operation == Append,
        Cap::Read => operation == Read,
        Cap::Control => matches!(operation, Read | Cut | Change),
        Cap::Stranger => false,
    }
}

/// Whether an operation with a key is granted by the rules themselves, as if a handle had been got somehow.
fn granted(guard: &Guard, key: &[u8; 32], operation: Operation) -> bool {
    let limits = Limits::default();
    let mut pace = Pace::new(&limits, Moment(0));
    let scene = Scene {
        guard,
        usage: ChannelUsage::default(),
        limits: &limits,
        now: Moment(0),
    };
    match operation {
        Operation::Append => {
            let wanted = Wanted {
                key,
                counter: Counter(0),
                size: 1024,
                holder: false,
            };
            append(&scene, &wanted, &mut pace).is_ok()
        }
        Operation::Read => [Role::Append, Role::Read, Role::Control]
            .into_iter()
            .any(|role| !readable(guard, role, key).is_empty()),
        Operation::Cut => {
            let asked = Cutting {
                control: key,
                counter: Counter(0),
                size: 1024,
                access: &Access {
                    append: [1; 32],
                    read: [2; 32],
                },
                readers: &[],
            };
            let cuts = cut(&scene, &asked, &pace, Position(0)).is_ok();
            let holds = hold(guard, key, 10, &mut pace, Moment(0)).is_ok();
            assert_eq!(cuts, holds);
            cuts
        }
        Operation::Change => change(guard, &ChannelId([0; 32]), key, &Change::Delete, NOW).is_ok(),
    }
}

#[test]
fn each_capability_allows_its_operations_on_its_channel_and_nothing_else() {
    let channels: Vec<_> = (0..CHANNELS).map(channel).collect();
    for (number, (_, guard)) in (0..).zip(&channels) {
        for cap in CAPS {
            for operation in OPERATIONS {
                let own = granted(guard, &public(secret(cap, number)), operation);
                assert_eq!(own, may(cap, operation), "{cap:?} {operation:?}");
                let neighbour = public(secret(cap, (number + 1) % CHANNELS));
                assert!(!granted(guard, &neighbour, operation), "{cap:?} {operation:?}");
            }
        }
    }
}

#[test]
fn a_proof_opens_only_its_role_on_its_channel() {
    let setting = Setting::new();
    let (here, guard) = channel(0);
    let (there, other) = channel(1);
    let roles = [
        (Cap::Append, Role::Append),
        (Cap::Read, Role::Read),
        (Cap::Control, Role::Control),
        (Cap::Stranger, Role::Read),
    ];
    for (cap, own) in roles {
        let secret = secret(cap, 0);
        for asked in [Role::Append, Role::Read, Role::Control] {
            let opening = Opening {
                channel: here,
                role: asked,
                key: public(secret),
                proof: setting.proof(secret, &here, asked),
            };
            let expected = if cap != Cap::Stranger && asked == own {
                Ok(())
            } else {
                Err(RefusedBecause::NotOpened)
            };
            assert_eq!(open(Some(&guard), &opening, setting.verifier(), NOW), expected);
            // The proof of one role is none for another, even with the right key.
            let crossed = Opening { role: own, ..opening };
            let right = asked == own && cap != Cap::Stranger;
            let opened = open(Some(&guard), &crossed, setting.verifier(), NOW);
            assert_eq!(opened.is_ok(), right, "{cap:?} {asked:?}");
            let elsewhere = Opening {
                channel: there,
                ..opening
            };
            let refused = Err(RefusedBecause::NotOpened);
            assert_eq!(open(Some(&other), &elsewhere, setting.verifier(), NOW), refused);
            assert_eq!(open(Some(&guard), &elsewhere, setting.verifier(), NOW), refused);
            assert_eq!(open(None, &opening, setting.verifier(), NOW), refused);
        }
    }
}

#[test]
fn whoever_knows_only_the_public_key_opens_nothing() {
    let setting = Setting::new();
    let (here, guard) = channel(0);
    let forged = Opening {
        channel: here,
        role: Role::Control,
        key: public(secret(Cap::Control, 0)),
        proof: setting.proof(secret(Cap::Stranger, 0), &here, Role::Control),
    };
    let refused = open(Some(&guard), &forged, setting.verifier(), NOW);
    assert_eq!(refused, Err(RefusedBecause::NotOpened));
    let late = caucus_proto::id::Hours(NOW.0 + 401 * 24);
    let right = Opening {
        proof: setting.proof(secret(Cap::Control, 0), &here, Role::Control),
        ..forged
    };
    assert_eq!(open(Some(&guard), &right, setting.verifier(), NOW), Ok(()));
    assert_eq!(
        open(Some(&guard), &right, setting.verifier(), late),
        Err(RefusedBecause::NotOpened)
    );
}
