//! People with rooms over one channel in memory.

use std::collections::BTreeMap;

use caucus_proto::codec;
use caucus_proto::envelope::{AccessSecret, Body};
use caucus_proto::id::{ChannelId, Counter, EntryHash, IntentId, Minutes, PersonaId, Position};
use caucus_proto::org::{
    Application, Charter, Deed, Genesis, Kind, Name, ReplyDrop, Running, Signature, Standing, SuiteChoice,
};
use caucus_proto::wire::{Flag, RelayAddress, RelayKey};
use tempfile::TempDir;

use super::channel::{Answer, Channel};
use crate::engine::enter::Handed;
use crate::engine::error::EngineError;
use crate::engine::follow::invite_number;
use crate::engine::found::{Draft, Founding};
use crate::engine::ingest::Ingested;
use crate::engine::record::{Health, Item, Job, SecretKey, WelcomeRecord};
use crate::engine::room::Room;
use crate::engine::sealed::Recipient;
use crate::engine::send::{Next, Now, Outgoing};
use crate::mls::{Group, PersonaKeys, make_key_package};
use crate::vault::{Cost, Passphrase, Vault};

/// A snapshot that somebody was greeted with.
#[derive(Clone)]
pub(super) struct Greeting {
    pub(super) commit: EntryHash,
    pub(super) position: Position,
    pub(super) counter: Counter,
    pub(super) running: Running,
    pub(super) access: AccessSecret,
    pub(super) snapshot: Vec<u8>,
}

/// A person and their device.
pub(super) struct Person {
    pub(super) name: String,
    home: TempDir,
    pub(super) vault: Option<Vault>,
    pub(super) room: Option<Room>,
    pub(super) key: SecretKey,
    /// Who they are, where that is not what their key names.
    pub(super) persona: Option<PersonaId>,
    pub(super) welcomes: Vec<(EntryHash, WelcomeRecord)>,
    pub(super) greetings: Vec<Greeting>,
    /// What was accepted of what they said, less what they were told was refused.
    pub(super) said: BTreeMap<IntentId, String>,
}

/// Everybody, and the relay between them.
pub(super) struct World {
    pub(super) channel: Channel,
    pub(super) people: Vec<Person>,
    pub(super) now: Now,
    pub(super) genesis: Genesis,
    pub(super) channel_id: ChannelId,
    pub(super) sent: usize,
    relay: RelayAddress,
    ids: u64,
}

const START_MS: u64 = 1_760_000_000_000;

fn at(ms: u64) -> Now {
    Now {
        minutes: Minutes(ms / 60_000),
        ms,
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse".to_owned())
}

impl Person {
    pub(super) fn new(name: &str) -> Self {
        let home = TempDir::new().unwrap();
        let vault = Vault::create(&home.path().join("home"), &passphrase(), Cost::new(8, 1, 1)).unwrap();
        Self {
            name: name.to_owned(),
            home,
            vault: Some(vault),
            room: None,
            key: SecretKey(*PersonaKeys::generate().unwrap().bytes()),
            persona: None,
            welcomes: Vec::new(),
            greetings: Vec::new(),
            said: BTreeMap::new(),
        }
    }

    pub(super) fn id(&self) -> PersonaId {
        self.persona
            .unwrap_or_else(|| PersonaKeys::from_bytes(&self.key.0).id())
    }

    pub(super) fn vault(&self) -> &Vault {
        self.vault.as_ref().unwrap()
    }

    /// The program ends and starts again.
    pub(super) fn restart(&mut self) {
        self.vault().faults().heal();
        self.room = None;
        self.room = Room::all(self.vault()).unwrap().pop();
    }

    /// As [`Person::restart`], and the vault is opened anew.
    pub(super) fn reopen(&mut self) {
        self.room = None;
        self.vault = None;
        self.vault = Some(Vault::open(&self.home.path().join("home"), &passphrase()).unwrap());
        self.restart();
    }

    /// The vault's file as it is now.
    pub(super) fn copy(&self) -> Vec<u8> {
        std::fs::read(self.folder().join("vault.redb")).unwrap()
    }

    /// The vault's file is put back as it was, and the program starts.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        let file = self.folder().join("vault.redb");
        self.room = None;
        self.vault = None;
        std::fs::write(file, bytes).unwrap();
        self.reopen();
    }

    /// The device loses what it knows of the encrypted group, and starts again.
    pub(super) fn lose_group(&mut self) {
        let room = self.room.as_ref().unwrap().id();
        let overlay = self.vault().overlay();
        Group::forget(&overlay, &room).unwrap();
        overlay.commit().unwrap();
        self.reopen();
    }

    pub(super) fn folder(&self) -> std::path::PathBuf {
        self.home.path().join("home")
    }
}

