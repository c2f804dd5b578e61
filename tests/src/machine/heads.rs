//! Finality in the interpreter: whose heads show that they have seen a result.

use caucus_proto::id::PersonaId;

use super::decisions::Phase;
use super::interpreter::{DAY, Model, Someone};

impl Model {
    /// Those who are here when a poll opens are the next electorate, if none waits to be it.
    pub(super) fn sets_down_electors(&mut self, position: u64) {
        if self.next_final.is_none() {
            self.next_final = Some(position);
            let here: Vec<PersonaId> = self.present().iter().map(|p| p.id).collect();
            for person in &mut self.people {
                person.next_elector = here.contains(&person.id);
            }
        }
    }

    /// How many have seen a position, and of how many who are not silent.
    fn seen(&self, position: u64, silent: u64) -> (usize, usize) {
        let heard = |p: &&Someone| {
            let last = p.times.last();
            last.is_some_and(|(_, at)| self.now - (*at).min(self.now) <= silent * DAY)
        };
        let mut electors: Vec<&Someone> = self.people.iter().filter(|p| p.elector).filter(heard).collect();
        if electors.is_empty() {
            electors = self.present().into_iter().filter(|p| heard(p)).collect();
        }
        let have = |p: &&&Someone| p.heads.iter().any(|head| *head >= position);
        (electors.iter().filter(have).count(), electors.len())
    }

    /// An entry that is not said shows what its author has seen, and something may be final by it.
    pub(super) fn attest(&mut self, position: u64, author: &PersonaId, head: u64) {
        // Whoever goes with this entry shows nothing any more.
        let here = self.present().iter().any(|p| p.id == *author);
        if here && head > self.seated && head < position {
            self.find_mut(author).heads.push(head);
        }
        let two_thirds = |(have, all): (usize, usize)| have * 3 > all * 2;
        let half = |(have, all): (usize, usize)| have * 2 > all;
        if let Some(next) = self.next_final
            && two_thirds(self.seen(next, self.rules.silent))
        {
            self.last_final = next;
            self.next_final = None;
            for person in &mut self.people {
                person.elector = person.next_elector;
            }
        }
        for id in self.waiting.clone() {
            let motion = self.motion(&id).unwrap();
            let Phase::Shut(shut) = &motion.phase else {
                continue;
            };
            let seen = self.seen(shut.position, shut.vote.rules.silent);
            let light = self.is_light(motion, &shut.vote);
            let enough = if light { half(seen) } else { two_thirds(seen) };
            if enough && self.now >= shut.grace_ends() {
                self.waiting.retain(|other| *other != id);
                self.decide(position, &id);
            }
        }
    }
}
