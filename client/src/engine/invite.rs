//! Invites: a card that the link opens, a drop for requests, and the act that opens it in the log.

use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::envelope::{self, LinkKeys};
use caucus_proto::id::{ChannelId, Counter, IntentId, Minutes, Position, RoomId};
use caucus_proto::label::{Label, derive};
use caucus_proto::org::{Application, Deed, Genesis, Kind, Name, SuiteChoice};
use caucus_proto::wire::{Access, ChannelSpec, Pass, RelayAddress, Retention, Role, Served, bucket};
use serde::{Deserialize, Serialize};
use x25519_dalek::{PublicKey, StaticSecret};

use super::blob::random_controls;
use super::error::EngineError;
use super::follow::invite_number;
use super::link::InviteLink;
use super::random;
use super::record::{InviteRecord, OwnInvite, SecretKey};
use super::relay::{PATIENCE, patiently, patiently_for};
use super::room::Room;
use super::sealed::Recipient;
use crate::relay::{Appended, Connection};
use crate::vault::{Overlay, Table};

/// Requests of a drop that may be looked at once more after a restart.
const KEPT_EVERY: u64 = 16;

/// What a link leads to: whom one asks, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Card {
    /// The invite.
    pub invite: IntentId,
    /// Where requests are dropped.
    pub drop: ChannelId,
    /// The key that requests are sealed to (X-Wing).
    #[serde(with = "serde_bytes")]
    pub sealing: Vec<u8>,
    /// What kind of body.
    pub kind: Kind,
    /// Its label.
    pub label: Name,
    /// The suite of its group.
    pub suite: SuiteChoice,
    /// The room that the applicant's leaf key is certified for.
    pub room: RoomId,
}

/// What opening an invite needs of a room, read once.
pub(super) struct InviteDraft {
    pub id: IntentId,
    secret: [u8; 16],
    /// Position of the cut whose access secret its keys come from.
    pub access: Position,
    read: StaticSecret,
    sealing: SecretKey,
    genesis: Genesis,
    /// Where whoever comes by it is seated.
    room: RoomId,
    channel: ChannelId,
    relay: RelayAddress,
}

impl InviteDraft {
    /// What its link commits to.
    pub(super) fn commitment(&self) -> [u8; 32] {
        InviteLink::commit(&self.channel, &self.genesis.body(), &self.secret)
    }

    /// As it is kept once its channels stand.
    pub(super) fn record(&self, drop: ChannelId, own: OwnInvite) -> InviteRecord {
        InviteRecord {
            id: self.id,
            drop,
            read: SecretKey(self.read.to_bytes()),
            sealing: self.sealing.clone(),
            cursor: Position(0),
            own: Some(own),
        }
    }
}

impl Room {
    /// Draws a new invite for a link with this secret. Nothing is kept yet.
    pub(super) fn draft_invite(&self, secret: [u8; 16]) -> Result<InviteDraft, EngineError> {
        self.may_act()?;
        let (room, channel) = self.entrance()?;
        let id = IntentId(random::bytes()?);
        let keys = self.cursor.access.invite(&id);
        Ok(InviteDraft {
            id,
            secret,
            access: self.state.access,
            read: keys.read,
            sealing: SecretKey(*keys.sealing.bytes()),
            genesis: self.state.genesis.clone(),
            room,
            channel,
            relay: self.record.relay.clone(),
        })
    }

    /// The room that seats whoever is admitted here, and its channel.
    ///
    /// # Errors
    /// `EngineError::RoomState` if it is not open.
    pub(super) fn entrance(&self) -> Result<(RoomId, ChannelId), EngineError> {
        let charter = self.state.charter();
        let Some(rule) = charter.entrance(charter.admission.sphere) else {
            return Ok((self.record.room, self.record.channel));
        };
        let name = rule.name.as_str();
        let open = self.state.open(name).ok_or_else(|| {
            EngineError::RoomState(format!(
                "people come in by the room \"{name}\", which is not open: open it with `caucus open`"
            ))
        })?;
        Ok((RoomId::of(&self.record.body, name), open.channel))
    }

