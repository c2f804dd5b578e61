//! Lets into a direct room whom it was founded for, and nobody else who has the link.

use std::time::Duration;

use caucus_proto::id::RoomId;
use caucus_proto::org::{Deed, Standing};

use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::live::{Fate, LiveRoom};
use crate::engine::room::Room;

/// How often it is looked whether somebody applies, where nothing changes.
const TICK: Duration = Duration::from_secs(2);

/// How long a decision may take to land before it is looked at again.
const LANDING: Duration = Duration::from_secs(30);

/// A decision: what it does, and which guest it lets in.
struct Decision {
    deed: Deed,
    guest: Option<usize>,
}

/// Runs until the task is ended.
pub(in crate::engine) async fn run(engine: Engine, room: RoomId) {
    let mut changes = engine.changes();
    loop {
        let Some(live) = engine.room(&room) else { return };
        // What cannot be decided now is tried again.
        let _ = decide(&live).await;
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn decide(live: &LiveRoom) -> Result<(), EngineError> {
    let due = decisions(&live.room())?;
    for Decision { deed, guest } in due {
        let fate = live.act(&deed, LANDING).await?;
        if let (Fate::Landed(_), Some(place)) = (fate, guest) {
            live.room().change_direct(|record| {
                if let Some(guest) = record.guests.get_mut(place) {
                    guest.came = true;
                }
            })?;
        }
    }
    Ok(())
}

fn decisions(room: &Room) -> Result<Vec<Decision>, EngineError> {
    let mut due = Vec::new();
    let Some(record) = room.direct()?.filter(|record| !record.guests.is_empty()) else {
        return Ok(due);
    };
    if room.may_act().is_err() {
        return Ok(due);
    }
    let own: Vec<_> = room
        .invites()?
        .into_iter()
        .filter(|invite| invite.own.is_some())
        .collect();
    let overlay = room.vault.overlay();
    for (persona, person) in &room.state.people {
        let Standing::Applied { invite, .. } = person.standing else {
            continue;
        };
        let Some(application) = room.application(&overlay, persona)? else {
            continue;
        };
        let is = |place: &usize| {
            let guest = record.guests.get(*place);
            guest.is_some_and(|guest| !guest.came && guest.is(&application.key, &application.word))
        };
        let guest = (0..record.guests.len()).find(is);
        let persona = *persona;
        let deed = match guest {
            Some(_) => Deed::Admit { persona },
            // By the invite that was made for the guests nobody else comes.
            None if own.iter().any(|own| own.id == invite) => Deed::Decline {
                persona,
                reason: "this link was made for somebody else".to_owned(),
            },
            None => continue,
        };
        due.push(Decision { deed, guest });
    }
    Ok(due)
}
