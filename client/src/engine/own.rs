//! One's own entries as the log shows them. MLS does not open them, so what they hold is remembered by the digest
//! of their body, which their head signs: neither another envelope nor another's body passes for it.

use caucus_proto::id::IntentId;
use caucus_proto::org::{Denied, Outcome, SignedHead};

use super::error::EngineError;
use super::ingest::{Arrived, Opened};
use super::live::Landing;
use super::record::SentRecord;
use super::room::Room;
use crate::vault::{Overlay, Place, Table};

impl Room {
    /// What an MLS message of one's own holds. `Opened::NotRemembered` means that this device was set back.
    pub(super) fn own(&self, overlay: &Overlay, head: &SignedHead) -> Result<Opened, EngineError> {
        let body = head.head.body;
        if let Some(pending) = &self.pending
            && pending.entry.as_ref().is_some_and(|entry| entry.body == body)
        {
            return Ok(Opened::Commit(Box::new(Arrived::Ours(pending.ops.clone()))));
        }
        let place = self.sent_place(&body);
        let sent = overlay
            .get_value::<SentRecord>(&place)?
            .filter(|sent| sent.body == body);
        match sent {
            Some(SentRecord { act: Some(act), .. }) => {
                overlay.put_value(place, &SentRecord { body, act: None })?;
                Ok(Opened::Act(act))
            }
            // Others opened it when it came first; nobody can open it again.
            Some(SentRecord { act: None, .. }) => Ok(Opened::Nothing(Denied::Unprocessable)),
            // Of an epoch that is over, or was found void: nobody opens it.
            None if head.head.epoch != self.epoch() => Ok(Opened::Nothing(Denied::Unprocessable)),
            None => Ok(Opened::NotRemembered),
        }
    }

    /// Remembers what a message holds, before it leaves.
    pub(super) fn keep_sent(
        &self,
        overlay: &Overlay,
        body: [u8; 32],
        act: Vec<u8>,
    ) -> Result<(), EngineError> {
        let record = SentRecord { body, act: Some(act) };
        overlay.put_value(self.sent_place(&body), &record)?;
        Ok(())
    }

    /// A commit of one's own was refused where it landed: showing it again is nothing new.
    pub(super) fn forget_sent(&self, overlay: &Overlay, body: [u8; 32]) -> Result<(), EngineError> {
        overlay.put_value(self.sent_place(&body), &SentRecord { body, act: None })?;
        Ok(())
    }

    fn sent_place(&self, body: &[u8; 32]) -> Place {
        // Only this device makes the digests, so their first bytes tell them apart; the whole is compared.
        let number = body
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.place(Table::Sent, number)
    }

    /// An own intent was judged where it landed; and what more than half attest is not kept any longer.
    pub(super) fn settle(
        &mut self,
        overlay: &Overlay,
        intent: Option<IntentId>,
        outcome: &Outcome,
    ) -> Result<Option<(IntentId, Landing)>, EngineError> {
        let position = self.cursor.position;
        let mut landed = None;
        // Under a flag nobody took it in: it still waits.
        if let Some(id) = intent.filter(|_| !matches!(outcome, Outcome::NoOp(Denied::WrongFlag))) {
            let number = self
                .outbox
                .iter()
                .find(|(_, item)| item.id == id)
                .map(|(number, _)| *number);
            let verdict = match outcome {
                Outcome::NoOp(denied) if *denied != Denied::Repeated => Err(denied.clone()),
                _ => Ok(position),
            };
            if let Some(number) = number {
                match (&verdict, self.outbox.get_mut(&number)) {
                    (Ok(_), Some(item)) => {
                        item.landed.get_or_insert(position);
                        item.sealed = None;
                        let item = item.clone();
                        overlay.put_value(self.place(Table::Outbox, number), &item)?;
                    }
                    _ => {
                        self.outbox.remove(&number);
                        overlay.delete(self.place(Table::Outbox, number));
                    }
                }
            }
            landed = Some((id, verdict));
        }
        self.forget_attested(overlay);
        Ok(landed)
    }

    fn forget_attested(&mut self, overlay: &Overlay) {
        let attested = self.attested_to();
        let settled: Vec<u64> = self
            .outbox
            .iter()
            .filter(|(_, item)| item.landed.is_some_and(|landed| landed <= attested))
            .map(|(number, _)| *number)
            .collect();
        for number in settled {
            self.outbox.remove(&number);
            overlay.delete(self.place(Table::Outbox, number));
        }
    }
}