    /// Keeps an invite whose channels stand, and puts its act into the outbox.
    pub(super) fn submit_invite(
        &mut self,
        draft: &InviteDraft,
        published: Published,
        uses: u16,
        expires: Minutes,
    ) -> Result<String, EngineError> {
        if draft.access != self.state.access {
            return Err(EngineError::RoomState(
                "the keys of the room turned meanwhile: open the invite again".to_owned(),
            ));
        }
        let link = published.link.to_string();
        let own = OwnInvite {
            link: link.clone(),
            card: published.link.card,
            control: published.control,
            number: 0,
            left: uses,
            closed: false,
        };
        let record = draft.record(published.drop, own);
        let deed = Deed::Invite {
            uses,
            expires,
            drop: published.drop,
        };
        self.submit_with(draft.id, &deed, |room, overlay| {
            overlay.put_value(room.place(Table::Invites, invite_number(&draft.id)), &record)?;
            Ok(())
        })?;
        Ok(link)
    }

    /// Invites that this device knows.
    pub(super) fn invites(&self) -> Result<Vec<InviteRecord>, EngineError> {
        let overlay = self.vault.overlay();
        let invites = overlay.values(Table::Invites, self.record.room.as_bytes(), 0)?;
        Ok(invites.into_iter().map(|(_, invite)| invite).collect())
    }

    /// The link of an invite that this device opened.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn link_of(&self, invite: &IntentId) -> Result<Option<String>, EngineError> {
        let record: Option<InviteRecord> = self
            .vault
            .overlay()
            .get_value(&self.place(Table::Invites, invite_number(invite)))?;
        Ok(record.and_then(|record| record.own).map(|own| own.link))
    }

    /// The drop of an invite was read up to here, with nothing else to keep. That is kept now and then: what led nowhere may
    /// be looked at once more.
    pub(super) fn drop_read(&mut self, number: u64, position: Position) -> Result<(), EngineError> {
        let place = self.place(Table::Invites, number);
        let kept: Option<InviteRecord> = self.vault.overlay().get_value(&place)?;
        if kept.is_none_or(|kept| position.0 < kept.cursor.0.saturating_add(KEPT_EVERY)) {
            return Ok(());
        }
        self.transact(|room, overlay| room.keep_drop_read(overlay, number, position))
    }

    pub(super) fn keep_drop_read(
        &self,
        overlay: &Overlay,
        number: u64,
        position: Position,
    ) -> Result<(), EngineError> {
        let place = self.place(Table::Invites, number);
        if let Some(mut record) = overlay.get_value::<InviteRecord>(&place)?
            && record.cursor < position
        {
            record.cursor = position;
            overlay.put_value(place, &record)?;
        }
        Ok(())
    }
}

/// Card and drop of an invite, as they stand at the relay.
pub(super) struct Published {
    pub link: InviteLink,
    pub drop: ChannelId,
    pub control: SecretKey,
}

/// How long the channels of an invite live that lives for so many minutes.
pub(super) const fn life(minutes: u64) -> Retention {
    match minutes {
        0..=1_440 => Retention::Day,
        1_441..=10_080 => Retention::Week,
        _ => Retention::Month,
    }
}

/// Makes the two channels of an invite.
pub(super) async fn publish(
    connection: &Connection,
    draft: &InviteDraft,
    expires: Minutes,
    life: Retention,
    passes: [Option<Pass>; 3],
) -> Result<Published, EngineError> {
    let [card_pass, drop_pass, link_pass] = passes;
    let control = SecretKey(random::bytes()?);
    let drop = make_drop(connection, draft, &control, life, drop_pass).await?;
    let read_public = PublicKey::from(&LinkKeys::of(&draft.secret).card_read).to_bytes();
    let append_public = PublicKey::from(&card_append(&control)).to_bytes();
    let guard = StaticSecret::from(control.0);
    let card = create(connection, append_public, read_public, &guard, life, card_pass).await?;
    put_card(connection, draft, card, &control, drop).await?;
    Ok(Published {
        link: InviteLink {
            relay: draft.relay.clone(),
            card,
            secret: draft.secret,
            commitment: draft.commitment(),
            expires,
            pass: link_pass,
        },
        drop,
        control,
    })
}

/// Makes the drop of an invite: whoever has the link may append, and who has the room now may read.
pub(super) async fn make_drop(
    connection: &Connection,
    draft: &InviteDraft,
    control: &SecretKey,
    life: Retention,
    pass: Option<Pass>,
) -> Result<ChannelId, EngineError> {
    let append = PublicKey::from(&LinkKeys::of(&draft.secret).drop_append).to_bytes();
    let read = PublicKey::from(&draft.read).to_bytes();
    let control = StaticSecret::from(control.0);
    create(connection, append, read, &control, life, pass).await
}

