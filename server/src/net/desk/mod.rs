//! Where requests are carried out: the rules of `relay` are asked, then the store.

mod changes;
mod entries;
#[cfg(test)]
mod guesses;
mod keys;
#[cfg(test)]
mod model;
mod operate;
#[cfg(test)]
mod random;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use caucus_proto::id::{ChannelId, Hours};
use caucus_proto::wire::{Answer, RefusedBecause, Request};
use tokio::sync::watch;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::limits::Limits;
use crate::net::budget::Budget;
use crate::net::follower::Follower;
use crate::net::live::{Live, Lives};
use crate::net::read;
use crate::net::session::Session;
use crate::net::totals::Totals;
use crate::relay::change::{Changed, settle};
use crate::relay::guard::{Guard, day_of};
use crate::relay::open::Verifier;
use crate::relay::stop::Stop;
use crate::store::{ChannelUsage, Store, StoreError};

const NOT_OPENED_AFTER: Duration = Duration::from_millis(5);

/// The guard of a channel and what it holds.
type Found = (Arc<Guard>, ChannelUsage);

/// What every connection of a relay shares.
pub(crate) struct Desk<S> {
    pub(crate) store: Arc<S>,
    pub(crate) clock: Arc<dyn Clock>,
    limits: RwLock<Arc<Limits>>,
    pub(crate) budget: Budget,
    /// This process's proof key: public.
    pub(crate) proof_key: [u8; 32],
    proof_secret: StaticSecret,
    pass_secret: Zeroizing<[u8; 32]>,
    /// Every `NotOpened` goes out so long after its request was taken up, whatever the look-ups before took.
    not_opened_after: Duration,
    lives: Lives,
    pub(crate) totals: Totals,
    me: Weak<Self>,
    draining: AtomicBool,
    failed: watch::Sender<Option<String>>,
}

impl<S: Store> Desk<S> {
    /// With a proof key of its own from `seed`, which must be random.
    pub(crate) fn new(
        store: Arc<S>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        pass_secret: Zeroizing<[u8; 32]>,
        seed: &Zeroizing<[u8; 32]>,
    ) -> Self {
        let proof_secret = StaticSecret::from(**seed);
        Self {
            me: Weak::new(),
            totals: Totals::default(),
            proof_key: PublicKey::from(&proof_secret).to_bytes(),
            lives: Lives::new(&limits),
            budget: Budget::new(&limits),
            store,
            clock,
            limits: RwLock::new(Arc::new(limits)),
            proof_secret,
            pass_secret,
            not_opened_after: NOT_OPENED_AFTER,
            draining: AtomicBool::new(false),
            failed: watch::Sender::new(None),
        }
    }

