//! From room to room of one body (law 18). The device of a keyholder signs what the governing room decided for another
//! room and puts it into the governing room's log, where the machine judges whether it is true; devices of people who
//! are in both rooms carry it over, and say so loudly where the other room was told something else. Notices for another
//! room, such as the wish to be added there, go the same way.

use std::collections::{BTreeMap, VecDeque};

use caucus_proto::codec;
use caucus_proto::id::{ChannelId, PersonaId, Position, RoomId};
use caucus_proto::org::{Claim, Deed, Name, NoticeKind, OpenRoom, Principles, SignedClaim, SignedNotice};
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::error::EngineError;
use super::live::LiveRoom;
use super::record::Health;
use super::room::Room;
use super::send::Now;
use crate::vault::{Overlay, Table};

/// Number of the first record of a claim among those of a governing room; the next follow in the charter's order.
const CLAIMS: u64 = 64;

/// Claims whose hashes are remembered, a room.
const REMEMBERED_CLAIMS: usize = 64;

/// Milliseconds that decisions are gathered for, so that one claim says many.
const GATHER_MS: u64 = 1_000;

/// Milliseconds for which a false claim stands, so that it is called out first.
const CALLED_OUT_MS: u64 = 10_000;

/// Milliseconds that each further keyholder leaves a claim to those before.
const SIGN_TURN_MS: u64 = 4_000;

/// Milliseconds that each further person in both rooms leaves carrying to those before, and at most.
const CARRY_TURN_MS: (u64, u64) = (700, 10_000);

/// Milliseconds after which a claim that the governing room's log does not show counts as false.
const UNPROVEN_MS: u64 = 5_000;

/// Milliseconds that a notice is kept which comes before the room knows of what it is about.
const EARLY_MS: u64 = 10 * 60 * 1000;

/// Notices that wait on their way between rooms.
const WAITING: usize = 64;

/// What this process remembers of what goes between rooms; nothing is lost with it.
#[derive(Default, Debug)]
pub(super) struct Rosters {
    /// Since when a claim for this room is due, in milliseconds.
    due: BTreeMap<Name, u64>,
    /// The entry at which no claim was due: rosters follow from the state, and are not made again before the next.
    settled: Option<Position>,
    /// Since when the claim of this number waits to be carried here, in milliseconds.
    carry: Option<(u64, u64)>,
    /// Since when the claim of this number is not known in the governing room, in milliseconds.
    unproven: Option<(u64, u64)>,
    /// Notices of one's own.
    own: VecDeque<SignedNotice>,
    /// Notices that were read here and are for another room.
    out: VecDeque<(RoomId, SignedNotice)>,
    /// Notices that were read elsewhere and are for here, and when it is this device's turn.
    into: VecDeque<(u64, SignedNotice)>,
}

/// The last claim for a room, as the governing room's log showed it, and those before by number and hash.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct ClaimRecord {
    /// An encoded `SignedClaim`.
    #[serde(with = "serde_bytes")]
    claim: Vec<u8>,
    known: VecDeque<(u64, [u8; 32])>,
}

/// What another room was told last.
struct Told {
    number: u64,
    claim: [u8; 32],
    /// Version of the points of unity that it has.
    texts: Option<u32>,
}

/// What the governing room knows of another room.
pub(super) struct Overview {
    pub id: RoomId,
    pub channel: ChannelId,
    /// Number of the last claim.
    number: u64,
    hash: [u8; 32],
    record: ClaimRecord,
    principles: Option<Principles>,
    /// This person belongs into it.
    pub belongs: bool,
    live: bool,
}

/// Does what is due between a room and the others of its body.
pub(super) fn tend(engine: &Engine, live: &LiveRoom) -> Result<(), EngineError> {
    let now = engine.now();
    let mut told = BTreeMap::new();
    let (is_annex, ids) = {
        let room = live.room();
        (room.state().annex.is_some(), room.room_ids())
    };
    if !is_annex {
        for id in ids {
            if let Some(other) = engine.room(&id) {
                let room = other.room();
                let annex = room.state().annex.as_ref();
                let (number, claim) = annex.map_or((0, [0; 32]), |annex| (annex.number, annex.claim));
                let texts = room.state().principles.as_ref().map(|text| text.version);
                told.insert(id, Told { number, claim, texts });
            }
        }
    }
    let is_live = live.is_live();
    let (others, out) = {
        let mut room = live.room();
        room.claim(&told, now)?;
        room.take_turns(now);
        (room.overview(&told, is_live)?, room.take_notices())
    };
    for (id, notice) in out {
        if let Some(other) = engine.room(&id) {
            other.room().hear_notice(notice, now);
        }
    }
    for other in others {
        let there = engine.room(&other.id).filter(|room| room.room().is_in());
        if let Some(annex) = there {
            let sends = annex.room().hear_governing(&other, now)?;
            if sends {
                annex.wake.notify_one();
            }
        } else if other.belongs {
            engine.approach(live, &other);
        }
    }
    Ok(())
}