/// Puts a card under a link: the last one counts.
pub(super) async fn put_card(
    connection: &Connection,
    draft: &InviteDraft,
    channel: ChannelId,
    control: &SecretKey,
    drop: ChannelId,
) -> Result<(), EngineError> {
    let card = Card {
        invite: draft.id,
        drop,
        sealing: Recipient::new(draft.sealing.0).public(),
        kind: draft.genesis.kind,
        label: draft.genesis.label.clone(),
        suite: draft.genesis.suite,
        room: draft.room,
    };
    let sealed = envelope::seal_bytes(
        &LinkKeys::of(&draft.secret).card,
        &channel,
        Counter(0),
        random::bytes()?,
        &codec::encode(&card, bucket::LARGEST)?,
    )?;
    put(connection, channel, &card_append(control), sealed).await?;
    Ok(())
}

/// Secret append key of a card: only whoever opened the invite has it.
fn card_append(control: &SecretKey) -> StaticSecret {
    derive(Label::AppendKey, &control.0, &[b"card"]).into()
}

/// Makes a small channel of one purpose.
pub(super) async fn create(
    connection: &Connection,
    append: [u8; 32],
    read: [u8; 32],
    control: &StaticSecret,
    life: Retention,
    pass: Option<Pass>,
) -> Result<ChannelId, EngineError> {
    let creation = StaticSecret::from(random::bytes::<32>()?);
    let mut controls = random_controls()?;
    if let Some(first) = controls.first_mut() {
        *first = PublicKey::from(control).to_bytes();
    }
    let spec = ChannelSpec {
        creation_key: PublicKey::from(&creation).to_bytes(),
        salt: random::bytes()?,
        access: Access { append, read },
        controls,
        solo: true,
        plain: life,
        flagged: life,
        counter: Counter(0),
        after: Position(0),
    };
    patiently(|| connection.create(&spec, &creation, pass)).await?;
    Ok(spec.id())
}

/// Appends one bucket to a channel of one purpose.
pub(super) async fn put(
    connection: &Connection,
    channel: ChannelId,
    append: &StaticSecret,
    bucket: Vec<u8>,
) -> Result<Position, EngineError> {
    put_within(PATIENCE, connection, channel, append, bucket).await
}

/// As [`put`], waiting no longer than this where the relay says that it is too early.
pub(super) async fn put_within(
    patience: Duration,
    connection: &Connection,
    channel: ChannelId,
    append: &StaticSecret,
    bucket: Vec<u8>,
) -> Result<Position, EngineError> {
    let opened = patiently_for(patience, || connection.open(channel, Role::Append, append)).await?;
    let bytes = bytes::Bytes::from(bucket);
    let appended = patiently_for(patience, || {
        connection.append(opened.handle, opened.counter, bytes.clone())
    });
    let appended = appended.await?;
    let _ = connection.close(opened.handle).await;
    match appended {
        Appended::Stored(position) => Ok(position),
        Appended::Moved { .. } => Err(EngineError::RoomState(
            "the drop was changed meanwhile".to_owned(),
        )),
    }
}

/// Reads the card that a link leads to: the last one.
pub(super) async fn read_card(connection: &Connection, link: &InviteLink) -> Result<Card, EngineError> {
    let keys = LinkKeys::of(&link.secret);
    let opened = patiently(|| connection.open(link.card, Role::Read, &keys.card_read)).await?;
    let mut reading = connection.read(opened.handle, Position(0), false).await?;
    let (mut any, mut card) = (false, None);
    while let Served::Entry(entry) = reading.next().await? {
        any = true;
        if let Ok(bytes) = envelope::open_bytes(&keys.card, &link.card, entry.counter, &entry.bytes)
            && let Ok(found) = codec::decode(&bytes, bucket::LARGEST)
        {
            card = Some(found);
        }
    }
    drop(reading);
    let _ = connection.close(opened.handle).await;
    match card {
        Some(card) => Ok(card),
        None if any => Err(super::link::LinkError::Damaged.into()),
        None => Err(EngineError::RoomState(
            "the invite has ended: ask for a new link".to_owned(),
        )),
    }
}

/// Opens a request from a drop.
pub(super) fn read_request(invite: &InviteRecord, bytes: &[u8]) -> Option<Application> {
    let recipient = Recipient::new(invite.sealing.0);
    let encoded: Vec<u8> = recipient
        .open(Label::SealedApplication, &invite.drop, bytes)
        .ok()?;
    Application::read(&encoded)
        .ok()
        .filter(|application| application.invite == invite.id)
}
