//! How long words are kept on this device.

use super::answer::{Answer, RetentionView};
use super::intent::Keep;
use super::problem::{Code, Problem};
use super::{find, view};
use crate::engine::{Engine, Retention};

/// Most days that can be chosen: a hundred years.
const MOST: u32 = 36_525;

/// Shows it, after it was changed where that is asked for.
pub(super) fn retention(engine: &Engine, room: Option<&str>, keep: Option<Keep>) -> Result<Answer, Problem> {
    let live = room.map(|room| find::room(engine, room)).transpose()?;
    let id = live.as_ref().map(|live| live.room().id());
    if let Some(keep) = keep {
        let choice = match keep {
            Keep::Days(days @ 1..=MOST) => Some(Retention::Days(days)),
            Keep::Days(_) => {
                return Err(Problem::new(
                    Code::BadInput,
                    "words are kept for 1 to 36525 days",
                    "give a number of days, or keep them forever",
                ));
            }
            Keep::Hours(hours) if (1..=MOST * 24).contains(&hours) => Some(Retention::Hours(hours)),
            Keep::Hours(_) => {
                return Err(Problem::new(
                    Code::BadInput,
                    "words are kept for an hour to a hundred years",
                    "give a number of hours, or keep them forever",
                ));
            }
            Keep::Forever => Some(Retention::Forever),
            Keep::Default => None,
        };
        engine.retain(id.as_ref(), choice)?;
    }
    let lives = match live {
        Some(live) => vec![live],
        None => engine.rooms(),
    };
    let mut rooms = Vec::new();
    for live in lives {
        let room = live.room();
        rooms.push(RetentionView {
            room: view::room_name(&room),
            own: engine.retention(Some(&room.id()))?.map(word),
            forgotten: room.forgotten()?.0,
            vanish_hours: view::vanish_hours(&room),
        });
    }
    rooms.sort_by(|a, b| a.room.cmp(&b.room));
    Ok(Answer::Retention {
        default: engine.retention(None)?.map_or(Keep::Forever, word),
        rooms,
    })
}

const fn word(retention: Retention) -> Keep {
    match retention {
        Retention::Days(days) => Keep::Days(days),
        Retention::Hours(hours) => Keep::Hours(hours),
        Retention::Forever => Keep::Forever,
    }
}
