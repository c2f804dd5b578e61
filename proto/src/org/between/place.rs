//! Where a body publishes and is written to, once it lies at another relay than its links were made at. The bulletin goes on
//! in another channel, numbers and chain as they were; letters come in at drops that follow from those of the links, so
//! that the other body finds them even where no letter could say so: it knows the link, and what the charter names.

use super::card::{LinkSecret, Reading};
use super::letter::Out;
use super::link::Link;
use crate::id::{Minutes, PersonaId};
use crate::org::denied::Denied;
use crate::org::power::Power;
use crate::org::relays::{RelayName, Relays};
use crate::org::state::State;

impl Link {
    /// The relay where letters to this body come in now.
    fn lies_at(&self) -> &str {
        self.site.as_ref().map_or(&self.ours.relay, RelayName::as_str)
    }
}

impl State {
    /// To a relay that the charter names, in a channel of its own there, with the next keys.
    pub(super) fn judge_move(&self, author: &PersonaId, reading: &Reading) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let bulletin = self.house()?.bulletin.as_ref().ok_or(Denied::NoBulletin)?;
        let now = &bulletin.reading;
        if now.generation.checked_add(1) != Some(reading.generation) || now.relay == reading.relay {
            return Err(Denied::Repeated);
        }
        let mut named = self.charter().relays.alternates.iter();
        if !named.any(|name| name.as_str() == reading.relay) {
            return Err(Denied::NoAlternate);
        }
        if now.channel == reading.channel {
            return Err(Denied::Malformed);
        }
        Ok(())
    }

    /// The bulletin goes on there, and everybody who is linked with writes there.
    pub(super) fn move_house(&mut self, reading: &Reading, publishing: &LinkSecret, now: Minutes) {
        self.turn_bulletin(reading, publishing, now);
        if let Some(house) = self.between.house.get_mut(&0) {
            house.site = RelayName::try_from(reading.relay.clone()).ok();
        }
        let live = (self.between.links.iter()).filter(|(_, link)| link.live().is_some());
        let live: Vec<_> = live.map(|(number, _)| *number).collect();
        for number in live {
            self.settle_end(number);
        }
        self.tell_alternates();
    }

    /// A link stands: its end is where the body is, and the other knows where to look for it.
    pub(super) fn begin_at(&mut self, number: u32) {
        self.settle_end(number);
        let named = !self.charter().relays.alternates.is_empty();
        if let Some(link) = self.between.links.get_mut(&number)
            && (named || link.site.is_some())
        {
            link.write(Out::Place);
        }
    }

    /// The charter names other relays, or the body is at another: those who write to it are told.
    pub(in crate::org) fn tell_alternates(&mut self) {
        self.write_all(&Out::Place, |_| true);
    }

    /// Letters over a link come in where the body went.
    fn settle_end(&mut self, number: u32) {
        let site = self.between.house().and_then(|house| house.site.clone());
        if let Some(site) = site
            && let Some(link) = self.between.links.get_mut(&number)
            && link.lies_at() != site.as_str()
        {
            link.site = Some(site);
        }
    }
}

/// Whether a body may be there: at what a charter could name, and no more of it than that may.
pub(super) fn are_places(relay: Option<&RelayName>, alternates: &[RelayName]) -> Result<(), Denied> {
    let named = Relays {
        alternates: alternates.to_vec(),
        together: false,
    };
    if named.are_fit() && relay.is_none_or(RelayName::is_address) {
        Ok(())
    } else {
        Err(Denied::Malformed)
    }
}
