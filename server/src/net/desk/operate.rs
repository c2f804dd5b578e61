//! What whoever runs the relay asks of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use caucus_proto::id::ChannelId;

use crate::limits::Limits;
use crate::net::desk::Desk;
use crate::operate::{Asked, Operator};
use crate::report::{Readiness, Report};
use crate::store::{Export, Store, StoreError};

impl<S: Store> Operator for Desk<S> {
    fn report(&self) -> Report {
        let usage = self.store.usage();
        let readiness = if self.failed.borrow().is_some() {
            Readiness::Failed
        } else if self.draining.load(Ordering::Relaxed) {
            Readiness::Draining
        } else if self.totals.full.load(Ordering::Relaxed) {
            Readiness::Full
        } else {
            Readiness::Ready
        };
        Report {
            readiness,
            connections: self.totals.connections.get() as u64,
            channels: usage.channels,
            stored_bytes: usage.bytes,
            damaged: usage.damaged,
            appends: self.totals.appends.get(),
            deliveries: self.totals.deliveries.get(),
            refusals: self.totals.refusals(),
        }
    }

    fn reload(&self, limits: &Limits) -> Vec<&'static str> {
        let (taken, later) = self.limits().taken_from(limits);
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(taken);
        later
    }

    fn delete(&self, channel: ChannelId) -> Asked<'_, bool> {
        Box::pin(async move {
            let live = self.lives.of(channel, &self.limits(), self.clock.now());
            let _turn = live.turn.write().await;
            if self.store.guard(channel).await?.is_none() {
                return Ok(false);
            }
            self.delete(channel, &live)
                .await
                .map_err(|_| StoreError::Failed("the channel is not deleted".to_owned()))?;
            Ok(true)
        })
    }

    fn export(&self) -> Asked<'_, Option<Box<dyn Export>>> {
        Box::pin(self.store.export())
    }
}
