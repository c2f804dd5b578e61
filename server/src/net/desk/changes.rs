//! `Hold`, `Change`, `Cancel` and `Changes`.

use std::sync::Arc;

use caucus_proto::wire::{Answer, Change, ChangeId, RefusedBecause, Role};

use crate::net::desk::Desk;
use crate::net::session::{Handle, Session};
use crate::relay::change::{self, Changed};
use crate::relay::guard::Guard;
use crate::relay::hold;
use crate::relay::stop::Stop;
use crate::store::Store;

impl<S: Store> Desk<S> {
    pub(super) async fn hold(&self, session: &Session, handle: u32, seconds: u8) -> Result<Answer, Stop> {
        let handle = self.control(session, handle)?;
        let (guard, _) = self.found(&handle).await?;
        let mut pace = handle.live.pace();
        hold::hold(&guard, &handle.key, seconds, &mut pace, self.clock.now())?;
        Ok(Answer::Done)
    }

    pub(super) async fn change(
        &self,
        session: &Session,
        handle: u32,
        asked: &Change,
    ) -> Result<Answer, Stop> {
        let handle = self.control(session, handle)?;
        let _turn = handle.live.turn.write().await;
        loop {
            let (guard, _) = self.found_in_turn(&handle).await?;
            let now = self.clock.latest();
            let (after, answer) = match change::change(&guard, &handle.channel, &handle.key, asked, now)? {
                Changed::Deleted => {
                    self.delete(handle.channel, &handle.live).await?;
                    return Ok(Answer::Done);
                }
                Changed::Done(after) => (after, Answer::Done),
                Changed::Waits { guard, change, due } => (guard, Answer::Waits { change, due }),
            };
            if self.replace(&handle, guard, after).await? {
                return Ok(answer);
            }
        }
    }

    pub(super) async fn cancel(&self, session: &Session, handle: u32, id: ChangeId) -> Result<Answer, Stop> {
        let handle = self.control(session, handle)?;
        let _turn = handle.live.turn.write().await;
        loop {
            let (guard, _) = self.found_in_turn(&handle).await?;
            let after = change::cancel(&guard, &handle.key, id)?;
            if self.replace(&handle, guard, after).await? {
                return Ok(Answer::Done);
            }
        }
    }

    pub(super) async fn changes(&self, session: &Session, handle: u32) -> Result<Answer, Stop> {
        let handle = self.control(session, handle)?;
        let (guard, _) = self.found(&handle).await?;
        Ok(Answer::Changes(change::changes(&guard, &handle.key)?))
    }

    fn control(&self, session: &Session, handle: u32) -> Result<Arc<Handle>, RefusedBecause> {
        let handle = session.handle(handle, Role::Control)?;
        handle.write(self.clock.now())?;
        Ok(handle)
    }

    /// Whether the guard was written; not, if another node was quicker.
    async fn replace(&self, handle: &Handle, from: Arc<Guard>, to: Guard) -> Result<bool, RefusedBecause> {
        if *from == to {
            return Ok(true);
        }
        let written = self
            .store
            .put_guard(handle.channel, Some(from), to)
            .await
            .map_err(|error| self.refusal(error))?;
        if written {
            self.read_on(handle.live.changed());
        }
        Ok(written)
    }
}