impl Room {
    /// The ids of the body's other rooms, by its charter.
    fn room_ids(&self) -> Vec<RoomId> {
        let rules = self.state.charter().rooms.iter();
        rules
            .map(|rule| RoomId::of(&self.record.body, rule.name.as_str()))
            .collect()
    }

    /// Whether this device is in the room, or will be again.
    #[must_use]
    pub fn is_in(&self) -> bool {
        !matches!(self.cursor.health, Health::Out { .. } | Health::Replaced)
    }

    /// Signs what is decided for other rooms, where that is this device's to do and its turn.
    fn claim(&mut self, told: &BTreeMap<RoomId, Told>, now: Now) -> Result<(), EngineError> {
        if self.state.annex.is_some() || self.cursor.health != Health::Open {
            return Ok(());
        }
        let Some(rank) = self.rank() else { return Ok(()) };
        let ahead = |open: &OpenRoom| {
            let room = RoomId::of(&self.record.body, open.name.as_str());
            told.get(&room).is_some_and(|told| told.number > open.number)
        };
        let position = self.state.position;
        if self.plan.rosters.settled == Some(position) && !self.state.rooms.iter().any(ahead) {
            return Ok(());
        }
        let waits = |deed: &[u8]| {
            codec::decode::<Deed>(deed, codec::LIMIT).is_ok_and(|deed| matches!(deed, Deed::Claim { .. }))
        };
        let mut unsent = self.outbox.values().filter(|item| item.landed.is_none());
        if unsent.any(|item| waits(&item.deed)) {
            return Ok(());
        }
        let open: Vec<_> = (self.state.rooms.iter())
            .map(|open| (open.name.clone(), open.number))
            .collect();
        for (name, last) in open {
            let room = RoomId::of(&self.record.body, name.as_str());
            let known = told.get(&room).map_or(0, |told| told.number);
            let due = self.state.claim_due(name.as_str());
            // The room took a claim that does not stand here: the next one sets it right.
            if !due && known <= last {
                self.plan.rosters.due.remove(&name);
                continue;
            }
            let since = *self.plan.rosters.due.entry(name.clone()).or_insert(now.ms);
            let gather = if due { GATHER_MS } else { CALLED_OUT_MS };
            let turn = SIGN_TURN_MS.saturating_mul(rank as u64).saturating_add(gather);
            let Some(roster) = self.state.roster(name.as_str()) else {
                continue;
            };
            if now.ms.saturating_sub(since) < turn {
                continue;
            }
            let claim = Claim {
                room,
                number: last.max(known).saturating_add(1),
                roster,
            };
            let digest = SignedClaim::digest(&self.record.persona, &claim)?;
            let signed = SignedClaim {
                by: self.record.persona,
                claim,
                signature: self.persona.sign(&digest),
            };
            let deed = Deed::Claim {
                claim: codec::encode(&signed, caucus_proto::org::roster::LONGEST_CLAIM)?,
            };
            self.plan.rosters.due.remove(&name);
            return self.try_submit(&deed).map(|_| ());
        }
        self.plan.rosters.settled = self.plan.rosters.due.is_empty().then_some(position);
        Ok(())
    }

    /// Keeps a claim that the governing room's log showed.
    pub(super) fn keep_claim(
        &self,
        overlay: &Overlay,
        name: &Name,
        claim: &[u8],
        hash: [u8; 32],
    ) -> Result<(), EngineError> {
        if self.state.annex.is_some() {
            return Ok(());
        }
        let number = self.state.open(name.as_str()).map_or(0, |open| open.number);
        let Some(place) = self.claim_number(name) else {
            return Ok(());
        };
        let place = self.place(Table::Rooms, place);
        let mut record: ClaimRecord = overlay.get_value(&place)?.unwrap_or_default();
        record.claim = claim.to_vec();
        record.known.push_back((number, hash));
        while record.known.len() > REMEMBERED_CLAIMS {
            record.known.pop_front();
        }
        overlay.put_value(place, &record)?;
        Ok(())
    }

