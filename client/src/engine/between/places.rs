//! Where letters over a link are dropped: where the link was made, or, since a body went to another relay, in a drop there
//! that both bodies find by what the link's first one is appended by. Whoever reads it makes it; that it is there says that
//! its body went there, now or at another time.

use caucus_proto::envelope::SiteSeed;
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::org::RelayName;
use caucus_proto::org::between::{End, Link, LinkSecret, Peer};
use caucus_proto::wire::{Access, ChannelSpec, RefusedBecause, RelayAddress};
use x25519_dalek::PublicKey;

use super::keys::drop_key;
use crate::engine::blob::random_controls;
use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::relay::patiently;
use crate::relay::{Connection, LinkError};

/// A drop.
pub(super) struct DropPlace {
    pub relay: RelayAddress,
    pub channel: ChannelId,
    /// What it is made from, where it is not the one that the link was made with.
    pub seed: Option<SiteSeed>,
}

impl DropPlace {
    fn first(relay: &str, channel: ChannelId) -> Option<Self> {
        Some(Self {
            relay: relay.parse().ok()?,
            channel,
            seed: None,
        })
    }

    fn at(relay: &RelayName, append: &LinkSecret) -> Option<Self> {
        let seed = SiteSeed::drop_at(&append.0, relay.as_str());
        Some(Self {
            relay: relay.as_str().parse().ok()?,
            channel: seed.channel(),
            seed: Some(seed),
        })
    }

    /// Where letters to this body come in.
    pub(super) fn ours(link: &Link) -> Option<Self> {
        match &link.site {
            Some(relay) => Self::at(relay, &link.ours.append),
            None => Self::first(&link.ours.relay, link.ours.drop),
        }
    }

    /// Where the other body is written to, as far as it said.
    pub(super) fn theirs(peer: &Peer) -> Option<Self> {
        match &peer.site {
            Some(relay) => Self::at(relay, &peer.card.append),
            None => Self::first(&peer.card.relay, peer.card.drop),
        }
    }

    /// Where else than here the other body may have gone, in its order: also back to the relay of here, in another drop.
    pub(super) fn alternates(&self, peer: &Peer) -> Vec<Self> {
        let named = peer.alternates.iter();
        named
            .filter_map(|relay| Self::at(relay, &peer.card.append))
            .filter(|place| place.channel != self.channel)
            .collect()
    }

    /// Makes the drop where letters to this body come in. Somebody else of the body may have been faster.
    pub(super) async fn make(
        &self,
        engine: &Engine,
        connection: &Connection,
        ours: &End,
    ) -> Result<(), EngineError> {
        let Some(seed) = &self.seed else { return Ok(()) };
        let (creation, life) = (seed.creation(), connection.info().await?.plain);
        let public = |secret: &LinkSecret| PublicKey::from(&drop_key(secret)).to_bytes();
        let spec = ChannelSpec {
            creation_key: PublicKey::from(&creation).to_bytes(),
            salt: seed.salt(),
            access: Access {
                append: public(&ours.append),
                read: public(&ours.read),
            },
            // Nobody needs its control: it goes when nobody has used it for long.
            controls: random_controls()?,
            solo: true,
            plain: life,
            flagged: life,
            counter: Counter(0),
            after: Position(0),
        };
        let pass = engine.take_pass(&self.relay);
        match patiently(|| connection.create(&spec, &creation, pass)).await {
            Ok(_) | Err(LinkError::Refused(RefusedBecause::Exists)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
