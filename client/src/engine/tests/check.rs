//! What must hold once everything is quiet.

use std::collections::{BTreeMap, BTreeSet};

use caucus_proto::id::{PersonaId, Position};

use super::world::{Person, World};
use crate::engine::record::{Health, Item, LogRecord};
use crate::engine::room::Room;

impl World {
    /// Everybody in the room agrees on everything, and everything that was accepted was done once.
    pub(super) fn check(&self) {
        let rooms: Vec<(&Person, &Room)> = self
            .people
            .iter()
            .filter_map(|person| person.room.as_ref().map(|room| (person, room)))
            .filter(|(_, room)| !self.is_out(room))
            .collect();
        let (_, first) = rooms[0];
        let facts = first.facts();
        // What anybody has of the log, who was renewed in the middle of it included.
        let mut log: BTreeMap<Position, LogRecord> = BTreeMap::new();
        for (person, room) in &rooms {
            let name = &person.name;
            assert_eq!(room.cursor().health, Health::Open, "{name}");
            assert!(room.cursor().disputes.is_empty(), "{name}");
            assert_eq!(room.cursor().position, self.channel.newest(), "{name}");
            assert_eq!(room.facts(), facts, "{name}");
            assert_eq!(
                Some(room.cursor().access.access()),
                self.channel.access,
                "{name} has the keys of now"
            );
            assert!(room.pending.is_none() || room.pending == first.pending, "{name}");
            let joined = room.record().joined_at;
            let since = room.log_after(joined, usize::MAX).unwrap();
            assert_eq!(since.len() as u64, self.channel.newest().0 - joined.0, "{name}");
            let own = |record: &Item| match record {
                // What could not be opened is told the same way by everybody; why, need not be.
                Item::NoOp(_) => Item::NoOp(caucus_proto::org::Denied::Unprocessable),
                item => item.clone(),
            };
            for (position, record) in room.log_after(Position(0), usize::MAX).unwrap() {
                if record.author.is_none() && matches!(record.item, Item::Event(_)) {
                    continue;
                }
                let known = log.entry(position).or_insert_with(|| record.clone());
                assert_eq!(own(&record.item), own(&known.item), "{name} at {position}");
                assert_eq!(record.facts, known.facts, "{name} at {position}");
            }
        }
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for record in log.values() {
            if let Item::Said(text) = &record.item {
                *times.entry(text).or_default() += 1;
            }
        }
        assert!(times.values().all(|times| *times == 1), "{times:?}");
        let present: BTreeSet<PersonaId> = first.state().present().map(|(id, _)| *id).collect();
        for person in &self.people {
            if present.contains(&person.id()) {
                for text in person.said.values() {
                    assert_eq!(times.get(text.as_str()), Some(&1), "{}: {text}", person.name);
                }
            }
        }
    }
}
