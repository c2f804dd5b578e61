//! What a device does by itself for its body among others: keeps the keys in the hands of those who hold the power, says
//! who may publish, turns what has to turn.

use std::collections::BTreeMap;

use caucus_proto::codec;
use caucus_proto::id::Position;
use caucus_proto::org::between::{LinkSecret, LinkStep, Masthead, Reading, SignedMasthead};
use caucus_proto::org::{Deed, Power};

use super::keys::{LinkKeys, RootSecret};
use crate::engine::error::EngineError;
use crate::engine::random;
use crate::engine::record::Health;
use crate::engine::room::Room;
use crate::engine::sealed::Recipient;
use crate::engine::send::Now;

/// Milliseconds that each further one who could do something leaves it to those before.
const TURN_MS: u64 = 3_000;

/// What this process remembers; nothing is lost with it.
#[derive(Default, Debug)]
pub(in crate::engine) struct Duties {
    /// Since when something is due, in milliseconds.
    due: BTreeMap<&'static str, u64>,
    /// The entry at which nothing was due.
    settled: Option<Position>,
}

impl Room {
    /// Puts into the outbox what is due between bodies and this device's to do.
    pub(in crate::engine) fn tend_between(&mut self, now: Now) -> Result<(), EngineError> {
        let open = self.state.annex.is_none() && self.cursor.health == Health::Open;
        if !open || self.state.between.house().is_none() {
            return Ok(());
        }
        let position = self.state.position;
        if self.plan.between.settled == Some(position) && !self.state.turn_is_due() {
            return Ok(());
        }
        let links = self.holds(Power::Link);
        let publishes = self.holds(Power::Announce) || self.holds(Power::Direct);
        if !links && !publishes {
            self.plan.between.settled = Some(position);
            return Ok(());
        }
        let keys = self.drawn_keys()?;
        let mut waits = false;
        if publishes {
            waits |= self.name_editor(&keys)?;
        }
        if links {
            waits |= self.name_custody(&keys)?;
            waits |= self.renew_root(&keys, now)?;
            waits |= self.entrust_root(&keys)?;
            waits |= self.name_sealing(now)?;
            waits |= self.sign_masthead(&keys, now)?;
            waits |= self.turn_bulletin(now)?;
            waits |= self.bring_together(&keys, now)?;
        }
        self.plan.between.settled = (!waits).then_some(position);
        Ok(())
    }

    /// Whether a step of this kind is on its way already.
    pub(super) fn is_stepping(&self, word: &str) -> bool {
        let mut unsent = self.outbox.values().filter(|item| item.landed.is_none());
        unsent.any(|item| match codec::decode(&item.deed, codec::LIMIT) {
            Ok(Deed::Between { step }) => step.word() == word,
            _ => false,
        })
    }

    /// Whether it is this device's turn to do what any holder of the power could do.
    pub(super) fn is_turn(&mut self, what: &'static str, due: bool, now: Now) -> bool {
        if !due {
            self.plan.between.due.remove(what);
            return false;
        }
        let holders = self.state.holders(Power::Link);
        let Some(rank) = holders.iter().position(|who| *who == self.record.persona) else {
            return false;
        };
        let since = *self.plan.between.due.entry(what).or_insert(now.ms);
        now.ms.saturating_sub(since) >= TURN_MS.saturating_mul(rank as u64)
    }

    fn step(&mut self, step: LinkStep) -> Result<bool, EngineError> {
        if self.is_stepping(step.word()) {
            return Ok(true);
        }
        self.try_submit(&Deed::Between { step: Box::new(step) })?;
        Ok(true)
    }

    fn name_editor(&mut self, keys: &LinkKeys) -> Result<bool, EngineError> {
        let Some(key) = keys.editor().map(|editor| editor.public()) else {
            return Ok(false);
        };
        if self.state.between.editors.get(&self.record.persona) == Some(&key) {
            return Ok(false);
        }
        self.step(LinkStep::Editor { key })
    }

    fn name_custody(&mut self, keys: &LinkKeys) -> Result<bool, EngineError> {
        let Some(sealing) = keys.custody().map(|custody| custody.public()) else {
            return Ok(false);
        };
        let named = self.state.between.custody.get(&self.record.persona);
        if named.is_some_and(|held| held.sealing == sealing) {
            return Ok(false);
        }
        self.step(LinkStep::Custody { sealing })
    }

