//! The relay's rules once more, slowly and obviously, as plain lists. Shares nothing
//! with the relay but the types of the wire.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::{
    Access, Answer, Change, ChangeId, ChannelSpec, Control, Entry, Flag, RefusedBecause, Retention, Role,
    SegmentReader, Waiting,
};

/// The numbers a model relay goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) channels: usize,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) reserved_percent: u64,
    pub(super) handle_rate: u64,
    pub(super) channel_rate: u64,
    pub(super) create_rate: u64,
    pub(super) open_rate: u64,
    pub(super) advance_ms: u64,
    pub(super) handles: usize,
    pub(super) plain: Retention,
    pub(super) flagged: Retention,
}

/// A room with a tap: so many tokens at most, so many a second.
#[derive(Clone, Copy, Debug)]
struct Tap {
    rate: u64,
    most: u64,
    milli: u64,
    at: u64,
}

impl Tap {
    fn new(rate: u64, seconds: u64, now: u64) -> Self {
        let most = rate * seconds * 1_000;
        Self {
            rate,
            most,
            milli: most,
            at: now,
        }
    }

    fn take(&mut self, now: u64) -> Result<(), RefusedBecause> {
        self.milli = self.most.min(self.milli + (now - self.at) * self.rate);
        self.at = now;
        if self.milli >= 1_000 {
            self.milli -= 1_000;
            return Ok(());
        }
        let mut wait = 0;
        while self.milli + wait * self.rate < 1_000 {
            wait += 1;
        }
        Err(too_fast(wait))
    }
}

fn too_fast(ms: u64) -> RefusedBecause {
    RefusedBecause::TooFast { retry_ms: ms as u32 }
}

#[derive(Clone, Debug)]
struct Segment {
    first: u64,
    last: Option<u64>,
    keys: Vec<[u8; 32]>,
}

#[derive(Clone, Debug)]
struct Asked {
    change: Change,
    slot: u8,
    due: u64,
}

#[derive(Clone, Debug)]
struct Channel {
    /// Tells one life of a channel from the next under the same id.
    life: u64,
    counter: u64,
    newest: u64,
    access: Access,
    controls: Vec<Control>,
    solo: bool,
    plain: Retention,
    flagged: Retention,
    trimmed: u64,
    entries: Vec<Entry>,
    segments: Vec<Segment>,
    asked: Vec<Asked>,
    used_day: u64,
}

/// What is forgotten when a relay restarts.
#[derive(Clone, Debug)]
struct Pace {
    hold: Option<(Control, u64)>,
    held: BTreeMap<Control, u64>,
    cut: BTreeMap<Control, u64>,
    advanced: Option<u64>,
    tap: Tap,
}

#[derive(Clone, Debug)]
struct Handle {
    channel: ChannelId,
    life: u64,
    role: Role,
    key: [u8; 32],
    tap: Tap,
}

#[derive(Clone, Debug)]
struct Session {
    handles: BTreeMap<u32, Handle>,
    last: u32,
    creates: Tap,
    opens: Tap,
}

/// The relay as it should be.
pub(super) struct Model {
    rules: Rules,
    now: u64,
    hour0: u64,
    channels: BTreeMap<ChannelId, Channel>,
    paces: BTreeMap<(ChannelId, u64), Pace>,
    deleted: BTreeMap<ChannelId, u64>,
    sessions: Vec<Session>,
}

type Told = Result<Answer, RefusedBecause>;

impl Channel {
    fn slot(&self, key: &Control) -> Option<u8> {
        self.controls
            .iter()
            .position(|control| control == key)
            .map(|at| at as u8)
    }

    fn opens(&self, role: Role, key: &[u8; 32]) -> bool {
        match role {
            Role::Append => self.access.append == *key,
            Role::Control => self.slot(key).is_some(),
            Role::Read => self.segments.iter().any(|segment| segment.keys.contains(key)),
        }
    }

    fn living(&self, hour: u64) -> impl Iterator<Item = &Entry> {
        let trimmed = self.trimmed;
        self.entries
            .iter()
            .filter(move |entry| entry.expires.0 >= hour && entry.position.0 > trimmed)
    }

