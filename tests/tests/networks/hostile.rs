//! Case M-17: oversized, endless and dribbled answers of a malicious server.

use std::time::Duration;

use caucus_client::app::Intent;
use caucus_client::relay::{LinkError, Patience, Pool};
use caucus_proto::id::{ChannelId, PersonaId, Position};
use caucus_proto::wire::{Role, Served};
use caucus_tests::net::{Fabric, Hostile, ON_THE_WAY, Trick, World, sockets};
use tokio::time::Instant;
use x25519_dalek::StaticSecret;

use super::virtually;

const TRICKS: [Trick; 11] = [
    Trick::SilentGreeting,
    Trick::DribbledGreeting,
    Trick::OversizedGreeting,
    Trick::SilentAnswer,
    Trick::DribbledAnswer,
    Trick::OversizedAnswer,
    Trick::EndlessAnswer,
    Trick::UnaskedAnswers,
    Trick::DribbledReading,
    Trick::DribbledLiveReading,
    Trick::OversizedReading,
];
/// The longest that any one of them may hold the client.
const LONGEST: Duration = Duration::from_secs(15);
/// The client's window for one stream, in bytes, and what the server itself has on the way.
const WINDOW: u64 = 384 * 1024 + ON_THE_WAY;
/// A frame is taken whole, so what was read beyond the window is at most the largest one.
const FRAME: u64 = 256 * 1024 + 4_096 + 4;

/// Asks what a room asks first; what the relay says to it, and after how long at the last step.
async fn be_tricked(pool: &Pool, hostile: &Hostile) -> (LinkError, Duration) {
    let mut begun = Instant::now();
    let asked = async {
        let connection = pool.connection(&hostile.address, &PersonaId([1; 32])).await?;
        begun = Instant::now();
        let secret = StaticSecret::from([5; 32]);
        let opened = connection.open(ChannelId([3; 32]), Role::Read, &secret).await?;
        begun = Instant::now();
        let mut reading = connection.read(opened.handle, Position(0), true).await?;
        loop {
            // As a room does: it looks after other things every second.
            let next = tokio::time::timeout(Duration::from_secs(1), reading.next());
            match next.await {
                Ok(Ok(Served::CaughtUp { .. })) => begun = Instant::now(),
                Ok(served) => return served,
                Err(_) => assert!(begun.elapsed() < Duration::from_secs(600), "it waits for ever"),
            }
        }
    };
    let error = asked.await.expect_err("a trick");
    (error, begun.elapsed())
}

#[test]
fn every_trick_of_a_malicious_server_ends_with_its_own_error_in_bounded_time_and_memory() {
    for trick in TRICKS {
        let (error, took, taken) = virtually(async {
            let fabric = Fabric::new(1);
            let hostile = Hostile::start(&fabric, fabric.device(), trick);
            let pool = Pool::over(Patience::default(), sockets(&fabric, fabric.device()));
            let (error, took) = be_tricked(&pool, &hostile).await;
            (error, took, hostile.taken())
        });
        println!(
            "{trick:?}: \"{error}\" after {:.1} s, {taken} bytes taken",
            took.as_secs_f64()
        );
        assert!(took <= LONGEST + Duration::from_secs(1), "{trick:?}: {took:?}");
        // Three attempts may stand beside each other until the first has greeted.
        assert!(taken <= 3 * (WINDOW + FRAME), "{trick:?}: {taken}");
        let fits = match trick {
            Trick::SilentGreeting | Trick::DribbledGreeting => matches!(error, LinkError::Unreachable { .. }),
            Trick::OversizedGreeting
            | Trick::OversizedAnswer
            | Trick::OversizedReading
            | Trick::EndlessAnswer
            | Trick::UnaskedAnswers => matches!(error, LinkError::Peer { .. }),
            _ => matches!(error, LinkError::Timeout { .. }),
        };
        assert!(fits, "{trick:?}: {error:?}");
    }
}

#[test]
fn a_reader_who_does_not_read_holds_no_more_of_an_endless_log_than_one_window() {
    virtually(async {
        let fabric = Fabric::new(1);
        let hostile = Hostile::start(&fabric, fabric.device(), Trick::EndlessReading);
        let pool = Pool::over(Patience::default(), sockets(&fabric, fabric.device()));
        let connection = pool
            .connection(&hostile.address, &PersonaId([1; 32]))
            .await
            .expect("a connection");
        let secret = StaticSecret::from([5; 32]);
        let opened = connection.open(ChannelId([3; 32]), Role::Read, &secret).await;
        let handle = opened.expect("a handle").handle;
        let mut reading = connection
            .read(handle, Position(0), true)
            .await
            .expect("a reading");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        println!("{} bytes in an hour", hostile.taken());
        // More than its own buffer, so that something lies with the client.
        let taken = hostile.taken();
        assert!((ON_THE_WAY + 1..=WINDOW + 1_024).contains(&taken), "{taken}");
        // And it is not over: who reads gets what comes next.
        assert!(matches!(reading.next().await, Ok(Served::Entry(_))));
    });
}

#[test]
fn a_person_who_adds_a_malicious_relay_is_told_in_words_within_seconds() {
    virtually(async {
        let world = World::new(1).await;
        let ana = world.stranger("ana").await;
        for trick in TRICKS {
            let hostile = Hostile::start(&world.fabric, world.fabric.device(), trick);
            let begun = Instant::now();
            let problem = ana
                .refused(Intent::RelayAdd {
                    address: hostile.address.to_string(),
                    passes: Vec::new(),
                })
                .await;
            assert!(
                begun.elapsed() <= Duration::from_secs(26),
                "{trick:?}: {:?}",
                begun.elapsed()
            );
            assert!(!problem.message.is_empty(), "{problem:?}");
        }
        // It harmed nothing: an honest one is still added.
        ana.add_relay(&world.relay().address().to_string()).await;
    });
}
