//! Those who were removed, who publish beside the log, who flood a drop.

use bytes::Bytes;
use caucus_client::app::{Answer, Intent, KindWord, RaiseWord};
use caucus_client::clock::{Clock, ManualClock, SystemClock};
use caucus_client::engine::Room;
use caucus_client::relay::Pool;
use caucus_proto::id::{ChannelId, PersonaId, Position};
use caucus_proto::label::{Label, derive};
use caucus_proto::org::Kind;
use caucus_proto::org::between::LinkSecret;
use caucus_proto::wire::{Flag, RelayAddress, Role, Served};
use caucus_tests::harness::{Person, World};
use x25519_dalek::StaticSecret;

use super::{announcement, days_pass, issue, link, own, raised, reads, timed};
use crate::stories::assembly::{body, quick};

/// What opens the bulletin of the only link that a person's room has, as their vault has it.
async fn stolen(person: &Person) -> (ChannelId, LinkSecret, RelayAddress) {
    person.lock().await;
    let vault = person.vault();
    let room = Room::all(&vault).expect("rooms").pop().expect("a room");
    let link = room
        .state()
        .between
        .links
        .values()
        .next()
        .expect("a link")
        .clone();
    let peer = link.peer.expect("a body");
    let (_, secret) = peer.keys.back().expect("a key").clone();
    let reading = peer.card.bulletin.expect("a bulletin");
    (reading.channel, secret, room.record().relay.clone())
}

/// Entries that are served to whoever has this, and whether the keys have turned since.
async fn served((channel, secret, relay): &(ChannelId, LinkSecret, RelayAddress)) -> (usize, bool) {
    let pool = Pool::default();
    let connection = pool
        .connection(relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let key = StaticSecret::from(derive(Label::Bulletin, &secret.0, &[b"read"]));
    let (mut count, mut ended) = (0, false);
    if let Ok(opened) = connection.open(*channel, Role::Read, &key).await {
        let mut reading = connection
            .read(opened.handle, Position(0), false)
            .await
            .expect("a reading");
        loop {
            match reading.next().await {
                Ok(Served::Entry(entry)) => {
                    count += 1;
                    ended |= entry.flag == Flag::Cut;
                }
                Ok(Served::CaughtUp { .. }) => {}
                _ => break,
            }
        }
    }
    pool.close_all().await;
    (count, ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_removed_from_a_body_reads_nothing_of_what_another_publishes_after_the_keys_turned() {
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let ana = timed(&world, "ana", &clock).await;
    let daily = quick(Kind::Committee, |charter| charter.between.beat = 1);
    ana.found_by(KindWord::Committee, "Council", Some(daily)).await;
    let north = body(&world, "North", KindWord::Cell, &["ben", "mal"]).await;
    let (ben, mal) = (&north[0], &north[1]);
    link((&ana, "Council"), (ben, "North")).await;
    issue(&ana, "Council", announcement("Before")).await;
    reads(mal, &["Before"]).await;
    let known = stolen(mal).await;
    let (before, ended) = served(&known).await;
    assert!(before > 0 && !ended);
    ben.ask(Intent::Remove {
        body: own("North"),
        name: own("mal"),
        reason: own("broke an agreement"),
    })
    .await;
    // The body asks for other keys by itself, and they turn at the next beat.
    ana.until("the keys turned", || async {
        days_pass(&clock, &ana, "Council", 1).await;
        served(&known).await.1.then_some(())
    })
    .await;
    let ended = served(&known).await;
    issue(&ana, "Council", announcement("After")).await;
    reads(ben, &["Before", "After"]).await;
    assert_eq!(
        served(&known).await,
        ended,
        "the segment of the old keys has ended"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_who_was_expelled_cannot_publish_and_what_an_editor_publishes_beside_the_log_is_seen_by_their_own()
 {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana", "mal"]).await;
    let (ana, mal) = (&council[0], &council[1]);
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    link((ana, "Council"), (&north[0], "North")).await;
    issue(ana, "Council", announcement("Before")).await;
    reads(&north[0], &["Before"]).await;
    reads(mal, &["Before"]).await;
    mal.lock().await;
    let (channel, publishing, relay) = {
        let vault = mal.vault();
        let room = Room::all(&vault).expect("rooms").pop().expect("a room");
        let house = room.state().between.house().expect("keys").clone();
        let bulletin = house.bulletin.expect("a bulletin");
        (
            bulletin.reading.channel,
            bulletin.publishing,
            room.record().relay.clone(),
        )
    };
    let pool = Pool::default();
    let connection = pool
        .connection(&relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let key = StaticSecret::from(derive(Label::Bulletin, &publishing.0, &[b"append"]));
    let opened = connection
        .open(channel, Role::Append, &key)
        .await
        .expect("while they are in");
    let noise = Bytes::from(vec![7; 1024]);
    connection
        .append(opened.handle, opened.counter, noise.clone())
        .await
        .expect("noise");
    // It is no word of the body: its own people and its readers are told, and go on.
    for (person, body) in [(ana, "Council"), (&north[0], "North")] {
        person
            .until("the noise is shown", || async {
                let answer = person.ask(Intent::Links { body: own(body) }).await;
                let Answer::Links { links, warnings, .. } = answer else {
                    panic!("{answer:?}")
                };
                let told = links.into_iter().flat_map(|link| link.warnings).chain(warnings);
                told.into_iter()
                    .any(|warning| warning.contains("no word of it"))
                    .then_some(())
            })
            .await;
    }
    ana.ask(Intent::Remove {
        body: own("Council"),
        name: own("mal"),
        reason: own("broke an agreement"),
    })
    .await;
    ana.until("the keys turned", || async {
        connection
            .open(channel, Role::Append, &key)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    assert!(
        connection
            .append(opened.handle, opened.counter, noise)
            .await
            .is_err()
    );
    pool.close_all().await;
    issue(ana, "Council", announcement("After")).await;
    reads(&north[0], &["Before", "After"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_floods_the_drop_of_a_link_holds_up_no_letter_and_nothing_of_it_comes_into_the_log() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    north[0].lock().await;
    let (card, relay) = {
        let vault = north[0].vault();
        let room = Room::all(&vault).expect("rooms").pop().expect("a room");
        let link = room
            .state()
            .between
            .links
            .values()
            .next()
            .expect("a link")
            .clone();
        (link.peer.expect("a body").card, room.record().relay.clone())
    };
    let pool = Pool::default();
    let connection = pool
        .connection(&relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let key = StaticSecret::from(card.append.0);
    let opened = connection
        .open(card.drop, Role::Append, &key)
        .await
        .expect("the drop");
    let mut stored = 0;
    for n in 0..300_u32 {
        let bytes = Bytes::from(vec![n as u8; 4096]);
        stored += usize::from(
            connection
                .append(opened.handle, opened.counter, bytes)
                .await
                .is_ok(),
        );
    }
    assert!(stored > 0);
    pool.close_all().await;
    north[0].unlock().await;
    north[0].is_in("North").await;
    let question = Intent::Raise {
        body: own("North"),
        to: own("Council"),
        kind: RaiseWord::Question,
        text: own("is anybody there?"),
        days: 3,
    };
    north[0].ask(question).await;
    council[0]
        .until("the question is there", || async {
            raised(&council[0]).await.pop()
        })
        .await;
}