    fn claim_number(&self, name: &Name) -> Option<u64> {
        let mut rules = self.state.charter().rooms.iter();
        let index = rules.position(|rule| rule.name == *name)?;
        Some(CLAIMS.saturating_add(index as u64))
    }

    /// What this room knows of the others of its body: in the governing one of those that are open, in another one of the
    /// governing one.
    fn overview(&self, told: &BTreeMap<RoomId, Told>, live: bool) -> Result<Vec<Overview>, EngineError> {
        let (state, me) = (&self.state, self.record.persona);
        let Some(mine) = self.myself().filter(|_| self.cursor.health == Health::Open) else {
            return Ok(Vec::new());
        };
        if let Some(annex) = &state.annex {
            return Ok(vec![Overview {
                id: state.genesis.room(),
                channel: annex.governing,
                number: 0,
                hash: [0; 32],
                record: ClaimRecord::default(),
                principles: None,
                belongs: annex.number > 0 && mine.sphere >= state.charter().governing,
                live: false,
            }]);
        }
        let overlay = self.vault.overlay();
        let mut views = Vec::new();
        for open in &state.rooms {
            let Some(number) = self.claim_number(&open.name) else {
                continue;
            };
            let id = RoomId::of(&self.record.body, open.name.as_str());
            // A claim is large: it is read where the room was told something else.
            let knows = told
                .get(&id)
                .is_some_and(|told| (told.number, told.claim) == (open.number, open.claim));
            let record: Option<ClaimRecord> = match knows {
                true => None,
                false => overlay.get_value(&self.place(Table::Rooms, number))?,
            };
            let texts = state.principles.as_ref().filter(|text| {
                let has = told.get(&id).and_then(|told| told.texts);
                has != Some(text.version)
            });
            let rule = state.charter().room(open.name.as_str());
            let present = state.person(&me).is_some_and(|person| person.is_present());
            views.push(Overview {
                id,
                channel: open.channel,
                number: open.number,
                hash: open.claim,
                record: record.unwrap_or_default(),
                principles: texts.cloned(),
                belongs: present && open.number > 0 && rule.is_some_and(|rule| mine.sphere >= rule.sphere),
                live,
            });
        }
        Ok(views)
    }

    /// Takes note of what the governing room knows of this one: carries its last claim here, calls a false one out, and
    /// brings the points of unity. Says whether something is to be sent.
    fn hear_governing(&mut self, governing: &Overview, now: Now) -> Result<bool, EngineError> {
        let Some(annex) = self.state.annex.clone() else {
            return Ok(false);
        };
        if self.cursor.health != Health::Open {
            return Ok(false);
        }
        let mut sent = self.call_out(annex.number, annex.claim, governing, now)?;
        if governing.number > annex.number
            && let Ok(signed) = SignedClaim::read(&governing.record.claim)
            && signed.claim.number > annex.number
            && self
                .state
                .may_carry_claim(&self.record.persona, &signed.by)
                .is_ok()
        {
            let number = signed.claim.number;
            let since = match self.plan.rosters.carry {
                Some((of, since)) if of == number => since,
                _ => now.ms,
            };
            self.plan.rosters.carry = Some((number, since));
            if now.ms.saturating_sub(since) >= self.carry_turn() {
                let claim = governing.record.claim.clone();
                sent |= self.submit_once(&Deed::Claim { claim })?;
            }
        }
        let wanted = annex.principles.as_ref();
        let here = self.state.principles.as_ref().map(|text| text.version);
        if let (Some(wanted), Some(texts)) = (wanted, &governing.principles)
            && here != Some(wanted.version)
            && texts.version == wanted.version
            && self.place_among_members() == Some(0)
        {
            sent |= self.submit_once(&Deed::Principles {
                texts: texts.texts.clone(),
                substance: false,
            })?;
        }
        Ok(sent)
    }

    /// Says in this room that its last claim is not what the governing room decided.
    fn call_out(
        &mut self,
        number: u64,
        hash: [u8; 32],
        governing: &Overview,
        now: Now,
    ) -> Result<bool, EngineError> {
        let known = |(of, known): &(u64, [u8; 32])| *of == number && *known == hash;
        let true_here = number == 0
            || (governing.number == number && governing.hash == hash)
            || governing.record.known.iter().any(known);
        if true_here {
            self.plan.rosters.unproven = None;
            return Ok(false);
        }
        let contradicted = (governing.number == number && governing.hash != hash)
            || governing.record.known.iter().any(|(of, _)| *of == number);
        let since = match self.plan.rosters.unproven {
            Some((of, since)) if of == number => since,
            _ => now.ms,
        };
        self.plan.rosters.unproven = Some((number, since));
        let unknown =
            governing.live && governing.number < number && now.ms.saturating_sub(since) >= UNPROVEN_MS;
        if contradicted || unknown {
            return self.submit_once(&Deed::Dispute { number });
        }
        Ok(false)
    }