impl World {
    /// A cell of these people, everybody in the room and caught up.
    pub(super) fn of(names: &[&str], suite: SuiteChoice) -> Self {
        let charter = crate::charter::read(crate::charter::shipped(Kind::Cell)).unwrap();
        Self::by(names, suite, charter)
    }

    /// As [`World::of`], by a charter.
    pub(super) fn by(names: &[&str], suite: SuiteChoice, charter: Charter) -> Self {
        let mut ana = Person::new(names[0]);
        let now = at(START_MS);
        let founding = Founding {
            kind: Kind::Cell,
            label: Name::new("North").unwrap(),
            name: Name::new(names[0]).unwrap(),
            suite,
            charter,
        };
        let vault = ana.vault().clone();
        let overlay = vault.overlay();
        let draft = Draft::new(&overlay, founding, PersonaKeys::from_bytes(&ana.key.0), now).unwrap();
        let relay = RelayAddress::new(RelayKey([7; 32]), "relay.example", 4433, false).unwrap();
        let room = draft.keep(&vault, &overlay, &relay, now).unwrap();
        overlay.commit().unwrap();
        let (genesis, channel_id) = (room.state().genesis.clone(), room.record().channel);
        ana.room = Some(room);
        let mut world = Self {
            channel: Channel::default(),
            people: vec![ana],
            now,
            genesis,
            channel_id,
            sent: 0,
            relay,
            ids: 0,
        };
        world.channel.access = Some(world.room(0).cursor().access.access());
        for name in &names[1..] {
            let n = world.apply(name);
            world.admit(n);
            world.settle();
            assert!(world.people[n].room.is_some(), "{name} did not come in");
        }
        world
    }

    /// The founder opens another room of the body, alone in it with a device of its own.
    pub(super) fn opens_room(&mut self, name: &str) -> Self {
        let name = Name::new(name).unwrap();
        let mut ana = Person::new(&self.people[0].name);
        ana.key = self.people[0].key.clone();
        let (vault, state) = (ana.vault().clone(), self.room(0).state().clone());
        let overlay = vault.overlay();
        let draft = Draft::of(
            &overlay,
            PersonaKeys::from_bytes(&ana.key.0),
            |channel, control| Ok(state.open_room(&ana.id(), &name, channel, control)?),
        )
        .unwrap();
        let channel_id = draft.channel();
        let room = draft.keep(&vault, &overlay, &self.relay, self.now).unwrap();
        overlay.commit().unwrap();
        let channel = Channel {
            access: Some(room.cursor().access.access()),
            ..Channel::default()
        };
        ana.room = Some(room);
        let deed = Deed::OpenRoom {
            name,
            channel: channel_id,
        };
        self.submit(0, &deed).unwrap();
        self.settle();
        Self {
            channel,
            people: vec![ana],
            now: self.now,
            genesis: self.genesis.clone(),
            channel_id,
            sent: 0,
            relay: self.relay.clone(),
            ids: 0,
        }
    }

    pub(super) fn cell(names: &[&str]) -> Self {
        Self::of(names, SuiteChoice::Classical)
    }

    pub(super) fn room(&mut self, n: usize) -> &mut Room {
        self.people[n].room.as_mut().unwrap()
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = at(self.now.ms + ms);
    }

    /// A number that nobody had before.
    pub(super) fn number(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub(super) fn intent(&mut self) -> IntentId {
        self.ids += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.ids.to_be_bytes());
        IntentId(id)
    }

    pub(super) fn submit(&mut self, n: usize, deed: &Deed) -> Result<IntentId, EngineError> {
        let id = self.intent();
        self.room(n).submit(id, deed)?;
        Ok(id)
    }

