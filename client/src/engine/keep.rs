//! How a room's state and cursor are kept after every entry: the people of the state in groups, of which only those are
//! written that changed, and everything else of it as one record.

use caucus_proto::id::{PersonaId, RoomId};
use caucus_proto::org::{Changed, Person, State};

use super::error::EngineError;
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

/// Numbers of a room's records.
pub(super) const CURSOR: u64 = 1;
const STATE: u64 = 2;

impl Room {
    /// Keeps what changed of cursor and state.
    pub(super) fn keep(&mut self, overlay: &Overlay) -> Result<(), EngineError> {
        overlay.put_value(self.place(Table::Rooms, CURSOR), &self.cursor)?;
        let changed = self.state.take_changed();
        if changed == Changed::All {
            overlay.delete_scope(Table::People, self.record.room.as_bytes());
        }
        for (group, people) in self.state.groups(&changed) {
            overlay.put_value(self.place(Table::People, group.into()), &people)?;
        }
        overlay.put(
            self.place(Table::Rooms, STATE),
            self.state.encode_without_people()?,
        )?;
        Ok(())
    }

    /// The state is another from now on, of which nothing is kept.
    pub(super) fn take_state(&mut self, mut state: State) {
        state.is_kept_nowhere();
        self.state = state;
    }
}

/// The state of a room as it was kept last.
pub(super) fn load_state(overlay: &Overlay, room: &RoomId) -> Result<Option<State>, EngineError> {
    let place = Place::new(Table::Rooms, room.as_bytes(), STATE);
    let Some(mut state) = overlay.get_value::<State>(&place)? else {
        return Ok(None);
    };
    let groups = overlay.values::<Vec<(PersonaId, Person)>>(Table::People, room.as_bytes(), 0)?;
    state.put_people(groups.into_iter().flat_map(|(_, people)| people));
    Ok(Some(state))
}
