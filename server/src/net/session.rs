//! What one connection holds: its handles and its rates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use caucus_proto::id::ChannelId;
use caucus_proto::wire::proof::Binding;
use caucus_proto::wire::{Control, RefusedBecause, Role};

use crate::clock::Moment;
use crate::limits::Limits;
use crate::net::budget::Share;
use crate::net::follower::Readings;
use crate::net::live::{Live, locked};
use crate::relay::pace::Bucket;

const BURST_SECONDS: u64 = 16;

/// A capability that was proved once on this connection. Whether its key still opens the channel, every use
/// asks the guard.
pub(crate) struct Handle {
    pub(crate) channel: ChannelId,
    pub(crate) role: Role,
    pub(crate) key: [u8; 32],
    pub(crate) live: Arc<Live>,
    rate: Mutex<Bucket>,
    /// Of the handles of the whole relay.
    _place: Share,
}

impl Handle {
    pub(crate) fn new(
        channel: ChannelId,
        role: Role,
        key: [u8; 32],
        live: Arc<Live>,
        (limits, now): (&Limits, Moment),
        place: Share,
    ) -> Self {
        let rate = Mutex::new(Bucket::new(limits.appends_per_second, now));
        Self {
            channel,
            role,
            key,
            live,
            rate,
            _place: place,
        }
    }

    /// Takes one write from its rate.
    pub(crate) fn write(&self, now: Moment) -> Result<(), RefusedBecause> {
        locked(&self.rate).take(now)
    }
}

#[derive(Default)]
struct Handles {
    open: HashMap<u32, Arc<Handle>>,
    last: u32,
}

/// One connection.
pub(crate) struct Session {
    pub(crate) binding: Binding,
    handles: Mutex<Handles>,
    creates: Mutex<Bucket>,
    opens: Mutex<Bucket>,
    /// Its reading streams.
    pub(crate) readings: Readings,
}

impl Session {
    pub(crate) fn new(binding: Binding, limits: &Limits, now: Moment) -> Self {
        let bucket = |per_second| Mutex::new(Bucket::with_burst(per_second, BURST_SECONDS, now));
        Self {
            binding,
            handles: Mutex::default(),
            creates: bucket(limits.creates_per_second),
            opens: bucket(limits.opens_per_second),
            readings: Readings::default(),
        }
    }

    /// Takes one `Create` from its rate.
    pub(crate) fn create(&self, now: Moment) -> Result<(), RefusedBecause> {
        locked(&self.creates).take(now)
    }

    /// Takes one `Open` from its rate.
    pub(crate) fn open(&self, now: Moment) -> Result<(), RefusedBecause> {
        locked(&self.opens).take(now)
    }

    /// Gives a handle its number; numbers are not used twice.
    pub(crate) fn add(&self, handle: Handle, most: usize) -> Result<u32, RefusedBecause> {
        let mut handles = locked(&self.handles);
        if handles.open.len() >= most {
            return Err(RefusedBecause::TooMany);
        }
        let number = handles.last.checked_add(1).ok_or(RefusedBecause::TooMany)?;
        handles.last = number;
        handles.open.insert(number, Arc::new(handle));
        Ok(number)
    }

    /// Whether there is no room for another.
    pub(crate) fn is_full(&self, most: usize) -> bool {
        locked(&self.handles).open.len() >= most
    }

    /// Gives a handle back.
    pub(crate) fn close(&self, number: u32) -> Result<(), RefusedBecause> {
        let removed = locked(&self.handles).open.remove(&number);
        removed.map(|_| ()).ok_or(RefusedBecause::WrongHandle)
    }

    /// A handle of this role.
    pub(crate) fn handle(&self, number: u32, role: Role) -> Result<Arc<Handle>, RefusedBecause> {
        let found = locked(&self.handles).open.get(&number).cloned();
        found
            .filter(|handle| handle.role == role)
            .ok_or(RefusedBecause::WrongHandle)
    }

    /// A handle that may read.
    pub(crate) fn reader(&self, number: u32) -> Result<Arc<Handle>, RefusedBecause> {
        self.handle(number, Role::Read)
            .or_else(|_| self.handle(number, Role::Control))
    }

    /// Lets go of reading streams that the client stopped.
    pub(crate) fn prune(&self) {
        for handle in locked(&self.handles).open.values() {
            handle.live.prune();
        }
    }

    /// The connection is over: nobody follows on it any more.
    pub(crate) fn part(&self) {
        self.readings.end();
        for handle in locked(&self.handles).open.values() {
            handle.live.part(&self.readings);
        }
    }

    /// Whether it has a handle of this control.
    pub(crate) fn has_control(&self, channel: &ChannelId, control: &Control) -> bool {
        let handles = locked(&self.handles);
        handles.open.values().any(|handle| {
            handle.role == Role::Control && handle.channel == *channel && handle.key == *control
        })
    }
}
