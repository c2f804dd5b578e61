//! Moving a body to another relay.

use std::sync::Arc;
use std::time::Duration;

use caucus_proto::org::{Deed, RelayName};
use caucus_proto::wire::RelayAddress;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::app::PATIENCE;
use super::problem::{Code, Problem};
use super::{find, relays, view};
use crate::engine::{Engine, EngineError, Fate, LiveRoom, random_seed};

/// How long the relay beside a room is asked how far its copy is.
const LOOK: Duration = Duration::from_secs(3);

/// Where a room of a body lies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlaceView {
    /// The room.
    pub room: String,
    /// Its relay.
    pub relay: String,
    /// Where it lay before, the latest first.
    pub before: Vec<String>,
    /// Its relay cannot be reached now.
    pub lost: bool,
    /// Why it was not moved; none where it was, or nobody asked for it.
    pub stays: Option<String>,
    /// Its copy at another relay, where the charter asks for one.
    pub copy: Option<CopyView>,
}

/// The copy of a room at the relay beside its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CopyView {
    /// The relay.
    pub relay: String,
    /// Up to which entry it has everything, when this device looked last.
    pub to: Option<u64>,
    /// How many entries that this device has read are not there.
    pub lacks: Option<u64>,
    /// This device reads by it, because the room's own relay cannot be reached.
    pub reads: bool,
    /// Why nothing is copied, or read there.
    pub trouble: Option<String>,
}

fn copy_of(live: &LiveRoom) -> Option<CopyView> {
    let known = live.copied();
    let room = live.room();
    let relay = room.beside()?;
    let newest = room.cursor().position;
    Some(CopyView {
        relay: relay.to_string(),
        to: known.to.map(|to| to.0),
        lacks: known.to.map(|to| newest.0.saturating_sub(to.0)),
        reads: known.reads.is_some(),
        trouble: known.trouble,
    })
}

fn place(live: &LiveRoom, stays: Option<String>) -> PlaceView {
    let lost = live.trouble().is_some() && !live.is_live();
    let copy = copy_of(live);
    let room = live.room();
    let former = room.record().former.iter().rev();
    PlaceView {
        room: view::room_name(&room),
        relay: room.record().relay.to_string(),
        before: former.map(|former| former.relay.to_string()).collect(),
        lost,
        stays,
        copy,
    }
}

/// The rooms of a body that this person is in; the governing one first.
fn rooms_of(engine: &Engine, body: &str) -> Result<Vec<Arc<LiveRoom>>, Problem> {
    let first = find::room(engine, body)?;
    let of = first.room().record().body;
    let mut rooms = engine.rooms();
    rooms.retain(|live| live.room().record().body == of);
    rooms.sort_by_key(|live| live.room().state().annex.is_some());
    Ok(rooms)
}

/// Where the rooms of a body lie, and where they may go.
pub(super) async fn places(engine: &Engine, body: &str) -> Result<Answer, Problem> {
    let rooms = rooms_of(engine, body)?;
    for live in &rooms {
        // A relay that does not answer now leaves what was known.
        let _ = tokio::time::timeout(LOOK, engine.look_at_copy(live)).await;
    }
    let alternates = rooms.first().map(|live| {
        let room = live.room();
        let here = room.record().relay.to_string();
        let named = room.state().charter().relays.alternates.iter();
        let others = named.map(ToString::to_string).filter(|name| *name != here);
        others.collect()
    });
    Ok(Answer::Places {
        rooms: rooms.iter().map(|live| place(live, None)).collect(),
        alternates: alternates.unwrap_or_default(),
    })
}

/// Moves every room of a body in which this person holds keys.
pub(super) async fn relocate(engine: &Engine, body: &str, relay: &str) -> Result<Answer, Problem> {
    let address: RelayAddress = relays::parse(relay)?;
    let name = RelayName::try_from(address.to_string())
        .map_err(|error| Problem::new(Code::BadInput, error.to_string(), "give a shorter address"))?;
    let rooms = rooms_of(engine, body)?;
    let mut asked = Vec::new();
    for live in rooms {
        let deed = Deed::Relocate {
            relay: name.clone(),
            seed: random_seed()?,
        };
        let there = live.room().record().relay == address;
        let may = match there {
            true => Err(EngineError::RoomState("it lies there already".to_owned())),
            false => live.room().may_do(&deed),
        };
        asked.push((live, deed, may));
    }
    if asked.iter().any(|(_, _, may)| may.is_ok()) {
        // A relay that is not there would leave everybody looking for another.
        engine.relay_info(&address).await?;
    }
    let (mut places, mut first) = (Vec::new(), None);
    for (live, deed, may) in asked {
        let moved = match may {
            Ok(()) => live.act(&deed, PATIENCE).await,
            Err(error) => Err(error),
        };
        let stays = match moved {
            Ok(Fate::Landed(_)) => None,
            Ok(Fate::Waits) => Some("it goes once its own relay can be reached".to_owned()),
            Err(error) => {
                let problem = Problem::from(error);
                let words = problem.message.clone();
                first.get_or_insert(problem);
                Some(words)
            }
        };
        places.push(place(&live, stays));
    }
    match first {
        Some(problem) if places.iter().all(|place| place.stays.is_some()) => Err(problem),
        _ => Ok(Answer::Places {
            rooms: places,
            alternates: Vec::new(),
        }),
    }
}