    /// Says something; false if this device may not now.
    pub(super) fn say(&mut self, n: usize, text: &str) -> bool {
        let deed = Deed::Say {
            text: text.to_owned(),
        };
        match self.submit(n, &deed) {
            Ok(id) => {
                self.people[n].said.insert(id, text.to_owned());
                true
            }
            Err(_) => false,
        }
    }

    /// A stranger whose request the founder carries by an invite of its own. Their number.
    pub(super) fn apply(&mut self, name: &str) -> usize {
        let (invite, application) = self.stranger(name);
        self.room(0)
            .carry(invite_number(&invite), Position(1), Some(application))
            .unwrap();
        self.settle();
        self.people.len() - 1
    }

    /// A stranger with a request for an invite that is open now.
    pub(super) fn stranger(&mut self, name: &str) -> (IntentId, Application) {
        let deed = Deed::Invite {
            uses: 1,
            expires: Minutes(self.now.minutes.0 + 100_000_000),
            drop: ChannelId([9; 32]),
        };
        let invite = self.submit(0, &deed).unwrap();
        self.settle();
        let person = Person::new(name);
        let application = application(&person, &self.genesis, invite);
        self.people.push(person);
        (invite, application)
    }

    /// A stranger asks by an invite for so many that this person's device opens, and the request is carried.
    pub(super) fn asks_by(&mut self, name: &str, n: usize, uses: u16) {
        let invite = self.opens(n, uses);
        self.settle();
        let person = Person::new(name);
        let application = application(&person, &self.genesis, invite);
        self.people.push(person);
        self.room(n)
            .carry(invite_number(&invite), Position(1), Some(application))
            .unwrap();
        self.settle();
    }

    /// Everybody who may admits this person.
    pub(super) fn admit(&mut self, n: usize) {
        let persona = self.people[n].id();
        self.submit(0, &Deed::Admit { persona }).unwrap();
    }

    pub(super) fn remove(&mut self, by: usize, n: usize) {
        let persona = self.people[n].id();
        let reason = String::new();
        self.submit(by, &Deed::Remove { persona, reason }).unwrap();
    }

    /// Takes in at most so many entries.
    pub(super) fn read(&mut self, n: usize, most: usize) -> Result<Vec<Ingested>, EngineError> {
        let Person {
            room: Some(room),
            said,
            ..
        } = &mut self.people[n]
        else {
            return Ok(Vec::new());
        };
        let mut taken = Vec::new();
        for entry in self.channel.after(room.read_to(), most) {
            let before = room.cursor().health.clone();
            let ingested = room.ingest(&entry)?;
            if let Some((id, Err(_))) = &ingested.landed {
                said.remove(id);
            }
            let stopped = ingested.stopped;
            let is_new = ingested.record.is_some() || room.cursor().health != before;
            if is_new {
                taken.push(ingested);
            }
            if stopped {
                break;
            }
        }
        Ok(taken)
    }

    pub(super) fn is_caught_up(&self, n: usize) -> bool {
        self.people[n]
            .room
            .as_ref()
            .is_some_and(|room| room.read_to() == self.channel.newest())
    }

    /// What this person's device would send next, with hand-outs delivered on the way.
    pub(super) fn outgoing(&mut self, n: usize) -> Result<Option<Outgoing>, EngineError> {
        let now = self.now;
        loop {
            let Some(room) = &mut self.people[n].room else {
                return Ok(None);
            };
            let controls = room.is_keyholder();
            match room.next(now, controls)? {
                Next::Nothing => return Ok(None),
                Next::Refused(id, _) => {
                    self.people[n].said.remove(&id);
                }
                Next::Send(Outgoing::HandOut {
                    seats,
                    welcome,
                    commit,
                }) => {
                    for seat in seats {
                        let to = seat.persona;
                        if let Some(person) = self.people.iter_mut().find(|person| person.id() == to) {
                            person.welcomes.push((commit, welcome.clone()));
                        }
                    }
                    self.room(n).handed(commit)?;
                }
                Next::Send(outgoing) => return Ok(Some(outgoing)),
            }
        }
    }

