//! A poster that was printed goes on working after a removal, and whoever was removed gains nothing by it.

use caucus_client::app::{Answer, Intent, InviteView, JoinStage};
use caucus_client::engine::Room;
use caucus_client::relay::{LinkError, Pool};
use caucus_proto::envelope::AccessSecret;
use caucus_proto::id::{ChannelId, IntentId, PersonaId};
use caucus_proto::wire::{RefusedBecause, Role};
use caucus_tests::harness::{Person, World};

async fn removes(by: &Person, name: &str) {
    let answer = by
        .ask(Intent::Remove {
            body: "North".to_owned(),
            name: name.to_owned(),
            reason: String::new(),
        })
        .await;
    assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
    by.until("they are cut off", || async {
        by.room().await.uncut.is_empty().then_some(())
    })
    .await;
}

async fn invites(person: &Person) -> Vec<InviteView> {
    match person.ask(Intent::Invites { body: None }).await {
        Answer::Invites { invites } => invites,
        other => panic!("{other:?}"),
    }
}

/// Waits until the link is that of an open invite again.
async fn is_open_again(opener: &Person, link: &str) -> InviteView {
    opener
        .until("the invite is open again", || async {
            let open = |invite: &InviteView| invite.link.as_deref() == Some(link) && invite.closed.is_none();
            invites(opener).await.into_iter().find(open)
        })
        .await
}

/// What a device knows: the access secret of the room, and its open invites with their drops.
async fn known(person: &Person) -> (AccessSecret, Vec<(IntentId, ChannelId)>) {
    person.lock().await;
    let vault = person.vault();
    let room = Room::all(&vault).expect("rooms").pop().expect("a room");
    let invites = room.state().invites.iter();
    let open = invites.map(|(id, invite)| (*id, invite.drop)).collect();
    (room.cursor().access.clone(), open)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poster_goes_on_working_after_a_removal_and_the_removed_read_no_request_by_it() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "mal"]).await;
    let (ana, ben, mal) = (&people[0], &people[1], &people[2]);
    let link = ana.invite("North", 3).await;
    ben.until("ben knows the invite", || async {
        (!invites(ben).await.is_empty()).then_some(())
    })
    .await;
    mal.until("mal knows the invite", || async {
        (!invites(mal).await.is_empty()).then_some(())
    })
    .await;
    let (mals, before) = known(mal).await;
    removes(ana, "mal").await;
    let again = is_open_again(ana, &link).await;
    assert_eq!((again.left, again.by.as_str()), (3, "ana"));

    let eve = world.stranger("eve").await;
    eve.join(&link).await;
    ana.await_requests("North", 1).await;
    // Ben's device reads the new drop as well.
    ben.await_requests("North", 1).await;
    ana.admit_all().await;
    eve.await_joined().await;
    eve.says("by the poster").await;
    ben.await_said("by the poster").await;

    // Mal knows the link, and the room's keys of before: neither opens the drop of now, nor what is sealed for it.
    let (anas, after) = known(ana).await;
    let [(id, drop)] = after[..] else {
        panic!("{after:?}")
    };
    let [(old, first)] = before[..] else {
        panic!("{before:?}")
    };
    assert!(id != old && drop != first);
    let vault = ana.vault();
    let room = Room::all(&vault).expect("rooms").pop().expect("a room");
    let pool = Pool::default();
    let connection = pool
        .connection(&room.record().relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let keys = |access: &AccessSecret, invite| access.invite(&invite).read;
    for (channel, invite, access, opens) in [
        (drop, id, &anas, true),
        (drop, id, &mals, false),
        (drop, old, &mals, false),
        (first, old, &mals, false),
    ] {
        let opened = connection.open(channel, Role::Read, &keys(access, invite)).await;
        match opened {
            Ok(_) => assert!(opens),
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => assert!(!opens),
            Err(error) => panic!("{error}"),
        }
    }
    for invite in [id, old] {
        assert!(mals.invite(&invite).sealing != anas.invite(&id).sealing);
    }
    pool.close_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_while_the_opener_is_away_is_heard_once_the_invite_is_open_again() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "mal"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    let link = ben
        .until("ben may admit", || async {
            let intent = Intent::Invite {
                body: "North".to_owned(),
                uses: 5,
                minutes: 60,
            };
            match ben.app.handle(intent).await {
                Ok(Answer::Invited { link, .. }) => Some(link),
                _ => None,
            }
        })
        .await;
    ben.lock().await;
    removes(ana, "mal").await;
    // The card still leads to the old drop, which nobody in the room reads any more.
    let eve = world.stranger("eve").await;
    eve.join(&link).await;
    eve.until("eve has asked", || async {
        let join = eve.joins().await.pop()?;
        (join.stage == JoinStage::Waiting).then_some(())
    })
    .await;
    ben.unlock().await;
    // Fay comes while card and drop change.
    let fay = world.stranger("fay").await;
    fay.join(&link).await;
    is_open_again(ben, &link).await;
    // The card is looked at every few minutes, and whenever somebody comes back.
    for asks in [&eve, &fay] {
        asks.lock().await;
        asks.unlock().await;
    }
    ana.await_requests("North", 2).await;
    ana.admit_all().await;
    eve.await_joined().await;
    fay.await_joined().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_whose_opener_may_not_admit_any_more_stays_closed_and_both_sides_are_told() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem", "mal"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    let link = ben
        .until("ben may admit", || async {
            let intent = Intent::Invite {
                body: "North".to_owned(),
                uses: 5,
                minutes: 60,
            };
            match ben.app.handle(intent).await {
                Ok(Answer::Invited { link, .. }) => Some(link),
                _ => None,
            }
        })
        .await;
    ben.ask(Intent::HandOver {
        body: "North".to_owned(),
        office: "keyholder".to_owned(),
        name: None,
    })
    .await;
    removes(ana, "mal").await;
    let closed = ben
        .until("ben is told", || async {
            invites(ben)
                .await
                .into_iter()
                .find(|invite| invite.closed.is_some())
        })
        .await;
    let why = closed.closed.unwrap_or_default();
    assert!(why.contains("may not admit"), "{why}");
    let eve = world.stranger("eve").await;
    eve.until("the drop is gone, and eve is told", || async {
        eve.join(&link).await;
        let why = eve.until("the drop is asked", || async {
            let join = eve.joins().await.pop()?;
            (join.stage == JoinStage::Waiting || join.why.is_some()).then_some(join.why)
        });
        why.await?.contains("closed at the moment").then_some(())
    })
    .await;
    ben.ask(Intent::Revoke {
        body: "North".to_owned(),
        number: closed.number,
    })
    .await;
    let join = eve.await_decision().await;
    assert!(join.why.is_some_and(|why| why.contains("has ended")));
    assert_eq!(invites(ben).await, []);
}
