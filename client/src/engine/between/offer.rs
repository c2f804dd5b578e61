//! Offering a link and accepting one. What is handed over is short: where the offer lies, sealed, and what opens it.

use core::fmt;
use core::str::FromStr;
use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::id::{IntentId, Minutes};
use caucus_proto::org::between::{End, LinkStep, Offer, Reading, SignedOffer, Terms};
use caucus_proto::org::{Deed, Denied};
use caucus_proto::wire::RelayAddress;
use serde::{Deserialize, Serialize};
use x25519_dalek::StaticSecret;

use super::keys::{access, draw_drop};
use crate::engine::blob::{self, BlobRef};
use crate::engine::engine::Engine;
use crate::engine::errand::Errand;
use crate::engine::error::EngineError;
use crate::engine::invite;
use crate::engine::lanes::Purpose;
use crate::engine::link::{LinkError, read_link, write_link};
use crate::engine::live::{Fate, LiveRoom};
use crate::engine::random;
use crate::relay::Connection;
use caucus_proto::org::between::LinkSecret;

/// How an offer begins.
const SCHEME: &str = "caucus-link:";

/// Where an offer lies, and what opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferLink {
    /// The relay.
    pub relay: RelayAddress,
    /// The sealed offer.
    pub blob: BlobRef,
}

impl fmt::Display for OfferLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_link(SCHEME, self, f)
    }
}

impl FromStr for OfferLink {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        read_link(SCHEME, text)
    }
}

impl fmt::Debug for OfferLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfferLink(..)")
    }
}

impl Engine {
    /// Makes what a body speaks by, where it has none: root key, sealing key, bulletin.
    ///
    /// # Errors
    /// `EngineError`.
    pub async fn open_house(&self, live: &LiveRoom, patience: Duration) -> Result<(), EngineError> {
        let none = live.room().state().between.house().is_none();
        if none {
            let step = {
                let mut room = live.room();
                room.may_act()?;
                room.with_link_power()?;
                room.draw_root(1, None)?
            };
            landed(live.act(&between(step), patience).await)?;
        }
        let sealing = {
            let room = live.room();
            let (state, house) = (room.state(), room.state().between.house());
            let named = house.and_then(|house| house.sealing.as_ref());
            let due = named.is_none_or(|(of, _)| *of != state.access);
            due.then(|| (state.access, room.sealing_public()))
        };
        if let Some((access, public)) = sealing {
            landed(
                live.act(&between(LinkStep::Sealing { access, public }), patience)
                    .await,
            )?;
        }
        let bulletin = live
            .room()
            .state()
            .between
            .house()
            .is_some_and(|house| house.bulletin.is_some());
        if !bulletin {
            let relay = live.room().record().relay.to_string();
            let (reading, publishing) = self.make_bulletin(live, relay, 1).await?;
            let reading = Box::new(reading);
            landed(
                live.act(&between(LinkStep::Turn { reading, publishing }), patience)
                    .await,
            )?;
        }
        Ok(())
    }

    /// Where there is none yet, a bulletin is opened by whoever may.
    ///
    /// # Errors
    /// `EngineError`.
    pub async fn open_bulletin(&self, live: &LiveRoom, patience: Duration) -> Result<(), EngineError> {
        let needs = {
            let room = live.room();
            let house = room.state().between.house();
            house.is_none_or(|house| house.bulletin.is_none()) && room.with_link_power().is_ok()
        };
        if needs {
            self.open_house(live, patience).await
        } else {
            Ok(())
        }
    }

    /// Makes the channel of a bulletin where the room lies: what readers get, and what editors append by.
    pub(super) async fn make_bulletin(
        &self,
        live: &LiveRoom,
        relay: String,
        generation: u32,
    ) -> Result<(Reading, LinkSecret), EngineError> {
        let (record, control) = {
            let room = live.room();
            let keys = room.link_keys()?;
            let house = room.state().between.house().ok_or(Denied::NoRoot)?;
            let root = keys.root(&house.root).ok_or(Denied::NoRoot)?;
            (room.record().clone(), root.control())
        };
        let connection = self
            .connection(&record.relay, &record.persona, Purpose::Bulletin)
            .await?;
        let (secret, publishing) = (LinkSecret(random::bytes()?), LinkSecret(random::bytes()?));
        let keys = access(&secret, &publishing);
        let life = connection.info().await?.plain;
        let pass = self.take_pass(&record.relay);
        let channel = invite::create(&connection, keys.append, keys.read, &control, life, pass).await?;
        let reading = Reading {
            relay,
            channel,
            generation,
            secret,
        };
        Ok((reading, publishing))
    }

