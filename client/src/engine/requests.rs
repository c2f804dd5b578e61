//! Requests of others on this device: their numbers stay the same until they are decided.

use caucus_proto::id::PersonaId;
use caucus_proto::org::Application;

use super::error::EngineError;
use super::record::RequestRecord;
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

impl Room {
    /// Gives a request a number. The vault's turn is held: all rooms draw from one row of numbers.
    pub(super) fn keep_request(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
        application: &[u8],
    ) -> Result<(), EngineError> {
        let counter = Place::new(Table::Requests, b"next", 0);
        let number: u64 = overlay.get_value(&counter)?.unwrap_or(1);
        overlay.put_value(counter, &number.saturating_add(1))?;
        let record = RequestRecord {
            room: self.record.room,
            persona: *persona,
            application: application.to_vec(),
        };
        overlay.put_value(Place::new(Table::Requests, b"", number), &record)?;
        Ok(())
    }

    /// Forgets a person's request, if there is one.
    pub(super) fn forget_request(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
    ) -> Result<Option<RequestRecord>, EngineError> {
        for (number, record) in self.requests(overlay)? {
            if record.persona == *persona {
                overlay.delete(Place::new(Table::Requests, b"", number));
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Forgets every request in this room.
    pub(super) fn forget_requests(&self, overlay: &Overlay) -> Result<(), EngineError> {
        for (number, _) in self.requests(overlay)? {
            overlay.delete(Place::new(Table::Requests, b"", number));
        }
        Ok(())
    }

    /// A person's request, as they signed it.
    pub(super) fn application(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
    ) -> Result<Option<Application>, EngineError> {
        let found = self
            .requests(overlay)?
            .into_iter()
            .find(|(_, record)| record.persona == *persona);
        Ok(found.and_then(|(_, record)| Application::read(&record.application).ok()))
    }

    fn requests(&self, overlay: &Overlay) -> Result<Vec<(u64, RequestRecord)>, EngineError> {
        let mut found = Vec::new();
        for (number, _) in overlay.range(Table::Requests, b"", 0, usize::MAX)? {
            if let Some(record) =
                overlay.get_value::<RequestRecord>(&Place::new(Table::Requests, b"", number))?
                && record.room == self.record.room
            {
                found.push((number, record));
            }
        }
        Ok(found)
    }
}
