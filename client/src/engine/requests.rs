//! Requests of others on this device, to join and to be renewed. Those to join have numbers that stay the same
//! until they are decided.

use caucus_proto::id::{PersonaId, RoomId};
use caucus_proto::org::{Application, NoticeKind, ReplyDrop, SignedNotice};

use super::error::EngineError;
use super::record::RequestRecord;
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

/// What a commit seats, and where what they need to come in goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// Whose.
    pub persona: PersonaId,
    /// The key package (RFC 9420, section 10).
    pub key_package: Vec<u8>,
    /// Where the answers go.
    pub reply: ReplyDrop,
}

impl From<Application> for Seat {
    fn from(application: Application) -> Self {
        Self {
            persona: application.persona(),
            key_package: application.key_package,
            reply: application.reply,
        }
    }
}

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
        overlay.put_value(number_of(persona), &number)?;
        Ok(())
    }

    /// Forgets a person's request, if there is one.
    pub(super) fn forget_request(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
    ) -> Result<Option<RequestRecord>, EngineError> {
        let Some((number, record)) = self.request(overlay, persona)? else {
            return Ok(None);
        };
        overlay.delete(Place::new(Table::Requests, b"", number));
        overlay.delete(number_of(persona));
        Ok(Some(record))
    }

    /// Somebody was admitted, or comes back, whom another room of the body seats: there their request is looked for.
    pub(super) fn seat_elsewhere(&self, overlay: &Overlay, persona: &PersonaId) -> Result<(), EngineError> {
        let charter = self.state.charter();
        let Some(rule) = charter.entrance(charter.admission.sphere) else {
            return Ok(());
        };
        let room = RoomId::of(&self.record.body, rule.name.as_str());
        if let Some((number, record)) = self.request(overlay, persona)? {
            let record = RequestRecord { room, ..record };
            overlay.put_value(Place::new(Table::Requests, b"", number), &record)?;
        }
        Ok(())
    }

    /// Forgets every request in this room.
    pub(super) fn forget_requests(&self, overlay: &Overlay) -> Result<(), EngineError> {
        for (number, record) in self.requests(overlay)? {
            overlay.delete(Place::new(Table::Requests, b"", number));
            overlay.delete(number_of(&record.persona));
        }
        Ok(())
    }

    /// An applicant turned out to be somebody: their request is that person's.
    pub(super) fn hand_request_on(
        &self,
        overlay: &Overlay,
        applicant: &PersonaId,
        persona: &PersonaId,
    ) -> Result<(), EngineError> {
        self.forget_renewal(overlay, persona);
        self.forget_request(overlay, persona)?;
        if let Some((number, mut record)) = self.request(overlay, applicant)? {
            record.persona = *persona;
            overlay.put_value(Place::new(Table::Requests, b"", number), &record)?;
            overlay.delete(number_of(applicant));
            overlay.put_value(number_of(persona), &number)?;
        }
        Ok(())
    }

    /// A person's request, with its number. Hundreds may wait: they are not gone through for each.
    fn request(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
    ) -> Result<Option<(u64, RequestRecord)>, EngineError> {
        let is_theirs =
            |record: &RequestRecord| record.room == self.record.room && record.persona == *persona;
        if let Some(number) = overlay.get_value::<u64>(&number_of(persona))? {
            let record = overlay.get_value(&Place::new(Table::Requests, b"", number))?;
            return Ok(record.filter(is_theirs).map(|record| (number, record)));
        }
        // A vault of before has no numbers by person.
        let requests = self.requests(overlay)?;
        Ok(requests.into_iter().find(|(_, record)| is_theirs(record)))
    }

    /// A person's request, as they signed it.
    pub(super) fn application(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
    ) -> Result<Option<Application>, EngineError> {
        let found = self.request(overlay, persona)?;
        Ok(found.and_then(|(_, record)| Application::read_again(&record.application).ok()))
    }

    /// Keeps somebody's request to be renewed, or to be added to this successor: the latest of each person.
    pub(super) fn keep_renewal(&self, overlay: &Overlay, request: &SignedNotice) -> Result<(), EngineError> {
        overlay.put_value(self.renewal_place(&request.author), request)?;
        Ok(())
    }

    /// Somebody's request to be renewed, or to be added to this successor.
    pub(super) fn renewal(
        &self,
        overlay: &Overlay,
        persona: &PersonaId,
    ) -> Result<Option<SignedNotice>, EngineError> {
        let kept: Option<SignedNotice> = overlay.get_value(&self.renewal_place(persona))?;
        Ok(kept.filter(|request| request.author == *persona))
    }

    /// Forgets somebody's request to be renewed.
    pub(super) fn forget_renewal(&self, overlay: &Overlay, persona: &PersonaId) {
        overlay.delete(self.renewal_place(persona));
    }

    fn renewal_place(&self, persona: &PersonaId) -> Place {
        // Numbers of people are few and never given twice.
        let number = self
            .state
            .person(persona)
            .map_or(u32::MAX, |person| person.number);
        self.place(Table::Notices, u64::from(number))
    }

    /// How a person who asked, to join or to be renewed, is seated.
    pub(super) fn seat(&self, overlay: &Overlay, persona: &PersonaId) -> Result<Option<Seat>, EngineError> {
        if let Some(SignedNotice { author, notice, .. }) = self.renewal(overlay, persona)?
            && let NoticeKind::Renewal {
                key_package, reply, ..
            }
            | NoticeKind::Follow {
                key_package, reply, ..
            } = notice.kind
        {
            return Ok(Some(Seat {
                persona: author,
                key_package,
                reply,
            }));
        }
        // Whoever comes back signed as who they were not known to be yet.
        let seat = self.application(overlay, persona)?.map(Seat::from);
        Ok(seat.map(|seat| Seat {
            persona: *persona,
            ..seat
        }))
    }

    fn requests(&self, overlay: &Overlay) -> Result<Vec<(u64, RequestRecord)>, EngineError> {
        let mut requests = overlay.values::<RequestRecord>(Table::Requests, b"", 0)?;
        requests.retain(|(_, record)| record.room == self.record.room);
        Ok(requests)
    }
}

/// Where the number of a person's request lies.
fn number_of(persona: &PersonaId) -> Place {
    Place::new(Table::Requests, persona.as_bytes(), 0)
}
