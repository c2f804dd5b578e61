//! `Create`: a new channel, for whoever holds its creation key and, where the relay wants one, a pass.

use caucus_proto::id::{ChannelId, Hours};
use caucus_proto::label::{Label, hash};
use caucus_proto::wire::proof::Purpose;
use caucus_proto::wire::{Access, ChannelSpec, Control, CreationPolicy, Pass, Proof, RefusedBecause, SLOTS};

use crate::limits::Limits;
use crate::relay::guard::Guard;
use crate::relay::open::Verifier;

/// Highest counter and position a channel may start from: nobody counts so far, and nothing overflows.
const HIGHEST_START: u64 = 1 << 48;
const HOURS_A_DAY: u64 = 24;
/// Passes are minted for a few months at most; a later day would keep its mark for ever.
const LATEST_PASS_DAYS: u64 = 400;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Creation<'a> {
    /// What the channel is to be.
    pub spec: &'a ChannelSpec,
    /// That the creation key's secret is held.
    pub proof: &'a Proof,
    /// A creation pass.
    pub pass: Option<&'a Pass>,
}

/// The channel and its guard, if it may be created and does not exist yet.
///
/// # Errors
/// `NotOpened` for a wrong proof, `PassWanted`, `PassRefused`, `NotAllowed` for a spec that contradicts itself
/// or the relay's limits.
pub fn create(
    asked: Creation<'_>,
    verifier: Verifier<'_>,
    limits: &Limits,
    pass_secret: &[u8; 32],
    now: Hours,
) -> Result<(ChannelId, Guard), RefusedBecause> {
    let spec = asked.spec;
    let channel = spec.id();
    if !verifier.proves(asked.proof, &spec.creation_key, &channel, Purpose::Create) {
        return Err(RefusedBecause::NotOpened);
    }
    let pass = match limits.creation {
        CreationPolicy::Open => None,
        CreationPolicy::Pass => Some(good_pass(asked.pass, pass_secret, now)?),
    };
    let sane = spec.flagged >= spec.plain
        && spec.plain <= limits.plain
        && spec.flagged <= limits.flagged
        && spec.counter.0 <= HIGHEST_START
        && spec.after.0 <= HIGHEST_START
        && spec.access.append != spec.access.read
        && distinct(&spec.controls);
    if !sane {
        return Err(RefusedBecause::NotAllowed);
    }
    Ok((channel, Guard::new(spec, pass, now)))
}

/// Whether no two slots hold one key: it would agree with itself.
pub(crate) fn distinct(controls: &[Control; SLOTS]) -> bool {
    let mut sorted = *controls;
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair.first() != pair.last())
}

fn good_pass(pass: Option<&Pass>, secret: &[u8; 32], now: Hours) -> Result<([u8; 16], u32), RefusedBecause> {
    let pass = pass.ok_or(RefusedBecause::PassWanted)?;
    let today = now.0 / HOURS_A_DAY;
    let in_time = (today..=today.saturating_add(LATEST_PASS_DAYS)).contains(&u64::from(pass.day));
    if pass.is_of(secret) && in_time {
        Ok((pass.nonce, pass.day))
    } else {
        Err(RefusedBecause::PassRefused)
    }
}

/// The mark a spent pass leaves: a channel that nobody can open, at a place only its nonce tells, which names
/// the channel the pass was spent on. It is written before that channel, so that a crash between the two
/// leaves a pass that still creates this channel and no other.
#[must_use]
pub fn spent_mark(nonce: &[u8; 16], day: u32, channel: &ChannelId) -> (ChannelId, Guard) {
    let place = ChannelId(hash(Label::Pass, &[b"spent", nonce]));
    // Keys of low order prove nothing, so no key opens it.
    let nobody = [0; 32];
    let spec = ChannelSpec {
        creation_key: nobody,
        salt: nobody,
        access: Access {
            append: nobody,
            read: nobody,
        },
        controls: [nobody; SLOTS],
        solo: false,
        plain: caucus_proto::wire::Retention::Day,
        flagged: caucus_proto::wire::Retention::Day,
        counter: caucus_proto::id::Counter(0),
        after: caucus_proto::id::Position(0),
    };
    let mut guard = Guard::new(&spec, Some((*nonce, day)), Hours(u64::from(day) * HOURS_A_DAY));
    guard.access.append = hash(Label::Pass, &[b"spent on", nonce, channel.as_bytes()]);
    (place, guard)
}

