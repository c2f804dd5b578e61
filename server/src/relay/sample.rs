//! A channel for the stories of the rules.

use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::proof::{Binding, Purpose};
use caucus_proto::wire::{Access, ChannelSpec, Control, Proof, Retention, Role, SLOTS};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::relay::guard::Guard;
use crate::relay::open::Verifier;

pub(crate) const NOW: Hours = Hours(480_000);
pub(crate) const APPEND: [u8; 32] = [31; 32];
pub(crate) const READ: [u8; 32] = [32; 32];
pub(crate) const CONTROL: Control = [40; 32];
pub(crate) const CREATION_SECRET: [u8; 32] = [7; 32];

pub(crate) fn other_control() -> Control {
    [41; 32]
}

pub(crate) fn public(secret: [u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(secret)).to_bytes()
}

pub(crate) fn spec() -> ChannelSpec {
    let mut controls = [[0; 32]; SLOTS];
    for (byte, slot) in (40..).zip(&mut controls) {
        *slot = [byte; 32];
    }
    ChannelSpec {
        creation_key: public(CREATION_SECRET),
        salt: [2; 32],
        access: Access {
            append: APPEND,
            read: READ,
        },
        controls,
        solo: false,
        plain: Retention::Month,
        flagged: Retention::Quarter,
        counter: Counter(0),
        after: Position(0),
    }
}

pub(crate) fn guard() -> Guard {
    Guard::new(&spec(), None, NOW)
}

/// A relay's proof key and a connection's binding.
pub(crate) struct Setting {
    secret: StaticSecret,
    binding: Binding,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let secret = StaticSecret::from([1; 32]);
        let binding = Binding {
            relay_key: PublicKey::from(&secret).to_bytes(),
            exporter: [3; 32],
        };
        Self { secret, binding }
    }

    pub(crate) fn verifier(&self) -> Verifier<'_> {
        Verifier {
            secret: &self.secret,
            binding: &self.binding,
        }
    }

    pub(crate) fn proof_of_creation(&self, spec: &ChannelSpec) -> Proof {
        let secret = StaticSecret::from(CREATION_SECRET);
        Proof::make(&secret, &spec.id(), Purpose::Create, &self.binding).unwrap()
    }

    pub(crate) fn proof(&self, secret: [u8; 32], channel: &ChannelId, role: Role) -> Proof {
        Proof::make(
            &StaticSecret::from(secret),
            channel,
            Purpose::Open(role),
            &self.binding,
        )
        .unwrap()
    }
}