    /// Sends one entry if there is one and this device has read everything.
    pub(super) fn step(&mut self, n: usize) -> Result<Option<Answer>, EngineError> {
        if !self.is_caught_up(n) {
            return Ok(None);
        }
        let Some(outgoing) = self.outgoing(n)? else {
            return Ok(None);
        };
        self.sent += 1;
        Ok(Some(self.channel.store(&outgoing)))
    }

    /// Does the jobs of this device.
    pub(super) fn jobs(&mut self, n: usize) -> Result<usize, EngineError> {
        let Some(room) = &mut self.people[n].room else {
            return Ok(0);
        };
        let jobs = room.jobs()?;
        for (number, job) in jobs.iter() {
            if let Job::Greet {
                personas,
                snapshot,
                position,
                running,
                counter,
                access,
                commit,
                ..
            } = job
            {
                for persona in personas {
                    let greeting = Greeting {
                        commit: *commit,
                        position: *position,
                        counter: *counter,
                        running: *running,
                        access: access.clone(),
                        snapshot: snapshot.clone(),
                    };
                    if let Some(person) = self.people.iter_mut().find(|person| person.id() == *persona) {
                        person.greetings.push(greeting);
                    }
                }
            }
            self.room(n).job_done(*number, job)?;
        }
        Ok(jobs.len())
    }