    /// Place of this person among those who are in the governing room too: 0 is the first.
    fn place_among_members(&self) -> Option<usize> {
        let governing = self.state.charter().governing;
        let member = |id: &&PersonaId| {
            self.state
                .person(id)
                .is_some_and(|person| person.sphere >= governing)
        };
        let order = self.state.in_order();
        order
            .iter()
            .filter(member)
            .position(|id| *id == self.record.persona)
    }

    fn carry_turn(&self) -> u64 {
        let (step, most) = CARRY_TURN_MS;
        let place = self.place_among_members().unwrap_or(usize::MAX) as u64;
        step.saturating_mul(place).min(most)
    }

    /// Puts a notice into this room's log that is meant for another one.
    pub(super) fn say_elsewhere(&mut self, room: RoomId, notice: &SignedNotice) -> Result<(), EngineError> {
        let notice = codec::encode(notice, codec::LIMIT)?;
        let notice = self.notice(NoticeKind::Elsewhere { room, notice })?;
        self.say_notice(notice);
        Ok(())
    }

    /// Says to the whole body what a person who is not in its governing room may say of themselves: here, and through
    /// whoever is in both rooms there.
    ///
    /// # Errors
    /// `EngineError::RoomState`.
    pub fn tell_body(&mut self, kind: &NoticeKind) -> Result<(), EngineError> {
        self.may_act()?;
        let notice = self.notice_for(&self.state.genesis.room(), kind.clone())?;
        self.state.judge_notice(self.state.position.next(), &notice)?;
        self.say_notice(notice);
        Ok(())
    }

    /// Puts a notice of one's own into the log.
    fn say_notice(&mut self, notice: SignedNotice) {
        if self.plan.rosters.own.len() < WAITING {
            self.plan.rosters.own.push_back(notice);
        }
    }

    /// The next notice of one's own.
    pub(super) fn next_own_notice(&mut self) -> Option<SignedNotice> {
        self.plan.rosters.own.pop_front()
    }

    /// A notice stands in the log: what is for another room, or changes something there too, waits to be carried.
    pub(super) fn pass_on(&mut self, notice: &SignedNotice) {
        if self.plan.rosters.out.len() >= WAITING {
            return;
        }
        match &notice.notice.kind {
            NoticeKind::Elsewhere { room, notice } if *room != self.record.room => {
                if let Ok(inner) = codec::decode::<SignedNotice>(notice, codec::LIMIT) {
                    self.plan.rosters.out.push_back((*room, inner));
                }
            }
            NoticeKind::Leave | NoticeKind::Accept { .. } if self.state.annex.is_some() => {
                let governing = self.state.genesis.room();
                self.plan.rosters.out.push_back((governing, notice.clone()));
            }
            _ => {}
        }
    }

    fn take_notices(&mut self) -> VecDeque<(RoomId, SignedNotice)> {
        std::mem::take(&mut self.plan.rosters.out)
    }

    /// Takes note of a notice for this room that stands in another one.
    fn hear_notice(&mut self, notice: SignedNotice, now: Now) {
        let (step, most) = CARRY_TURN_MS;
        let due = now
            .ms
            .saturating_add(step.saturating_mul(self.place_of_mine()).min(most));
        let waits = &mut self.plan.rosters.into;
        if waits.iter().any(|(_, known)| *known == notice) {
            return;
        }
        if waits.len() >= WAITING {
            waits.pop_front();
        }
        waits.push_back((due, notice));
    }

    fn place_of_mine(&self) -> u64 {
        let order = self.state.in_order();
        let place = order.iter().position(|id| *id == self.record.persona);
        place.unwrap_or(order.len()) as u64
    }

    /// What waited for this device's turn to carry it is carried, if nobody else did. What this room was not told of yet
    /// waits for a while.
    fn take_turns(&mut self, now: Now) {
        for (due, notice) in std::mem::take(&mut self.plan.rosters.into) {
            let worth = due <= now.ms && self.is_worth_carrying(&notice);
            if worth {
                if !self.plan.carried.contains(&notice) {
                    self.plan.carried.push_back(notice);
                }
            } else if now.ms.saturating_sub(due) < EARLY_MS {
                self.plan.rosters.into.push_back((due, notice));
            }
        }
    }
}