    /// Makes the drop of a link, on an errand that may go on with the offer.
    async fn make_link_drop(&self, live: &LiveRoom) -> Result<(Errand, Connection, End), EngineError> {
        let record = live.room().record().clone();
        let (errand, connection) = Errand::to(self, &record.relay).await?;
        let (append, read, access) = draw_drop()?;
        // Nobody needs its control: it goes when nobody has used it for long.
        let control = StaticSecret::from(random::bytes::<32>()?);
        let life = connection.info().await?.plain;
        let pass = self.take_pass(&record.relay);
        let drop = invite::create(&connection, access.append, access.read, &control, life, pass).await?;
        let end = End {
            relay: record.relay.to_string(),
            drop,
            append,
            read,
        };
        Ok((errand, connection, end))
    }

    /// Offers a link. Returns the text that the other body accepts by.
    ///
    /// # Errors
    /// `EngineError`.
    pub async fn offer_link(
        &self,
        live: &LiveRoom,
        terms: Terms,
        minutes: u64,
        patience: Duration,
    ) -> Result<(String, Fate), EngineError> {
        live.room().with_link_power()?;
        self.open_house(live, patience).await?;
        let (_errand, connection, ours) = self.make_link_drop(live).await?;
        let id = IntentId(random::bytes()?);
        let signed = {
            let room = live.room();
            let house = room.state().between.house().ok_or(Denied::NoRoot)?;
            let keys = room.link_keys()?;
            let root = keys.root(&house.root).ok_or(Denied::NoRoot)?;
            let card = room.state().card(&ours, false).ok_or(Denied::OldSealing)?;
            let offer = Offer {
                link: id,
                card,
                terms,
                expires: Minutes(self.now().minutes.0.saturating_add(minutes)),
            };
            let signature = root.keys().sign(&SignedOffer::digest(&offer)?);
            SignedOffer { offer, signature }
        };
        let relay = live.room().record().relay.clone();
        let bytes = codec::encode(&signed, codec::LIMIT)?;
        let pass = self.take_pass(&relay);
        let blob = blob::put(&connection, &bytes, invite::life(minutes), pass).await?;
        let landing = live.expect(id);
        let deed = between(LinkStep::Offer {
            signed: Box::new(signed),
            read: ours.read,
        });
        let submitted = live.room().submit(id, &deed);
        let fate = live.settle(id, submitted, landing, patience).await?;
        Ok((OfferLink { relay, blob }.to_string(), fate))
    }

    /// Reads an offer.
    ///
    /// # Errors
    /// `EngineError`; what is no offer, or not signed by whom it names, is refused.
    pub async fn read_offer(&self, text: &str) -> Result<SignedOffer, EngineError> {
        let link: OfferLink = text.parse()?;
        let (_errand, connection) = Errand::to(self, &link.relay).await?;
        let bytes = blob::fetch(&connection, &link.blob).await?;
        let signed: SignedOffer = codec::decode(&bytes, codec::LIMIT).map_err(|_| LinkError::Damaged)?;
        signed.is_signed().map_err(|_| Denied::NotSigned)?;
        Ok(signed)
    }

    /// Accepts an offer.
    ///
    /// # Errors
    /// `EngineError`; `Denied::ByPoll` where everybody decides it.
    pub async fn accept_link(
        &self,
        live: &LiveRoom,
        signed: SignedOffer,
        patience: Duration,
    ) -> Result<Fate, EngineError> {
        live.room().with_link_power()?;
        self.open_house(live, patience).await?;
        let accept = |ours| {
            between(LinkStep::Accept {
                signed: Box::new(signed.clone()),
                ours: Box::new(ours),
            })
        };
        // Nothing is made at the relay for what is refused.
        let nowhere = End {
            relay: String::new(),
            drop: caucus_proto::id::ChannelId([0; 32]),
            append: LinkSecret([0; 32]),
            read: LinkSecret([0; 32]),
        };
        live.room().may_do(&accept(nowhere))?;
        let (_errand, _, ours) = self.make_link_drop(live).await?;
        live.act(&accept(ours), patience).await
    }
}

/// A deed between bodies.
pub(in crate::engine) fn between(step: LinkStep) -> Deed {
    Deed::Between { step: Box::new(step) }
}

/// What is needed for the next step has to stand in the log.
fn landed(fate: Result<Fate, EngineError>) -> Result<(), EngineError> {
    match fate? {
        Fate::Landed(_) => Ok(()),
        Fate::Waits => Err(EngineError::RoomState(
            "the relay has not answered yet: try again when the room is connected (`caucus status`)"
                .to_owned(),
        )),
    }
}