    fn readable(&self, role: Role, key: &[u8; 32], hour: u64) -> Vec<Entry> {
        let may = |at: u64| match role {
            Role::Append => false,
            Role::Control => self.slot(key).is_some(),
            Role::Read => self.segments.iter().any(|segment| {
                segment.keys.contains(key)
                    && segment.first <= at
                    && segment.last.is_none_or(|last| at <= last)
            }),
        };
        self.living(hour)
            .filter(|entry| may(entry.position.0))
            .cloned()
            .collect()
    }

    fn has_room(&self, size: usize, control: bool, rules: &Rules, hour: u64) -> bool {
        let share = |whole: u64| {
            if control {
                whole
            } else {
                whole - whole * rules.reserved_percent / 100
            }
        };
        let held: u64 = self.living(hour).map(|entry| entry.bytes.len() as u64).sum();
        let count = self.living(hour).count() as u64;
        count < share(rules.entries) && held + size as u64 <= share(rules.bytes)
    }

    fn sensible(&self, change: &Change) -> bool {
        match change {
            Change::Controls { controls, .. } => {
                controls.iter().collect::<BTreeSet<_>>().len() == controls.len()
            }
            Change::Delete => true,
            Change::Trim { until } => until.0 > self.trimmed && until.0 <= self.newest,
            Change::Shorten { plain, flagged } => {
                *plain <= self.plain
                    && *flagged <= self.flagged
                    && (*plain, *flagged) != (self.plain, self.flagged)
                    && plain <= flagged
            }
        }
    }

    /// False if the channel is gone.
    fn change(&mut self, change: &Change) -> bool {
        match change {
            Change::Controls { controls, solo } => {
                self.controls = controls.to_vec();
                self.solo = *solo;
                self.asked.clear();
            }
            Change::Delete => return false,
            Change::Trim { until } => {
                self.trimmed = until.0;
                self.segments
                    .retain(|segment| segment.last.is_none_or(|last| last > until.0));
            }
            Change::Shorten { plain, flagged } => (self.plain, self.flagged) = (*plain, *flagged),
        }
        self.asked.retain(|asked| asked.change != *change);
        true
    }

    /// What is due happens. False if the channel is gone.
    fn settle(&mut self, hour: u64) -> bool {
        loop {
            self.asked.sort_by_key(|asked| (asked.due, asked.slot));
            if self.asked.first().is_none_or(|first| first.due > hour) {
                return true;
            }
            let due = self.asked.remove(0);
            if self.sensible(&due.change) && !self.change(&due.change) {
                return false;
            }
        }
    }

    fn store(&mut self, flag: Flag, bytes: Bytes, hour: u64) -> Answer {
        self.newest += 1;
        let life = if flag == Flag::Plain {
            self.plain
        } else {
            self.flagged
        };
        let days = match life {
            Retention::Day => 1,
            Retention::Week => 7,
            Retention::Month => 30,
            Retention::Quarter => 90,
            Retention::Year => 366,
        };
        self.entries.push(Entry {
            position: Position(self.newest),
            counter: Counter(self.counter),
            flag,
            expires: Hours(hour + days * 24),
            bytes,
        });
        if flag != Flag::Plain {
            self.counter += 1;
        }
        Answer::Stored {
            position: Position(self.newest),
        }
    }
}

impl Model {
    pub(super) fn new(rules: Rules, hour: Hours, sessions: usize) -> Self {
        let mut model = Self {
            rules,
            now: 0,
            hour0: hour.0,
            channels: BTreeMap::new(),
            paces: BTreeMap::new(),
            deleted: BTreeMap::new(),
            sessions: Vec::new(),
        };
        for _ in 0..sessions {
            let session = model.session();
            model.sessions.push(session);
        }
        model
    }

    fn session(&self) -> Session {
        Session {
            handles: BTreeMap::new(),
            last: 0,
            creates: Tap::new(self.rules.create_rate, 16, self.now),
            opens: Tap::new(self.rules.open_rate, 16, self.now),
        }
    }

    /// A connection ends and another begins in its place.
    pub(super) fn leave(&mut self, who: usize) {
        self.sessions[who] = self.session();
    }

