//! Case N-01: what is said arrives, whatever the network loses, delays, overtakes and doubles.

use std::time::Duration;

use caucus_client::app::Answer;
use caucus_proto::id::PersonaId;
use caucus_tests::net::{Clock, Fabric, RelayHost, Weather, World, sockets};
use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep};

use super::{handshakes, long, virtually};

const LOSSES: [u64; 5] = [1, 5, 10, 20, 30];

/// Of one loss rate: what was said, what was told as stored at once, and how long each took to be read, in ms.
async fn talk_through(loss: u64, count: usize) -> (usize, usize, Histogram<u64>) {
    let world = World::new(loss).await;
    let people = world.cell(&["ana", "ben"]).await;
    for person in &people {
        world.fabric.weather(person.device, Weather::rough(loss));
    }
    let mut heard = people[1].app.follow("North", false).expect("a room");
    let begun = Instant::now();
    let reading = tokio::spawn(async move {
        let mut times = Vec::new();
        while times.len() < count {
            let message = heard.next().await.expect("the vault is open");
            times.push((message.text, begun.elapsed()));
        }
        times
    });
    let mut said = Vec::new();
    let mut stored = 0;
    for number in 0..count {
        let text = format!("word {number}");
        said.push((text.clone(), begun.elapsed()));
        let answer = people[0].utter(&text).await.expect("it is taken");
        stored += usize::from(matches!(answer, Answer::Stored { .. }));
        sleep(Duration::from_secs(6)).await;
    }
    let limit = Duration::from_secs(30 * 60);
    let read = tokio::time::timeout(limit, reading).await;
    let read = read.expect("all of it is read").expect("the reader goes on");
    let texts = |list: &[(String, Duration)]| list.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&read), texts(&said), "at {loss} % loss");
    let mut times = Histogram::new(3).expect("a histogram");
    for ((_, said), (_, read)) in said.iter().zip(&read) {
        times.record((*read - *said).as_millis() as u64).expect("a time");
    }
    for person in &people {
        person.lock().await;
    }
    (count, stored, times)
}

#[test]
fn at_every_loss_rate_all_that_is_said_is_read_once_and_in_order() {
    let count = if long() { 1_000 } else { 40 };
    println!("loss %   read   stored at once   p50 ms   p99 ms   max ms");
    for loss in LOSSES {
        let (read, stored, times) = virtually(talk_through(loss, count));
        println!(
            "{loss:6}   {read:4}   {stored:14}   {:6}   {:6}   {:6}",
            times.value_at_quantile(0.5),
            times.value_at_quantile(0.99),
            times.max()
        );
    }
}

#[test]
fn ninety_nine_of_a_hundred_handshakes_succeed_at_a_fifth_lost() {
    let tries = if long() { 2_000 } else { 200 };
    let shaken = virtually(handshakes::shake(20, Weather::rough(20), tries));
    println!("{shaken}");
    assert!(shaken.succeeded * 100 >= shaken.tried * 99, "{shaken}");
}

#[test]
fn a_text_of_the_largest_size_comes_through_at_a_third_lost() {
    virtually(async {
        let world = World::new(3).await;
        let people = world.cell(&["ana", "ben"]).await;
        for person in &people {
            world.fabric.weather(person.device, Weather::rough(30));
        }
        let text = "x".repeat(64 * 1024);
        people[0].utter(&text).await.expect("it is taken");
        people[1].hears(&text, Duration::from_secs(15 * 60)).await;
        assert_eq!(people[1].said().await.len(), 1);
    });
}

#[test]
fn junk_from_the_network_moves_nothing() {
    virtually(async {
        let fabric = Fabric::new(1);
        let relay = RelayHost::start(&fabric, Clock::begin()).await;
        let device = fabric.device();
        let pool = caucus_client::relay::Pool::over(Default::default(), sockets(&fabric, device));
        fabric.tap();
        let connection = pool
            .connection(relay.address(), &PersonaId([1; 32]))
            .await
            .expect("a connection");
        let mut draw = caucus_tests::net::Draw::of(5);
        let real = fabric.tapped();
        for _ in 0..5_000 {
            let mut junk = draw.one(&real).clone();
            // Real packets with a few bytes turned, and packets of nothing but noise.
            if draw.percent(50) {
                for _ in 0..draw.between(1, 8) {
                    let at = draw.below(junk.bytes.len() as u64) as usize;
                    junk.bytes[at] ^= draw.between(1, 255) as u8;
                }
            } else {
                junk.bytes.iter_mut().for_each(|byte| *byte = draw.number() as u8);
            }
            fabric.inject(junk);
            sleep(Duration::from_millis(1)).await;
        }
        connection.info().await.expect("the same connection still stands");
    });
}