    /// For connections and followers to share: only a shared desk reads on.
    pub(crate) fn shared(self) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            ..self
        })
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on everything is refused.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// A channel that is in use.
    pub(crate) fn in_use(&self, channel: &ChannelId) -> Option<Arc<Live>> {
        self.lives.known(channel)
    }

    /// Gives each of these followers a task of its own until it has caught up.
    pub(crate) fn read_on(&self, behind: Vec<Follower>) {
        for behind in behind {
            if let Some(desk) = self.me.upgrade() {
                tokio::spawn(read::go_on(desk, behind));
            }
        }
    }

    /// Frees what has expired by this hour. Whether there is room again, the next entry tells.
    pub(crate) async fn expire(&self, now: Hours) {
        if let Err(error) = self.store.expire(now).await {
            tracing::error!("expiry: {error}");
        }
        self.totals.full.store(false, Ordering::Relaxed);
    }

    /// Lets go of what nobody uses any more.
    pub(crate) fn sweep(&self) {
        self.lives.sweep(self.clock.now());
    }

    /// Carries out a request.
    pub(crate) async fn answer(&self, session: &Session, request: Request) -> Answer {
        if self.draining.load(Ordering::Relaxed) {
            return Answer::Refused(RefusedBecause::Draining);
        }
        let answer = match request {
            Request::Create { spec, proof, pass } => self.create(session, &spec, &proof, pass.as_ref()).await,
            Request::Open {
                channel,
                role,
                key,
                proof,
            } => self.open(session, channel, role, key, proof).await,
            Request::Close { handle } => session.close(handle).map(|()| Answer::Done).map_err(Stop::from),
            Request::Append {
                handle,
                counter,
                bytes,
            } => self.append(session, handle, counter, bytes).await,
            Request::Advance {
                handle,
                counter,
                bytes,
            } => self.advance(session, handle, counter, bytes).await,
            Request::Cut {
                handle,
                counter,
                bytes,
                access,
                readers,
            } => self.cut(session, handle, counter, bytes, access, &readers).await,
            Request::Hold { handle, seconds } => self.hold(session, handle, seconds).await,
            Request::Change { handle, change } => self.change(session, handle, &change).await,
            Request::Cancel { handle, change } => self.cancel(session, handle, change).await,
            Request::Changes { handle } => self.changes(session, handle).await,
            Request::Info => Ok(Answer::Info(self.limits().info(self.store.kind()))),
        };
        answer.unwrap_or_else(Answer::from)
    }

    fn verifier<'a>(&'a self, session: &'a Session) -> Verifier<'a> {
        Verifier {
            secret: &self.proof_secret,
            binding: &session.binding,
        }
    }

    /// The guard of a channel as time has made it; none if there is none, or its time is over.
    pub(crate) async fn guard(
        &self,
        channel: ChannelId,
        live: &Live,
    ) -> Result<Option<Found>, RefusedBecause> {
        if live.is_gone() {
            // What was created under this id since is another channel: its handles are opened anew.
            return Ok(None);
        }
        let found = self
            .store
            .guard(channel)
            .await
            .map_err(|error| self.refusal(error))?;
        let now = self.clock.hours();
        match found {
            Some((guard, _)) if is_stale(&guard, now) => {
                let _turn = live.turn.write().await;
                self.settled(channel, live).await
            }
            found => Ok(found.filter(|(guard, _)| guard.lives(now))),
        }
    }

    /// The same for whoever has the channel's turn already.
    async fn settled(&self, channel: ChannelId, live: &Live) -> Result<Option<Found>, RefusedBecause> {
        let now = self.clock.hours();
        loop {
            if live.is_gone() {
                return Ok(None);
            }
            let Some((guard, usage)) = self
                .store
                .guard(channel)
                .await
                .map_err(|error| self.refusal(error))?
            else {
                return Ok(None);
            };
            if !guard.lives(now) {
                return Ok(None);
            }
            if !is_stale(&guard, now) {
                return Ok(Some((guard, usage)));
            }
            let mut after = match settle(&guard, now) {
                None => Guard::clone(&guard),
                Some(Changed::Done(after) | Changed::Waits { guard: after, .. }) => after,
                Some(Changed::Deleted) => {
                    self.delete(channel, live).await?;
                    return Ok(None);
                }
            };
            after.used = day_of(self.clock.latest());
            // Not written means that another node was quicker: what it wrote is read in the next round.
            if self
                .store
                .put_guard(channel, Some(guard), after)
                .await
                .map_err(|error| self.refusal(error))?
            {
                self.read_on(live.changed());
            }
        }
    }

    /// What a failed store is to a client. A failure that may have lost something ends the relay.
    pub(crate) fn refusal(&self, error: StoreError) -> RefusedBecause {
        match error {
            StoreError::Full => {
                self.totals.full.store(true, Ordering::Relaxed);
                RefusedBecause::RelayFull
            }
            StoreError::Closed => RefusedBecause::Draining,
            // Of what was stored before: what comes is not touched by it.
            StoreError::Damaged(what) => {
                tracing::error!("the store is damaged: {what}");
                RefusedBecause::StoreFailed
            }
            failed => {
                // Never names a channel: the store's errors are about files.
                tracing::error!("{failed}");
                self.failed.send_if_modified(|first| {
                    let is_first = first.is_none();
                    if is_first {
                        *first = Some(failed.to_string());
                    }
                    is_first
                });
                RefusedBecause::StoreFailed
            }
        }
    }

    /// Waits until the store has failed, and says how.
    pub(crate) async fn store_failed(&self) -> StoreError {
        let mut failed = self.failed.subscribe();
        match failed
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|why| why.clone())
        {
            Some(why) => StoreError::Failed(why),
            None => StoreError::Closed,
        }
    }

    async fn delete(&self, channel: ChannelId, live: &Live) -> Result<(), RefusedBecause> {
        self.store
            .delete(channel)
            .await
            .map_err(|error| self.refusal(error))?;
        self.read_on(live.gone());
        self.lives.forget(&channel);
        Ok(())
    }
}

fn is_stale(guard: &Guard, now: Hours) -> bool {
    day_of(guard.used) < day_of(now) || guard.waiting.iter().any(|waiting| waiting.due <= now)
}
