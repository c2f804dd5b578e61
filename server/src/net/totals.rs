//! What is counted over the whole relay, and nothing by client or channel.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use caucus_proto::wire::RefusedBecause;

use crate::net::live::locked;

/// The totals of a process, from its start.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) connections: Gauge,
    pub(crate) appends: Count,
    pub(crate) deliveries: Count,
    /// Whether the last entry found no room.
    pub(crate) full: AtomicBool,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

/// Only grows.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now.
#[derive(Default)]
pub(crate) struct Gauge(AtomicUsize);

impl Gauge {
    /// One more, until what this gives is dropped.
    pub(crate) fn one(&self) -> One<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        One(self)
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts in a [`Gauge`].
pub(crate) struct One<'a>(&'a Gauge);

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Totals {
    pub(crate) fn refused(&self, because: RefusedBecause) {
        *locked(&self.refused).entry(kind(because)).or_default() += 1;
    }

    /// Refusals by kind.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        locked(&self.refused)
            .iter()
            .map(|(kind, count)| (*kind, *count))
            .collect()
    }
}

const fn kind(because: RefusedBecause) -> &'static str {
    match because {
        RefusedBecause::NotOpened => "not_opened",
        RefusedBecause::WrongHandle => "wrong_handle",
        RefusedBecause::HandleEnded => "handle_ended",
        RefusedBecause::Malformed => "malformed",
        RefusedBecause::NoBucket => "no_bucket",
        RefusedBecause::PassWanted | RefusedBecause::PassRefused => "pass",
        RefusedBecause::TooFast { .. } | RefusedBecause::TooMany => "too_much",
        RefusedBecause::RelayFull => "relay_full",
        RefusedBecause::StoreFailed => "store_failed",
        RefusedBecause::Draining => "draining",
        _ => "other",
    }
}