/// Whether a mark says that this pass was spent on this channel.
#[must_use]
pub fn spent_on(mark: &Guard, nonce: &[u8; 16], channel: &ChannelId) -> bool {
    mark.access.append == hash(Label::Pass, &[b"spent on", nonce, channel.as_bytes()])
}

#[cfg(test)]
mod tests {
    use caucus_proto::wire::Retention;

    use super::*;
    use crate::relay::sample::{NOW, Setting, spec};

    const SECRET: [u8; 32] = [77; 32];

    fn try_with(
        setting: &Setting,
        spec: &ChannelSpec,
        pass: Option<&Pass>,
        limits: &Limits,
    ) -> Result<(ChannelId, Guard), RefusedBecause> {
        let proof = setting.proof_of_creation(spec);
        let asked = Creation {
            spec,
            proof: &proof,
            pass,
        };
        create(asked, setting.verifier(), limits, &SECRET, NOW)
    }

    #[test]
    fn whoever_holds_the_creation_key_creates_and_nobody_else() {
        let setting = Setting::new();
        let spec = spec();
        let (channel, guard) = try_with(&setting, &spec, None, &Limits::default()).unwrap();
        assert_eq!(channel, spec.id());
        assert_eq!(guard.access, spec.access);
        let foreign = ChannelSpec {
            creation_key: [9; 32],
            ..spec
        };
        let refused = try_with(&setting, &foreign, None, &Limits::default());
        assert_eq!(refused.unwrap_err(), RefusedBecause::NotOpened);
    }

    #[test]
    fn a_spec_beyond_the_limits_or_against_itself_is_not_allowed() {
        let setting = Setting::new();
        let good = spec();
        let mut twice = good.controls;
        twice[1] = twice[0];
        let week = Limits {
            plain: Retention::Week,
            ..Limits::default()
        };
        let cases = [
            (
                ChannelSpec {
                    flagged: Retention::Day,
                    ..good.clone()
                },
                Limits::default(),
            ),
            (good.clone(), week),
            (
                ChannelSpec {
                    controls: twice,
                    ..good.clone()
                },
                Limits::default(),
            ),
            (
                ChannelSpec {
                    counter: caucus_proto::id::Counter(u64::MAX),
                    ..good.clone()
                },
                Limits::default(),
            ),
        ];
        for (spec, limits) in cases {
            let refused = try_with(&setting, &spec, None, &limits);
            assert_eq!(refused.unwrap_err(), RefusedBecause::NotAllowed);
        }
    }

    #[test]
    fn where_a_pass_is_wanted_only_a_fresh_one_of_this_relay_will_do() {
        let setting = Setting::new();
        let spec = spec();
        let limits = Limits {
            creation: CreationPolicy::Pass,
            ..Limits::default()
        };
        let today = u32::try_from(NOW.0 / 24).unwrap();
        let of = |secret: &[u8; 32], day| Pass::mint(secret, day, [1; 16]);
        let refused = |pass: Option<&Pass>| try_with(&setting, &spec, pass, &limits).unwrap_err();
        assert_eq!(refused(None), RefusedBecause::PassWanted);
        assert_eq!(refused(Some(&of(&[1; 32], today))), RefusedBecause::PassRefused);
        assert_eq!(
            refused(Some(&of(&SECRET, today - 1))),
            RefusedBecause::PassRefused
        );
        let (channel, guard) = try_with(&setting, &spec, Some(&of(&SECRET, today)), &limits).unwrap();
        assert_eq!(guard.pass, Some(([1; 16], today)));
        let (_, mark) = spent_mark(&[1; 16], today, &channel);
        assert!(spent_on(&mark, &[1; 16], &channel));
        assert!(!spent_on(&mark, &[1; 16], &ChannelId([3; 32])));
    }
}
