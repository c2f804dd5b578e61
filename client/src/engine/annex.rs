//! Opening another room of a body: its channel, its group of one, and the act that says so in the governing room.

use std::time::Duration;

use caucus_proto::id::{IntentId, RoomId};
use caucus_proto::org::{Act, Deed, Denied, Name};

use super::engine::Engine;
use super::error::EngineError;
use super::found::Draft;
use super::lanes::Purpose;
use super::live::{Fate, LiveRoom};
use super::random;
use super::relay::patiently;
use super::room::Room;
use crate::mls::{Group, PersonaKeys};
use crate::vault::{Overlay, Place, Table};

/// Opens a room of the body that `governing` governs. What the governing room refuses is not kept.
pub(super) async fn open(
    engine: &Engine,
    governing: &LiveRoom,
    name: &Name,
    patience: Duration,
) -> Result<(RoomId, Fate), EngineError> {
    let (record, state) = {
        let room = governing.room();
        room.may_act()?;
        let deed = Deed::OpenRoom {
            name: name.clone(),
            channel: room.record().channel,
        };
        let act = Act::new(IntentId(random::bytes()?), room.state().position, &deed)?;
        room.state()
            .judge(room.state().position.next(), &room.me(), &act)?;
        (room.record().clone(), room.state().clone())
    };
    let overlay = engine.vault().overlay();
    let persona = PersonaKeys::from_bytes(&record.persona_key.0);
    let draft = Draft::of(&overlay, persona, |channel, control| {
        Ok(state.open_room(&record.persona, name, channel, control)?)
    })?;
    let room = RoomId::of(&record.body, name.as_str());
    let connection = engine
        .connection(&record.relay, &record.persona, Purpose::Room(room))
        .await?;
    let spec = draft.spec(&connection.info().await?)?;
    let pass = engine.take_pass(&record.relay);
    patiently(|| connection.create(&spec, draft.creation(), pass)).await?;

    let deed = Deed::OpenRoom {
        name: name.clone(),
        channel: draft.channel(),
    };
    let room = {
        let vault = engine.vault();
        let _turn = vault.turn();
        let room = draft.keep(vault, &overlay, &record.relay, engine.now())?;
        overlay.commit()?;
        room
    };
    let id = room.id();
    match governing.act(&deed, patience).await {
        Ok(fate) => {
            engine.add_room(room);
            Ok((id, fate))
        }
        Err(error) => {
            if let EngineError::Denied(Denied::RoomOpen | Denied::NoRoom | Denied::Powerless { .. }) = error {
                forget(engine, &id)?;
            }
            Err(error)
        }
    }
}

/// Forgets a room that never came to be.
fn forget(engine: &Engine, id: &RoomId) -> Result<(), EngineError> {
    let vault = engine.vault();
    let _turn = vault.turn();
    let overlay = vault.overlay();
    Group::forget(&overlay, id)?;
    unlist(&overlay, id)?;
    overlay.commit()?;
    Ok(())
}

fn unlist(overlay: &Overlay, id: &RoomId) -> Result<(), EngineError> {
    for (number, listed) in overlay.values::<RoomId>(Table::Rooms, b"", 0)? {
        if listed == *id {
            overlay.delete(Place::new(Table::Rooms, b"", number));
        }
    }
    Room::forget_all(overlay, id);
    Ok(())
}
