//! `Create` and `Open`.

use caucus_proto::id::ChannelId;
use caucus_proto::wire::{Answer, ChannelSpec, Pass, Proof, RefusedBecause, Role};
use tokio::time::Instant;

use crate::net::desk::Desk;
use crate::net::session::{Handle, Session};
use crate::relay::change::{Changed, settle};
use crate::relay::create::{self, Creation};
use crate::relay::open::{self, Opening};
use crate::relay::stop::Stop;
use crate::store::Store;

impl<S: Store> Desk<S> {
    pub(super) async fn create(
        &self,
        session: &Session,
        spec: &ChannelSpec,
        proof: &Proof,
        pass: Option<&Pass>,
    ) -> Result<Answer, Stop> {
        session.create(self.clock.now())?;
        let asked = Creation { spec, proof, pass };
        let now = self.clock.latest();
        let (channel, guard) = create::create(
            asked,
            self.verifier(session),
            &self.limits(),
            &self.pass_secret,
            now,
        )?;
        if self
            .store
            .guard(channel)
            .await
            .map_err(|error| self.refusal(error))?
            .is_some()
        {
            return Err(RefusedBecause::Exists.into());
        }
        if self.store.usage().channels >= self.limits().channels {
            return Err(RefusedBecause::RelayFull.into());
        }
        if let Some((nonce, day)) = guard.pass {
            self.spend(channel, &nonce, day).await?;
        }
        if self
            .store
            .put_guard(channel, None, guard)
            .await
            .map_err(|error| self.refusal(error))?
        {
            Ok(Answer::Created)
        } else {
            Err(RefusedBecause::Exists.into())
        }
    }

    /// Marks a pass as spent on this channel.
    async fn spend(&self, channel: ChannelId, nonce: &[u8; 16], day: u32) -> Result<(), RefusedBecause> {
        let (place, mark) = create::spent_mark(nonce, day, &channel);
        if self
            .store
            .put_guard(place, None, mark)
            .await
            .map_err(|error| self.refusal(error))?
        {
            return Ok(());
        }
        match self
            .store
            .guard(place)
            .await
            .map_err(|error| self.refusal(error))?
        {
            Some((mark, _)) if create::spent_on(&mark, nonce, &channel) => Ok(()),
            _ => Err(RefusedBecause::PassRefused),
        }
    }

    pub(super) async fn open(
        &self,
        session: &Session,
        channel: ChannelId,
        role: Role,
        key: [u8; 32],
        proof: Proof,
    ) -> Result<Answer, Stop> {
        let started = Instant::now();
        let asked = Opening {
            channel,
            role,
            key,
            proof,
        };
        let opened = self.try_open(session, &asked).await;
        if opened == Err(RefusedBecause::NotOpened) {
            tokio::time::sleep_until(started + self.not_opened_after).await;
        }
        Ok(opened?)
    }

    async fn try_open(&self, session: &Session, asked: &Opening) -> Result<Answer, RefusedBecause> {
        let now = self.clock.now();
        session.open(now)?;
        if session.is_full(self.limits().handles) {
            return Err(RefusedBecause::TooMany);
        }
        let place = self.budget.handle().ok_or(RefusedBecause::TooMany)?;
        let found = self
            .store
            .guard(asked.channel)
            .await
            .map_err(|error| self.refusal(error))?;
        let hours = self.clock.hours();
        let guard = found.as_ref().map(|(guard, _)| &**guard);
        // A change whose hour came may have given the channel to this key while nobody looked.
        let settled = match guard.and_then(|guard| settle(guard, hours)) {
            Some(Changed::Done(settled)) => Some(settled),
            _ => None,
        };
        let known = [guard, settled.as_ref()];
        open::open(known.into_iter().flatten(), asked, self.verifier(session), hours)?;
        let live = self.lives.of(asked.channel, &self.limits(), now);
        // What time has done to the guard may have taken the key away.
        let guard = match self.guard(asked.channel, &live).await? {
            Some((guard, _)) if guard.opens(asked.role, &asked.key) => guard,
            _ => return Err(RefusedBecause::NotOpened),
        };
        let handle = Handle::new(
            asked.channel,
            asked.role,
            asked.key,
            live,
            (&self.limits(), now),
            place,
        );
        Ok(Answer::Opened {
            handle: session.add(handle, self.limits().handles)?,
            counter: guard.counter,
            newest: guard.newest,
        })
    }
}
