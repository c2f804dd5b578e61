//! `Append`, `Advance` and `Cut`: entries into the store, from where `net::fanout` hands them to the followers.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use caucus_proto::id::{Counter, Position};
use caucus_proto::wire::{Access, Answer, Flag, RefusedBecause, Role, SegmentReader, bucket};

use crate::net::desk::{Desk, Found};
use crate::net::lot::lot;
use crate::net::session::{Handle, Session};
use crate::relay::append::{self, Scene, Wanted};
use crate::relay::cut::{self, Cutting};
use crate::relay::guard::Guard;
use crate::relay::pace::Turn;
use crate::relay::stop::Stop;
use crate::store::{Appended, NewEntry, Store};

impl<S: Store> Desk<S> {
    pub(super) async fn append(
        &self,
        session: &Session,
        handle: u32,
        counter: Counter,
        bytes: Bytes,
    ) -> Result<Answer, Stop> {
        let handle = self.writer(session, handle, Role::Append, &bytes)?;
        let (guard, usage) = self.found(&handle).await?;
        {
            let now = self.clock.now();
            let scene = Scene {
                guard: &guard,
                usage,
                limits: &self.limits(),
                now,
            };
            let mut pace = handle.live.pace();
            let wanted = Wanted {
                key: &handle.key,
                counter,
                size: bytes.len(),
                holder: pace
                    .held(now)
                    .is_some_and(|hold| session.has_control(&handle.channel, &hold.control)),
            };
            append::append(&scene, &wanted, &mut pace)?;
        }
        let shared = handle.live.turn.read().await;
        let stored = self
            .store(&handle, &guard, counter, Flag::Plain, bytes, None)
            .await?;
        drop(shared);
        handle.live.room().await;
        Ok(Answer::Stored { position: stored })
    }

    pub(super) async fn advance(
        &self,
        session: &Session,
        handle: u32,
        counter: Counter,
        bytes: Bytes,
    ) -> Result<Answer, Stop> {
        let handle = self.writer(session, handle, Role::Append, &bytes)?;
        let found = self.found(&handle).await?;
        self.may_advance(session, &handle, &found, counter, bytes.len())?;
        let ticket = lot();
        let turn = handle
            .live
            .pace()
            .advance(ticket, &self.limits(), self.clock.now())?;
        if let Turn::Draw(closes) = turn {
            self.clock.sleep_until(closes).await;
            let drawn = handle.live.pace().drawn(ticket, &self.limits());
            if let Err(lost) = drawn {
                let (guard, _) = self.found(&handle).await?;
                return Err(if guard.counter == counter {
                    lost.into()
                } else {
                    Stop::moved(&guard)
                });
            }
        }
        let _turn = handle.live.turn.write().await;
        let found = self.found_in_turn(&handle).await?;
        self.may_advance(session, &handle, &found, counter, bytes.len())?;
        let after = append::advanced(&found.0);
        let stored = self
            .store(&handle, &found.0, counter, Flag::Advance, bytes, Some(after))
            .await?;
        handle.live.pace().advanced(self.clock.now());
        Ok(Answer::Stored { position: stored })
    }

    pub(super) async fn cut(
        &self,
        session: &Session,
        handle: u32,
        counter: Counter,
        bytes: Bytes,
        access: Access,
        readers: &[SegmentReader],
    ) -> Result<Answer, Stop> {
        let handle = self.writer(session, handle, Role::Control, &bytes)?;
        let _turn = handle.live.turn.write().await;
        let (guard, usage) = self.found_in_turn(&handle).await?;
        let oldest = self.oldest(&handle, &guard).await?;
        let after = {
            let scene = Scene {
                guard: &guard,
                usage,
                limits: &self.limits(),
                now: self.clock.now(),
            };
            let asked = Cutting {
                control: &handle.key,
                counter,
                size: bytes.len(),
                access: &access,
                readers,
            };
            cut::cut(&scene, &asked, &handle.live.pace(), oldest)?
        };
        let stored = self
            .store(&handle, &guard, counter, Flag::Cut, bytes, Some(after))
            .await?;
        cut::stored(&mut handle.live.pace(), &handle.key, self.clock.now());
        Ok(Answer::Stored { position: stored })
    }

    /// A handle of this role that may write now, for an entry of one of the sizes.
    fn writer(
        &self,
        session: &Session,
        handle: u32,
        role: Role,
        bytes: &Bytes,
    ) -> Result<std::sync::Arc<Handle>, RefusedBecause> {
        let handle = session.handle(handle, role)?;
        if !bucket::is_bucket(bytes.len()) {
            return Err(RefusedBecause::NoBucket);
        }
        handle.write(self.clock.now())?;
        Ok(handle)
    }

    pub(super) async fn found(&self, handle: &Handle) -> Result<Found, RefusedBecause> {
        let found = self.guard(handle.channel, &handle.live).await?;
        found.ok_or(RefusedBecause::NotOpened)
    }

    pub(super) async fn found_in_turn(&self, handle: &Handle) -> Result<Found, RefusedBecause> {
        let found = self.settled(handle.channel, &handle.live).await?;
        found.ok_or(RefusedBecause::NotOpened)
    }

    fn may_advance(
        &self,
        session: &Session,
        handle: &Handle,
        (guard, usage): &Found,
        counter: Counter,
        size: usize,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let scene = Scene {
            guard,
            usage: *usage,
            limits: &self.limits(),
            now,
        };
        let pace = handle.live.pace();
        let wanted = Wanted {
            key: &handle.key,
            counter,
            size,
            holder: pace
                .held(now)
                .is_some_and(|hold| session.has_control(&handle.channel, &hold.control)),
        };
        append::may_enter(&scene, &wanted, &pace)
    }

    /// The position of the channel's oldest living entry, or the one after its newest.
    async fn oldest(&self, handle: &Handle, guard: &Guard) -> Result<Position, RefusedBecause> {
        let now = self.clock.hours();
        let first = self
            .store
            .read(handle.channel, Position(0), 1, now)
            .await
            .map_err(|error| self.refusal(error))?;
        Ok(first.first().map_or(guard.newest.next(), |entry| entry.position))
    }

    async fn store(
        &self,
        handle: &Handle,
        guard: &Guard,
        counter: Counter,
        flag: Flag,
        bytes: Bytes,
        after: Option<Guard>,
    ) -> Result<Position, Stop> {
        let expires = append::expiry(guard, flag, self.clock.latest());
        let entry = NewEntry {
            channel: handle.channel,
            counter,
            flag,
            expires,
            bytes,
            guard: after,
        };
        match self
            .store
            .append(entry)
            .await
            .map_err(|error| self.refusal(error))?
        {
            Appended::Stored(position) => {
                self.totals.appends.add(1);
                self.totals.full.store(false, Ordering::Relaxed);
                Ok(position)
            }
            Appended::Moved { counter, newest } => Err(Stop::Moved { counter, newest }),
            Appended::Gone => Err(RefusedBecause::NotOpened.into()),
        }
    }
}