    /// Enters the room if welcome and greeting are there.
    pub(super) fn enter(&mut self, n: usize) -> Result<bool, EngineError> {
        if self.people[n]
            .room
            .as_ref()
            .is_some_and(|room| !room.wants_renewal())
        {
            return Ok(false);
        }
        let key = self.people[n].key.clone();
        let (greetings, welcomes) = (self.people[n].greetings.clone(), self.people[n].welcomes.clone());
        for greeting in greetings {
            let Some((_, welcome)) = welcomes.iter().find(|(commit, _)| *commit == greeting.commit) else {
                continue;
            };
            let entry = &self.channel.entries[usize::try_from(greeting.position.0).unwrap() - 1];
            if !entry.flag.moves() || EntryHash::of(&entry.bytes) != greeting.commit {
                continue;
            }
            let handed = Handed {
                relay: &self.relay,
                channel: self.channel_id,
                lies_in: self.channel_id,
                genesis: &self.genesis,
                persona_key: &key,
                welcome: &welcome.welcome,
                tree: &welcome.tree,
                snapshot: &greeting.snapshot,
                position: greeting.position,
                counter: greeting.counter,
                running: greeting.running,
                access: &greeting.access,
                history: None,
            };
            if let Some(mut room) = self.people[n].room.take() {
                let entered = room.enter_anew(&handed, self.now);
                self.people[n].room = Some(room);
                if entered? {
                    return Ok(true);
                }
                continue;
            }
            let vault = self.people[n].vault().clone();
            let turn = vault.turn();
            let overlay = vault.overlay();
            let room = handed.enter(&vault, &overlay, self.now)?;
            overlay.commit()?;
            drop(turn);
            if let Some(room) = room {
                self.people[n].room = Some(room);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every text that stands in the log, as far as anybody has read it.
    pub(super) fn texts(&self) -> std::collections::BTreeSet<String> {
        let rooms = self.people.iter().filter_map(|person| person.room.as_ref());
        let records = rooms.flat_map(|room| room.log_after(Position(0), usize::MAX).unwrap());
        records
            .filter_map(|(_, record)| match record.item {
                Item::Said(text) => Some(text),
                _ => None,
            })
            .collect()
    }

    /// Asks to be renewed, where this device has to and has not; true if it did.
    pub(super) fn ask(&mut self, n: usize) -> Result<bool, EngineError> {
        let (newest, counter, minutes) = (self.channel.newest(), self.channel.counter, self.now.minutes);
        let Some(room) = self.people[n].room.as_mut().filter(|room| room.wants_renewal()) else {
            return Ok(false);
        };
        let asked = room.own_renewal()?;
        let long_ago = |posted: Minutes| minutes.0 >= posted.0 + 10;
        let mut renewal = match asked {
            Some(renewal) if renewal.posted.is_some_and(long_ago) => room.ask_again(renewal, newest)?,
            Some(renewal) if renewal.posted.is_some() => return Ok(false),
            _ => {
                let (read, sealing) = (SecretKey([6; 32]), SecretKey([5; 32]));
                room.ask_renewal(reply_drop(), read, sealing, newest, counter)?
            }
        };
        let read = room.cursor().position;
        if self
            .channel
            .after(read, usize::MAX)
            .iter()
            .any(|entry| entry.flag == Flag::Cut)
        {
            // It has not the keys of now: it asks in the refuge.
            let body = Body::Notice(renewal.request.clone());
            let content = room.content(body, minutes, true)?;
            let others = self.people.iter_mut().filter_map(|person| person.room.as_mut());
            for room in others.filter(|room| room.cursor().health == Health::Open) {
                room.found_in_refuge(content.clone()).expect("heard");
            }
        } else {
            let bytes = room.notice_entry(&renewal.request, counter, minutes)?;
            self.channel.store(&Outgoing::Append { counter, bytes });
        }
        renewal.posted = Some(minutes);
        self.room(n).keep_own_request(&renewal)?;
        Ok(true)
    }

    /// Whether this person is out. One who lost the group before cannot know: nobody answers them any more.
    pub(super) fn is_out(&self, room: &Room) -> bool {
        let me = room.me();
        let knows = |other: &Room| {
            let gone = |p: &caucus_proto::org::Person| matches!(p.standing, Standing::Gone { .. });
            other.cursor().health == Health::Open && other.state().person(&me).is_some_and(gone)
        };
        let mut rooms = self.people.iter().filter_map(|person| person.room.as_ref());
        matches!(room.cursor().health, Health::Out { .. }) || room.wants_renewal() && rooms.any(knows)
    }

    /// Everything goes well until nobody has anything to do now. What time alone makes due is not waited for.
    pub(super) fn settle(&mut self) {
        let late = std::mem::take(&mut self.channel.late);
        for outgoing in late {
            self.channel.store(&outgoing);
        }
        for _ in 0..500 {
            let mut busy = false;
            for n in 0..self.people.len() {
                busy |= !self.read(n, usize::MAX).unwrap().is_empty();
                busy |= self.step(n).unwrap().is_some();
                self.read(n, usize::MAX).unwrap();
                busy |= self.jobs(n).unwrap() > 0;
                busy |= self.enter(n).unwrap();
                busy |= self.ask(n).unwrap();
            }
            if !busy {
                // Turns and gathering are waited out, and whoever asks for renewal is waited for.
                let waits = |room: &Room| match room.cursor().health {
                    Health::Open => room.unsent() > 0 || room.state().unexecuted().next().is_some(),
                    _ => room.wants_renewal() && !self.is_out(room),
                };
                let mut rooms = self.people.iter().filter_map(|person| person.room.as_ref());
                if !rooms.any(waits) {
                    return;
                }
            }
            self.pass(1_500);
        }
        panic!("it never settles");
    }

    /// Settles, and lets time go on until more than half attest everything.
    pub(super) fn settle_attested(&mut self) {
        self.settle();
        for _ in 0..60 {
            let waiting = |room: &Room| !room.outbox.is_empty() && room.cursor().health == Health::Open;
            if !self.people.iter().filter_map(|p| p.room.as_ref()).any(waiting) {
                return;
            }
            self.pass(20 * 60 * 1000);
            self.settle();
        }
        panic!("what landed is never attested");
    }
}

pub(super) fn reply_drop() -> ReplyDrop {
    ReplyDrop {
        channel: ChannelId([3; 32]),
        append: [4; 32],
        sealing: Recipient::new([5; 32]).public(),
    }
}

/// A person's request.
pub(super) fn application(person: &Person, genesis: &Genesis, invite: IntentId) -> Application {
    let persona = PersonaKeys::from_bytes(&person.key.0);
    let overlay = person.vault().overlay();
    let package = make_key_package(&overlay, &persona, genesis.suite, &genesis.room()).unwrap();
    overlay.commit().unwrap();
    let mut application = Application {
        invite,
        key: persona.public(),
        name: Name::new(&person.name).unwrap(),
        word: "let me in".to_owned(),
        key_package: package.bytes,
        reply: reply_drop(),
        claims: None,
        signature: Signature::from([0; 64]),
    };
    application.signature = persona.sign(&application.digest());
    assert!(codec::encode(&application, codec::LIMIT).is_ok());
    application
}