    fn renew_root(&mut self, keys: &LinkKeys, now: Now) -> Result<bool, EngineError> {
        let due = self.state.root_is_due();
        if !self.is_turn("root", due, now) {
            return Ok(due);
        }
        let Some(house) = self.state.between.house() else {
            return Ok(false);
        };
        let before = keys.root(&house.root).map(RootSecret::keys);
        if before.is_none() && !self.state.root_holders().is_empty() || self.is_stepping("Root") {
            return Ok(true);
        }
        let number = house.root.number.saturating_add(1);
        let step = self.draw_root(number, before.as_ref())?;
        self.step(step)
    }

    /// Draws a root key and keeps it, before anybody hears of it.
    pub(super) fn draw_root(
        &mut self,
        number: u32,
        before: Option<&crate::mls::PersonaKeys>,
    ) -> Result<LinkStep, EngineError> {
        let drawn = RootSecret::draw(number)?;
        let root = drawn.public();
        let digest = root.digest(&self.record.body);
        let step = LinkStep::Root {
            root,
            proof: drawn.keys().sign(&digest),
            chain: before.map(|before| before.sign(&digest)),
        };
        self.keep_root(drawn)?;
        Ok(step)
    }

    fn entrust_root(&mut self, keys: &LinkKeys) -> Result<bool, EngineError> {
        let Some(house) = self.state.between.house() else {
            return Ok(false);
        };
        let root = house.root.number;
        if keys.root(&house.root).is_none() || self.state.root_holders().first() != Some(&self.record.persona)
        {
            return Ok(false);
        }
        let holders = self.state.holders(Power::Link);
        let lacks = |(who, held): &(&_, &caucus_proto::org::between::Custodian)| {
            held.has != root && !held.sealing.is_empty() && holders.contains(who)
        };
        let lacking = self.state.between.custody.iter().find(lacks);
        let Some((to, sealing)) = lacking.map(|(who, held)| (*who, held.sealing.clone())) else {
            return Ok(false);
        };
        if self.is_stepping("Entrust") {
            return Ok(true);
        }
        let sealed = self.seal_roots(keys, &sealing)?;
        self.step(LinkStep::Entrust { to, root, sealed })
    }

    fn name_sealing(&mut self, now: Now) -> Result<bool, EngineError> {
        let access = self.state.access;
        let house = self.state.between.house();
        let named = house.and_then(|house| house.sealing.as_ref());
        let due = named.is_none_or(|(of, _)| *of != access);
        if !self.is_turn("sealing", due, now) {
            return Ok(due);
        }
        let public = self.sealing_public();
        self.step(LinkStep::Sealing { access, public })
    }

    pub(super) fn sealing_public(&self) -> Vec<u8> {
        Recipient::new(*self.cursor.access.letters().bytes()).public()
    }

    fn sign_masthead(&mut self, keys: &LinkKeys, now: Now) -> Result<bool, EngineError> {
        let due = self.state.masthead_is_due();
        if !self.is_turn("masthead", due, now) {
            return Ok(due);
        }
        let Some(house) = self.state.between.house() else {
            return Ok(false);
        };
        let Some(root) = keys.root(&house.root) else {
            return Ok(false);
        };
        let number = house.masthead.as_ref().map_or(0, |known| known.masthead.number);
        let masthead = Masthead {
            body: self.record.body,
            number: number.saturating_add(1),
            editors: self.state.editors_due(),
        };
        let signature = root.keys().sign(&SignedMasthead::digest(&masthead)?);
        let signed = SignedMasthead {
            root: house.root.number,
            masthead,
            signature,
        };
        self.step(LinkStep::Masthead {
            signed: Box::new(signed),
        })
    }

    fn bring_together(&mut self, keys: &LinkKeys, now: Now) -> Result<bool, EngineError> {
        let due = self.state.introductions_due();
        let is_due = !due.is_empty();
        if !self.is_turn("bring", is_due, now) || self.is_stepping("Bring") {
            return Ok(is_due);
        }
        for number in due {
            if let Some(step) = self.bringing(keys, number)? {
                return self.step(step);
            }
        }
        Ok(false)
    }

    fn turn_bulletin(&mut self, now: Now) -> Result<bool, EngineError> {
        let due = self.state.turn_is_due();
        if !self.is_turn("turn", due, now) || self.is_stepping("Turn") {
            return Ok(due);
        }
        let Some(bulletin) = self
            .state
            .between
            .house()
            .and_then(|house| house.bulletin.as_ref())
        else {
            return Ok(false);
        };
        let reading = Reading {
            generation: bulletin.reading.generation.saturating_add(1),
            secret: LinkSecret(random::bytes()?),
            ..bulletin.reading.clone()
        };
        let publishing = LinkSecret(random::bytes()?);
        self.step(LinkStep::Turn {
            reading: Box::new(reading),
            publishing,
        })
    }
}
