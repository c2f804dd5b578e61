//! What a body speaks by: who holds its root key, who may publish for it, and when any of it is due to change.

use super::bulletin::{Editor, MOST_EDITORS, SignedMasthead};
use super::card::{LONGEST_RELAY, Reading, RootKey};
use crate::id::PersonaId;
use crate::org::denied::Denied;
use crate::org::mandate::DAY;
use crate::org::power::Power;
use crate::org::sign::Signature;
use crate::org::state::State;

/// Largest sealed root key.
const LARGEST_SEALED: usize = 4096;

impl State {
    /// Holders of the power `link` who have the root key of now.
    #[must_use]
    pub fn root_holders(&self) -> Vec<PersonaId> {
        let number = self.between.house().map_or(0, |house| house.root.number);
        let has = |who: &PersonaId| {
            self.between
                .custody
                .get(who)
                .is_some_and(|held| held.has == number)
        };
        self.holders(Power::Link).into_iter().filter(has).collect()
    }

    /// Whether somebody knows the root key who no longer holds the power, or a lost device does, or nobody has it who may.
    #[must_use]
    pub fn root_is_due(&self) -> bool {
        let Some(house) = self.between.house() else {
            return false;
        };
        let holders = self.holders(Power::Link);
        let knows = |held: &super::Custodian| held.has == house.root.number;
        let mut custody = self.between.custody.iter();
        let outside = custody.any(|(who, held)| knows(held) && !holders.contains(who));
        !holders.is_empty() && (house.lost || outside || self.root_holders().is_empty())
    }

    /// Who may publish, by the mandates of now.
    #[must_use]
    pub fn editors_due(&self) -> Vec<Editor> {
        let may = |who: &PersonaId, power| self.holds(who, power);
        let mut editors: Vec<_> = (self.between.editors.iter())
            .map(|(who, key)| Editor {
                key: *key,
                announces: may(who, Power::Announce),
                directs: may(who, Power::Direct),
            })
            .filter(|editor| editor.announces || editor.directs)
            .collect();
        editors.sort_unstable_by_key(|editor| editor.key);
        editors.truncate(MOST_EDITORS);
        editors
    }

    /// Whether another masthead is to be signed.
    #[must_use]
    pub fn masthead_is_due(&self) -> bool {
        let Some(house) = self.between.house() else {
            return false;
        };
        let editors = self.editors_due();
        match &house.masthead {
            Some(signed) => signed.root != house.root.number || signed.masthead.editors != editors,
            None => !editors.is_empty(),
        }
    }

    /// Whether the bulletin's keys are to turn.
    #[must_use]
    pub fn turn_is_due(&self) -> bool {
        let Some(bulletin) = self.between.house().and_then(|house| house.bulletin.as_ref()) else {
            return false;
        };
        let beat = u64::from(self.charter().between.beat).saturating_mul(DAY);
        let old = self.now().0 >= bulletin.turned.0.saturating_add(beat);
        bulletin.urgent || (bulletin.asked && old)
    }

    pub(super) fn judge_root(
        &self,
        author: &PersonaId,
        root: &RootKey,
        proof: &Signature,
        chain: Option<&Signature>,
    ) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let body = self.genesis.body();
        root.key
            .verify(&root.digest(&body), proof)
            .map_err(|_| Denied::NotSigned)?;
        let number = self.between.house().map_or(0, |house| house.root.number);
        if number.checked_add(1) != Some(root.number) {
            return Err(Denied::Repeated);
        }
        match (self.between.house(), chain) {
            (None, None) => Ok(()),
            (Some(house), Some(chain)) => {
                let signed = house.root.key.verify(&root.digest(&body), chain);
                signed.map_err(|_| Denied::NotSigned)
            }
            // Nobody could sign: those linked with are to be linked with anew.
            (Some(_), None) if self.root_holders().is_empty() => Ok(()),
            _ => Err(Denied::NotSigned),
        }
    }

    pub(super) fn judge_entrusting(
        &self,
        author: &PersonaId,
        to: &PersonaId,
        root: u32,
        sealed: &[u8],
    ) -> Result<(), Denied> {
        if !self.root_holders().contains(author) {
            return Err(Denied::NoRoot);
        }
        if !self.holds(to, Power::Link) || root != self.house()?.root.number {
            return Err(Denied::NotNext);
        }
        let custodian = self.between.custody.get(to).ok_or(Denied::NotNext)?;
        if custodian.has == root {
            return Err(Denied::Repeated);
        }
        if sealed.is_empty() || sealed.len() > LARGEST_SEALED {
            return Err(Denied::Malformed);
        }
        Ok(())
    }

    pub(super) fn judge_masthead(&self, author: &PersonaId, signed: &SignedMasthead) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let house = self.house()?;
        let verified = signed.is_signed_by(&house.root, &self.genesis.body());
        verified.map_err(|_| Denied::NotSigned)?;
        let number = house.masthead.as_ref().map_or(0, |known| known.masthead.number);
        if number.checked_add(1) != Some(signed.masthead.number) || !self.masthead_is_due() {
            return Err(Denied::Repeated);
        }
        // Whom the mandates make editors, and nobody else.
        if signed.masthead.editors != self.editors_due() {
            return Err(Denied::Editors);
        }
        Ok(())
    }

    pub(super) fn judge_turn(&self, author: &PersonaId, reading: &Reading) -> Result<(), Denied> {
        self.with_power(author, Power::Link)?;
        let bulletin = self.house()?.bulletin.as_ref();
        let known = bulletin.map_or(0, |bulletin| bulletin.reading.generation);
        if known.checked_add(1) != Some(reading.generation) {
            return Err(Denied::Repeated);
        }
        // Where it lies changes by a move, and only to a relay of the charter.
        let same = bulletin.is_none_or(|bulletin| {
            let now = &bulletin.reading;
            now.channel == reading.channel && now.relay == reading.relay
        });
        if !same || reading.relay.len() > LONGEST_RELAY {
            return Err(Denied::Malformed);
        }
        Ok(())
    }
}
