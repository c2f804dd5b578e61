//! An invite outlives a removal: whoever opened it opens it again under the keys after it, and nobody else does.

use caucus_proto::id::{ChannelId, IntentId, Minutes};
use caucus_proto::org::{Deed, Office, Power};
use caucus_proto::wire::{RelayAddress, RelayKey};

use super::world::World;
use crate::engine::error::EngineError;
use crate::engine::invite::Published;
use crate::engine::link::InviteLink;
use crate::engine::record::SecretKey;

const SECRET: [u8; 16] = [5; 16];

const DROP: ChannelId = ChannelId([21; 32]);

impl World {
    /// Opens an invite as a device does whose channels stand at the relay.
    pub(super) fn opens(&mut self, n: usize, uses: u16) -> IntentId {
        let expires = Minutes(self.now.minutes.0 + 10_000);
        let room = self.room(n);
        let draft = room.draft_invite(SECRET).unwrap();
        let id = draft.id;
        let published = Published {
            link: InviteLink {
                relay: RelayAddress::new(RelayKey([7; 32]), "relay.example", 4433, false).unwrap(),
                card: ChannelId([20; 32]),
                secret: SECRET,
                commitment: draft.commitment(),
                expires,
                pass: None,
            },
            drop: DROP,
            control: SecretKey([22; 32]),
        };
        room.submit_invite(&draft, published, uses, expires).unwrap();
        id
    }

    /// Opens again what is to be opened again, as a device does; how many.
    pub(super) fn reissues(&mut self, n: usize) -> Result<usize, EngineError> {
        let mut count = 0;
        while let Some(again) = self.room(n).next_reissue()? {
            let drop = ChannelId([30 + u8::try_from(count).unwrap(); 32]);
            self.room(n).submit_reissue(again, drop)?;
            count += 1;
        }
        Ok(count)
    }

    /// The invites that are open, by their ids, with how many may come by each.
    fn open(&mut self, n: usize) -> Vec<(IntentId, u16)> {
        let state = self.room(n).state();
        let open = state
            .invites
            .iter()
            .filter(|(_, invite)| invite.is_open(state.now()));
        open.map(|(id, invite)| (*id, invite.left)).collect()
    }

    fn why_closed(&mut self, n: usize) -> Vec<&'static str> {
        let closed = self.room(n).closed_invites().unwrap();
        closed.into_iter().map(|invite| invite.why).collect()
    }
}

#[test]
fn an_invite_that_a_removal_closed_is_opened_again_once_for_what_is_left_of_it() {
    let mut world = World::cell(&["ana", "ben", "cem", "mal"]);
    let first = world.opens(0, 3);
    world.settle();
    assert_eq!(world.open(1), [(first, 3)]);
    let old = world.room(3).cursor().access.clone();
    world.remove(0, 3);
    world.settle();
    // Nobody else opens it: they have no link.
    for n in 1..3 {
        assert_eq!(world.reissues(n).unwrap(), 0);
    }
    // The device goes off between the cut and the re-issue, and in the middle of it.
    world.people[0].reopen();
    assert!(world.room(0).next_reissue().unwrap().is_some());
    world.people[0].reopen();
    assert_eq!(world.reissues(0).unwrap(), 1);
    world.people[0].reopen();
    assert_eq!(world.reissues(0).unwrap(), 0);
    world.settle();
    let open = world.open(1);
    assert!(
        matches!(open[..], [(id, 3)] if id != first),
        "{open:?}: another invite, for as many"
    );
    assert_eq!(world.why_closed(0), Vec::<&str>::new());
    // Everybody in the room reads its drop, and whoever is out has no key of it.
    let id = open[0].0;
    for n in 0..3 {
        let known = world.room(n).invites().unwrap();
        let known = known.iter().find(|known| known.id == id).unwrap();
        let keys = world.room(n).cursor().access.invite(&id);
        assert_eq!(known.sealing.0, *keys.sealing.bytes());
        for id in [id, first] {
            assert_ne!(known.sealing.0, *old.invite(&id).sealing.bytes());
            assert_ne!(known.read.0, old.invite(&id).read.to_bytes());
        }
    }
    // And so through the next removal.
    world.remove(0, 2);
    world.settle();
    assert_eq!(world.reissues(0).unwrap(), 1);
    world.settle();
    assert!(matches!(world.open(1)[..], [(again, 3)] if again != id));
}