    /// Time passes, and the hourly round is made.
    pub(super) fn wait(&mut self, ms: u64) {
        self.now += ms;
        let hour = self.hour();
        self.channels.retain(|_, channel| alive(channel, hour));
    }

    fn hour(&self) -> u64 {
        self.hour0 + self.now / 3_600_000
    }

    /// Numbers of a connection's handles in these roles.
    pub(super) fn handles(&self, who: usize, roles: &[Role]) -> Vec<u32> {
        let mine = self.sessions[who].handles.iter();
        mine.filter(|(_, handle)| roles.contains(&handle.role))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Counter, newest position and first positions of segments, for those who want to ask something likely.
    pub(super) fn state_behind(&self, who: usize, handle: u32) -> (u64, u64, Vec<u64>) {
        let channel = self.sessions[who]
            .handles
            .get(&handle)
            .and_then(|handle| self.channels.get(&handle.channel));
        channel.map_or((0, 0, vec![1]), |channel| {
            let firsts = channel.segments.iter().map(|segment| segment.first).collect();
            (channel.counter, channel.newest, firsts)
        })
    }

    /// Changes that wait on the channel of a handle.
    pub(super) fn waiting_behind(&self, who: usize, handle: u32) -> Vec<ChangeId> {
        let Some(handle) = self.sessions[who].handles.get(&handle) else {
            return Vec::new();
        };
        let channel = self.channels.get(&handle.channel);
        channel.map_or(Vec::new(), |channel| {
            channel
                .asked
                .iter()
                .map(|asked| asked.change.id(&handle.channel))
                .collect()
        })
    }

    /// What this key reads now, if somebody looked.
    pub(super) fn readable(&self, id: ChannelId, role: Role, key: &[u8; 32]) -> Vec<Entry> {
        let hour = self.hour();
        let mut seen = match self.channels.get(&id) {
            Some(channel) if alive(channel, hour) => channel.clone(),
            _ => return Vec::new(),
        };
        if seen.settle(hour) {
            seen.readable(role, key, hour)
        } else {
            Vec::new()
        }
    }

    pub(super) fn create(&mut self, who: usize, spec: &ChannelSpec, proved: bool) -> Answer {
        told(self.try_create(who, spec, proved))
    }

    fn try_create(&mut self, who: usize, spec: &ChannelSpec, proved: bool) -> Told {
        self.sessions[who].creates.take(self.now)?;
        if !proved {
            return Err(RefusedBecause::NotOpened);
        }
        let sane = spec.plain <= spec.flagged
            && spec.plain <= self.rules.plain
            && spec.flagged <= self.rules.flagged
            && spec.access.append != spec.access.read
            && spec.controls.iter().collect::<BTreeSet<_>>().len() == spec.controls.len();
        if !sane {
            return Err(RefusedBecause::NotAllowed);
        }
        if self.channels.contains_key(&spec.id()) {
            return Err(RefusedBecause::Exists);
        }
        if self.channels.len() >= self.rules.channels {
            return Err(RefusedBecause::RelayFull);
        }
        let channel = Channel {
            life: self.deleted.get(&spec.id()).copied().unwrap_or(0),
            counter: spec.counter.0,
            newest: spec.after.0,
            access: spec.access,
            controls: spec.controls.to_vec(),
            solo: spec.solo,
            plain: spec.plain,
            flagged: spec.flagged,
            trimmed: spec.after.0,
            entries: Vec::new(),
            segments: vec![Segment {
                first: spec.after.0 + 1,
                last: None,
                keys: vec![spec.access.read],
            }],
            asked: Vec::new(),
            used_day: self.hour() / 24,
        };
        self.channels.insert(spec.id(), channel);
        Ok(Answer::Created)
    }

    pub(super) fn open(
        &mut self,
        who: usize,
        id: ChannelId,
        role: Role,
        key: [u8; 32],
        proved: bool,
    ) -> Answer {
        told(self.try_open(who, id, role, key, proved))
    }

    fn try_open(&mut self, who: usize, id: ChannelId, role: Role, key: [u8; 32], proved: bool) -> Told {
        let now = self.now;
        self.sessions[who].opens.take(now)?;
        if self.sessions[who].handles.len() >= self.rules.handles {
            return Err(RefusedBecause::TooMany);
        }
        let before = self
            .channels
            .get(&id)
            .is_some_and(|channel| channel.opens(role, &key));
        let mut after = self.channels.get(&id).cloned();
        if let Some(channel) = &mut after
            && !channel.settle(self.hour())
        {
            after = None;
        }
        let later = after.is_some_and(|channel| channel.opens(role, &key));
        if !proved || !(before || later) {
            return Err(RefusedBecause::NotOpened);
        }
        let rate = self.rules.handle_rate;
        let (life, counter, newest) = match self.touch(id) {
            Some(channel) if channel.opens(role, &key) => (channel.life, channel.counter, channel.newest),
            _ => return Err(RefusedBecause::NotOpened),
        };
        let session = &mut self.sessions[who];
        session.last += 1;
        let handle = Handle {
            channel: id,
            life,
            role,
            key,
            tap: Tap::new(rate, 4, now),
        };
        session.handles.insert(session.last, handle);
        Ok(Answer::Opened {
            handle: session.last,
            counter: Counter(counter),
            newest: Position(newest),
        })
    }

    pub(super) fn close(&mut self, who: usize, handle: u32) -> Answer {
        match self.sessions[who].handles.remove(&handle) {
            Some(_) => Answer::Done,
            None => Answer::Refused(RefusedBecause::WrongHandle),
        }
    }

    /// The channel as time has made it; somebody who may has asked for it.
    fn touch(&mut self, id: ChannelId) -> Option<&mut Channel> {
        let hour = self.hour();
        if !self.channels.get(&id).is_some_and(|channel| alive(channel, hour)) {
            return None;
        }
        let stays = self.channels.get_mut(&id)?.settle(hour);
        if !stays {
            self.delete(id);
            return None;
        }
        let channel = self.channels.get_mut(&id)?;
        channel.used_day = channel.used_day.max(hour / 24);
        Some(channel)
    }

    fn delete(&mut self, id: ChannelId) {
        if let Some(gone) = self.channels.remove(&id) {
            self.deleted.insert(id, gone.life + 1);
        }
    }

    fn handle(&self, who: usize, number: u32, roles: &[Role]) -> Result<Handle, RefusedBecause> {
        let handle = self.sessions[who].handles.get(&number);
        let right = handle.filter(|handle| roles.contains(&handle.role)).cloned();
        right.ok_or(RefusedBecause::WrongHandle)
    }

    fn spend(&mut self, who: usize, number: u32) -> Result<(), RefusedBecause> {
        let now = self.now;
        match self.sessions[who].handles.get_mut(&number) {
            Some(handle) => handle.tap.take(now),
            None => Err(RefusedBecause::WrongHandle),
        }
    }

    fn touched(&mut self, handle: &Handle) -> Result<&mut Channel, RefusedBecause> {
        if self.deleted.get(&handle.channel).copied().unwrap_or(0) != handle.life {
            return Err(RefusedBecause::NotOpened);
        }
        self.touch(handle.channel).ok_or(RefusedBecause::NotOpened)
    }

    fn pace(&mut self, handle: &Handle) -> &mut Pace {
        let tap = Tap::new(self.rules.channel_rate, 4, self.now);
        self.paces.entry((handle.channel, handle.life)).or_insert(Pace {
            hold: None,
            held: BTreeMap::new(),
            cut: BTreeMap::new(),
            advanced: None,
            tap,
        })
    }

    pub(super) fn append(&mut self, who: usize, number: u32, counter: u64, bytes: Bytes) -> Answer {
        told(self.enter(who, number, counter, bytes, Flag::Plain))
    }

    pub(super) fn advance(&mut self, who: usize, number: u32, counter: u64, bytes: Bytes) -> Answer {
        told(self.enter(who, number, counter, bytes, Flag::Advance))
    }

    fn enter(&mut self, who: usize, number: u32, counter: u64, bytes: Bytes, flag: Flag) -> Told {
        let handle = self.handle(who, number, &[Role::Append])?;
        if !is_padding(bytes.len()) {
            return Err(RefusedBecause::NoBucket);
        }
        self.spend(who, number)?;
        let (rules, now, hour) = (self.rules, self.now, self.hour());
        let channel = self.touched(&handle)?;
        if channel.access.append != handle.key {
            return Err(RefusedBecause::HandleEnded);
        }
        if channel.counter != counter {
            return Ok(moved(channel));
        }
        let room = channel.has_room(bytes.len(), false, &rules, hour);
        if let Some((control, until)) = self.pace(&handle).hold.filter(|(_, until)| *until > now) {
            let holder = self.sessions[who].handles.values().any(|mine| {
                mine.role == Role::Control && mine.channel == handle.channel && mine.key == control
            });
            if !holder {
                let retry_ms = (until - now) as u32;
                return Err(RefusedBecause::Held { retry_ms });
            }
        }
        if !room {
            return Err(RefusedBecause::ChannelFull);
        }
        let pace = self.pace(&handle);
        if flag == Flag::Plain {
            pace.tap.take(now)?;
        } else {
            let free = pace.advanced.map_or(now, |last| last + rules.advance_ms);
            if free > now {
                return Err(too_fast(free - now));
            }
            pace.advanced = Some(now);
        }
        Ok(self.touched(&handle)?.store(flag, bytes, hour))
    }

    pub(super) fn cut(
        &mut self,
        who: usize,
        number: u32,
        counter: u64,
        bytes: Bytes,
        access: Access,
        readers: &[SegmentReader],
    ) -> Answer {
        told(self.try_cut(who, number, counter, bytes, access, readers))
    }

    fn try_cut(
        &mut self,
        who: usize,
        number: u32,
        counter: u64,
        bytes: Bytes,
        access: Access,
        readers: &[SegmentReader],
    ) -> Told {
        let handle = self.handle(who, number, &[Role::Control])?;
        if !is_padding(bytes.len()) {
            return Err(RefusedBecause::NoBucket);
        }
        self.spend(who, number)?;
        let (rules, now, hour) = (self.rules, self.now, self.hour());
        let channel = self.touched(&handle)?;
        if channel.slot(&handle.key).is_none() {
            return Err(RefusedBecause::HandleEnded);
        }
        if channel.counter != counter {
            return Ok(moved(channel));
        }
        if let Some(last) = self.pace(&handle).cut.get(&handle.key)
            && last + 600_000 > now
        {
            return Err(too_fast(last + 600_000 - now));
        }
        let channel = self.touched(&handle)?;
        if access.append == access.read
            || access.append == channel.access.append
            || access.read == channel.access.read
        {
            return Err(RefusedBecause::NotAllowed);
        }
        if !channel.has_room(bytes.len(), true, &rules, hour) {
            return Err(RefusedBecause::ChannelFull);
        }
        let mut segments = channel.segments.clone();
        for reader in readers {
            let found = segments
                .iter_mut()
                .find(|segment| segment.first == reader.first.0);
            let segment = found.ok_or(RefusedBecause::NotAllowed)?;
            if !segment.keys.contains(&reader.read) {
                segment.keys.push(reader.read);
            }
            if segment.keys.len() > 3 {
                return Err(RefusedBecause::NotAllowed);
            }
        }
        let at = channel.newest + 1;
        let oldest = channel.living(hour).next().map_or(at, |entry| entry.position.0);
        if let Some(current) = segments.last_mut() {
            current.last = Some(at);
        }
        segments.retain(|segment| segment.last.is_none_or(|last| last >= oldest));
        segments.push(Segment {
            first: at + 1,
            last: None,
            keys: vec![access.read],
        });
        channel.segments = segments;
        channel.access = access;
        let answer = channel.store(Flag::Cut, bytes, hour);
        let pace = self.pace(&handle);
        pace.cut.insert(handle.key, now);
        pace.hold = pace.hold.filter(|(control, _)| *control != handle.key);
        Ok(answer)
    }

    pub(super) fn hold(&mut self, who: usize, number: u32, seconds: u8) -> Answer {
        told(self.try_hold(who, number, seconds))
    }

    fn try_hold(&mut self, who: usize, number: u32, seconds: u8) -> Told {
        let handle = self.handle(who, number, &[Role::Control])?;
        self.spend(who, number)?;
        let now = self.now;
        if self.touched(&handle)?.slot(&handle.key).is_none() {
            return Err(RefusedBecause::HandleEnded);
        }
        if !(1..=60).contains(&seconds) {
            return Err(RefusedBecause::NotAllowed);
        }
        let pace = self.pace(&handle);
        if let Some(last) = pace.held.get(&handle.key)
            && last + 600_000 > now
        {
            return Err(too_fast(last + 600_000 - now));
        }
        if let Some((_, until)) = pace.hold.filter(|(_, until)| *until > now) {
            let retry_ms = (until - now) as u32;
            return Err(RefusedBecause::Held { retry_ms });
        }
        pace.held.insert(handle.key, now);
        pace.hold = Some((handle.key, now + u64::from(seconds) * 1_000));
        Ok(Answer::Done)
    }

    /// A control handle that may write now, and the slot of its key.
    fn control(&mut self, who: usize, number: u32) -> Result<(Handle, u8), RefusedBecause> {
        let handle = self.handle(who, number, &[Role::Control])?;
        self.spend(who, number)?;
        let slot = self.touched(&handle)?.slot(&handle.key);
        Ok((handle, slot.ok_or(RefusedBecause::HandleEnded)?))
    }

    pub(super) fn change(&mut self, who: usize, number: u32, change: &Change) -> Answer {
        told(self.try_change(who, number, change))
    }

    fn try_change(&mut self, who: usize, number: u32, change: &Change) -> Told {
        let (handle, slot) = self.control(who, number)?;
        let hour = self.hour();
        let channel = self.touched(&handle)?;
        if !channel.sensible(change) {
            return Err(RefusedBecause::NotAllowed);
        }
        let same = channel.asked.iter().find(|asked| asked.change == *change);
        let agreed = same.is_some_and(|asked| asked.slot != slot);
        if channel.solo || agreed {
            if !channel.change(change) {
                self.delete(handle.channel);
            }
            return Ok(Answer::Done);
        }
        let due = same.map_or(hour + 7 * 24, |asked| asked.due);
        if same.is_none() {
            channel.asked.retain(|asked| asked.slot != slot);
            channel.asked.push(Asked {
                change: change.clone(),
                slot,
                due,
            });
        }
        Ok(Answer::Waits {
            change: change.id(&handle.channel),
            due: Hours(due),
        })
    }

    pub(super) fn cancel(&mut self, who: usize, number: u32, id: ChangeId) -> Answer {
        let asked = self.control(who, number).and_then(|(handle, _)| {
            let name = handle.channel;
            let channel = self.touched(&handle)?;
            let before = channel.asked.len();
            channel.asked.retain(|asked| asked.change.id(&name) != id);
            if channel.asked.len() == before {
                return Err(RefusedBecause::NotAllowed);
            }
            Ok(Answer::Done)
        });
        told(asked)
    }

    /// Whether a handle reads anything at all.
    pub(super) fn read(&mut self, who: usize, number: u32) -> Result<bool, RefusedBecause> {
        let handle = self.handle(who, number, &[Role::Read, Role::Control])?;
        let found = self.touched(&handle);
        Ok(found.is_ok_and(|channel| channel.opens(handle.role, &handle.key)))
    }

    pub(super) fn changes(&mut self, who: usize, number: u32) -> Answer {
        let listed = self.control(who, number).and_then(|(handle, _)| {
            let waiting = self.touched(&handle)?.asked.iter().map(|asked| Waiting {
                change: asked.change.clone(),
                slot: asked.slot,
                due: Hours(asked.due),
            });
            Ok(Answer::Changes(waiting.collect()))
        });
        told(listed)
    }
}

fn told(answer: Told) -> Answer {
    answer.unwrap_or_else(Answer::Refused)
}

fn moved(channel: &Channel) -> Answer {
    Answer::Moved {
        counter: Counter(channel.counter),
        newest: Position(channel.newest),
    }
}

/// 400 days after its last use a channel is forgotten.
fn alive(channel: &Channel, hour: u64) -> bool {
    hour <= (channel.used_day + 400) * 24
}

fn is_padding(size: usize) -> bool {
    [1, 4, 16, 32, 64, 128, 256].contains(&(size / 1024)) && size.is_multiple_of(1024)
}
