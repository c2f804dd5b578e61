//! What a charter says of decisions: who votes, what it takes, how long, and when it holds.
//!
//! A rule never waits for the last (law 10): where it asks for a share of all who may vote, as many as the charter lets
//! be away are not waited for, but never fewer than more than half decide.

use serde::{Deserialize, Serialize};

use crate::org::charter::{BadCharter, MOST_DAYS};
use crate::org::share::Share;
use crate::org::sphere::Sphere;

/// Most supporters that a charter may ask for.
pub const MOST_SUPPORT: u16 = 50;

/// Most hours to object.
pub const MOST_GRACE: u16 = 14 * 24;

/// What is decided, as far as rules tell it apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Matter {
    /// Words: what the body says, agrees to, intends.
    Ordinary,
    /// Who is in it, and who holds its offices.
    People,
    /// Its charter and its points of unity.
    Rules,
}

/// Of what a share is counted, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// Of the votes for and against.
    Cast,
    /// Of all ballots, with abstentions.
    Present,
    /// Of all who may vote.
    Electorate,
}

/// How one kind of matter is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollRule {
    /// Who votes: from this sphere on, in good standing.
    pub sphere: Sphere,
    /// Only who has accepted the points of unity.
    pub principles: bool,
    /// What it takes where one votes for or against.
    pub threshold: Share,
    /// Of what.
    pub base: Base,
    /// How many of all who may vote must have cast a ballot.
    pub quorum: Share,
    /// Days that a poll is open at least.
    pub days: u16,
}

/// How decisions are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polls {
    /// So many others who support a proposal bring it to a poll without anybody's power.
    pub support: u16,
    /// Hours after a close in which somebody whose ballot is missing may say so, and a teller may open sealed ballots.
    pub grace: u16,
    /// Who has left or was removed and did not vote counts no more among those who may.
    pub leavers: bool,
    /// Who is suspended while a poll is open may still vote in it.
    pub suspended: bool,
    /// Days of silence after which nobody waits for somebody's device to have seen a result.
    pub silent: u16,
    /// What changes neither people, keys nor rules takes effect once more than half have seen it.
    pub light: bool,
    /// Words.
    pub ordinary: PollRule,
    /// People and offices.
    pub people: PollRule,
    /// Charter and points of unity.
    pub rules: PollRule,
}

impl PollRule {
    /// A rule that asks for at least as much as both; who votes, and how long, is this one's.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let more = |a: Share, b: Share| if a.is_at_least(b) { a } else { b };
        Self {
            threshold: more(self.threshold, other.threshold),
            base: self.base.max(other.base),
            quorum: more(self.quorum, other.quorum),
            ..*self
        }
    }
}

impl Polls {
    /// The rule of a matter.
    #[must_use]
    pub const fn of(&self, matter: Matter) -> &PollRule {
        match matter {
            Matter::Ordinary => &self.ordinary,
            Matter::People => &self.people,
            Matter::Rules => &self.rules,
        }
    }

    /// Each with its name in the charter.
    #[must_use]
    pub const fn each(&self) -> [(&'static str, &PollRule); 3] {
        [
            ("polls.ordinary", &self.ordinary),
            ("polls.people", &self.people),
            ("polls.rules", &self.rules),
        ]
    }

    pub(super) fn check(&self, spheres: &[Sphere], governing: Sphere) -> Result<(), BadCharter> {
        let numbers = [
            ("polls.support", self.support, 0, MOST_SUPPORT),
            ("polls.grace", self.grace, 0, MOST_GRACE),
            ("polls.silent", self.silent, 7, MOST_DAYS),
            ("polls.ordinary.days", self.ordinary.days, 0, 365),
            ("polls.people.days", self.people.days, 0, 365),
            ("polls.rules.days", self.rules.days, 0, 365),
        ];
        for (what, number, least, most) in numbers {
            if !(least..=most).contains(&number) {
                return Err(BadCharter::Number { what, least, most });
            }
        }
        for (what, rule) in self.each() {
            if !spheres.contains(&rule.sphere) {
                let sphere = rule.sphere.word();
                return Err(BadCharter::NoSphere { what, sphere });
            }
            if rule.sphere < governing {
                return Err(BadCharter::Outside { what });
            }
            let half = Share {
                more: false,
                ..Share::HALF
            };
            let most = Share {
                part: 9,
                of: 10,
                more: false,
            };
            if !rule.threshold.is_sound()
                || !rule.threshold.is_at_least(half)
                || !most.is_at_least(rule.threshold)
            {
                return Err(BadCharter::Threshold { what });
            }
            if !rule.quorum.is_sound() || !most.is_at_least(rule.quorum) {
                return Err(BadCharter::Quorum { what });
            }
        }
        Ok(())
    }
}

/// How many ballots, or votes, a share of all who may vote asks for, where so many may be away.
#[must_use]
pub fn needed(share: Share, voters: u32, absent: u16) -> u32 {
    let awaited = voters.saturating_sub(u32::from(absent));
    let half = Share::HALF.least(voters);
    share.least(voters).min(awaited.max(half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_share_waits_for_those_who_may_be_away_and_none_is_met_by_half() {
        let share = |part, of, more| Share { part, of, more };
        for voters in 1..=50_u32 {
            for absent in 0..=5_u16 {
                for strict in [share(9, 10, false), share(3, 4, true), share(2, 3, false)] {
                    let least = needed(strict, voters, absent);
                    let away = voters.saturating_sub(u32::from(absent));
                    let half = voters / 2 + 1;
                    assert!(least <= away.max(half), "{voters} {absent}");
                    assert!(least >= half.min(strict.least(voters)), "{voters} {absent}");
                }
            }
        }
    }
}