#[test]
fn an_invite_that_is_opened_between_a_removal_and_its_cut_is_opened_again_too() {
    let mut world = World::cell(&["ana", "ben", "mal"]);
    let now = world.now.ms;
    // The relay does not let anybody cut yet.
    for n in 0..2 {
        world.room(n).cut_refused(now + 120_000).unwrap();
    }
    world.remove(0, 2);
    world.settle();
    assert!(world.room(0).state().is_uncut());
    let first = world.opens(0, 2);
    world.settle();
    assert_eq!(world.open(1), [(first, 2)]);
    world.pass(200_000);
    world.settle();
    assert!(!world.room(0).state().is_uncut());
    assert_eq!(world.reissues(0).unwrap(), 1);
    world.settle();
    assert!(matches!(world.open(1)[..], [(id, 2)] if id != first));
}

#[test]
fn an_invite_whose_keys_turned_before_it_was_sent_is_made_anew() {
    let mut world = World::cell(&["ana", "ben", "mal"]);
    world.remove(0, 2);
    world.settle();
    let first = world.opens(0, 2);
    let now = world.now;
    world.room(1).stage_refresh(true, now).unwrap();
    world.step(1).unwrap();
    world.settle();
    assert_eq!(world.open(1), []);
    assert_eq!(world.reissues(0).unwrap(), 1);
    world.settle();
    assert!(matches!(world.open(1)[..], [(id, 2)] if id != first));
}

#[test]
fn whoever_asked_before_a_removal_takes_a_use_of_what_is_opened_again() {
    let mut world = World::cell(&["ana", "ben", "mal"]);
    world.asks_by("eve", 0, 2);
    world.remove(0, 2);
    world.settle();
    assert_eq!(world.reissues(0).unwrap(), 1);
    world.settle();
    assert_eq!(
        world.open(1).iter().map(|(_, left)| *left).collect::<Vec<_>>(),
        [1]
    );
    // She is admitted by the old one.
    let eve = world.people.len() - 1;
    world.admit(eve);
    world.settle();
    assert!(world.people[eve].room.is_some());
}

#[test]
fn an_invite_for_one_waits_for_whoever_asked_by_it() {
    let mut world = World::cell(&["ana", "ben", "mal"]);
    world.asks_by("eve", 0, 1);
    world.remove(0, 2);
    world.settle();
    assert_eq!(world.reissues(0).unwrap(), 0);
    let why = world.why_closed(0);
    assert!(matches!(why[..], [why] if why.contains("declined")), "{why:?}");
    let persona = world.people.last().unwrap().id();
    let reason = String::new();
    world.submit(0, &Deed::Decline { persona, reason }).unwrap();
    world.settle();
    assert_eq!(world.reissues(0).unwrap(), 1);
}

#[test]
fn whoever_is_removed_or_may_not_admit_any_more_opens_nothing_again() {
    let mut world = World::cell(&["ana", "ben", "cem", "mal"]);
    assert!(world.room(1).holds(Power::Admit), "ben is a keyholder");
    world.opens(1, 3);
    world.settle();
    let deed = Deed::HandOver {
        office: Office::Keyholder,
        holder: world.people[1].id(),
    };
    world.submit(1, &deed).unwrap();
    world.settle();
    assert!(!world.room(1).holds(Power::Admit));
    world.remove(0, 3);
    world.settle();
    assert_eq!(world.reissues(1).unwrap(), 0);
    let why = world.why_closed(1);
    assert!(
        matches!(why[..], [why] if why.contains("may not admit")),
        "{why:?}"
    );
    // It is ended by hand, and is gone.
    let number = world.room(1).closed_invites().unwrap()[0].number;
    assert!(world.room(1).end_closed_invite(number).unwrap());
    assert_eq!(world.why_closed(1), Vec::<&str>::new());

    // Cem, who is a keyholder now, opens one and is removed.
    assert!(world.room(2).holds(Power::Admit));
    world.opens(2, 3);
    world.settle();
    world.remove(0, 2);
    world.settle();
    assert_eq!(world.reissues(2).unwrap(), 0);
    assert_eq!(world.why_closed(2), Vec::<&str>::new());
    assert_eq!(world.open(0), []);
}

#[test]
fn what_is_revoked_used_up_or_expired_is_not_opened_again() {
    let mut world = World::cell(&["ana", "ben", "mal", "pat"]);
    let revoked = world.opens(0, 3);
    world.settle();
    world.submit(0, &Deed::Revoke { invite: revoked }).unwrap();
    world.settle();
    world.asks_by("eve", 0, 1);
    let eve = world.people.len() - 1;
    world.admit(eve);
    world.settle();
    world.remove(0, 2);
    world.settle();
    assert_eq!(world.reissues(0).unwrap(), 0);
    // One that expires while it is closed.
    world.opens(0, 3);
    world.settle();
    world.remove(0, 3);
    world.settle();
    world.pass(10_001 * 60_000);
    for n in [0, 1, eve] {
        world.say(n, "a week later");
    }
    world.settle();
    assert_eq!(world.reissues(0).unwrap(), 0);
    assert_eq!(world.why_closed(0), Vec::<&str>::new());
}
