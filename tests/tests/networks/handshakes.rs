//! Case N-05: handshakes whose hello needs two packets, on paths that carry 1,280 bytes.

use std::fmt;
use std::time::Duration;

use caucus_client::relay::{Backoff, Patience, Pool};
use caucus_proto::id::PersonaId;
use caucus_tests::net::{Clock, Fabric, Packet, PacketKind, RelayHost, Weather, World, sockets};
use tokio::time::Instant;

use super::{long, virtually};

/// How handshakes went.
pub(super) struct Shaken {
    pub(super) tried: u64,
    /// At the first attempt, within the client's patience.
    pub(super) succeeded: u64,
    /// With as many attempts as the client's back-off allows in ten minutes.
    finally: u64,
    times: Vec<Duration>,
}

impl fmt::Display for Shaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |part: f64| {
            let place = ((self.times.len() as f64 - 1.0) * part) as usize;
            self.times.get(place).copied().unwrap_or_default().as_millis()
        };
        write!(
            f,
            "handshakes: {} tried, {} at the first attempt, {} in all; p50 {} ms, p99 {} ms, max {} ms",
            self.tried,
            self.succeeded,
            self.finally,
            at(0.5),
            at(0.99),
            at(1.0)
        )
    }
}

/// Connects so many times, each a persona of its own.
pub(super) async fn shake(seed: u64, weather: Weather, tries: u64) -> Shaken {
    let fabric = Fabric::new(seed);
    let relay = RelayHost::start(&fabric, Clock::begin()).await;
    let device = fabric.device();
    let pool = Pool::over(Patience::default(), sockets(&fabric, device));
    let mut shaken = Shaken {
        tried: tries,
        succeeded: 0,
        finally: 0,
        times: Vec::new(),
    };
    for number in 0..tries {
        // Another way for each.
        fabric.weather(device, weather);
        let mut persona = [0; 32];
        persona[..8].copy_from_slice(&number.to_le_bytes());
        let begun = Instant::now();
        let mut backoff = Backoff::default();
        let mut attempts = 0;
        while begun.elapsed() < Duration::from_secs(600) {
            attempts += 1;
            if pool
                .connection(relay.address(), &PersonaId(persona))
                .await
                .is_ok()
            {
                shaken.succeeded += u64::from(attempts == 1);
                shaken.finally += 1;
                shaken.times.push(begun.elapsed());
                break;
            }
            tokio::time::sleep(backoff.failed(number, None)).await;
        }
        pool.close_all().await;
    }
    shaken.times.sort();
    shaken
}

#[test]
fn the_first_hello_takes_two_packets_and_no_packet_is_larger_than_the_narrowest_path() {
    virtually(async {
        let fabric = Fabric::new(1);
        let relay = RelayHost::start(&fabric, Clock::begin()).await;
        let device = fabric.device();
        let pool = Pool::over(Patience::default(), sockets(&fabric, device));
        fabric.tap();
        let persona = PersonaId([1; 32]);
        pool.connection(relay.address(), &persona)
            .await
            .expect("a connection");
        let packets = fabric.tapped();
        let first: Vec<_> = packets
            .iter()
            .take_while(|datagram| datagram.to == relay.place())
            .collect();
        let kinds: Vec<_> = first
            .iter()
            .map(|datagram| Packet::first(datagram).map(|packet| packet.kind))
            .collect();
        // Before any answer: X25519MLKEM768 alone is 1,216 bytes, so one Initial cannot hold the ClientHello.
        assert_eq!(kinds, [Some(PacketKind::Initial); 2]);
        assert!(first.iter().all(|datagram| datagram.bytes.len() >= 1_200));
        let handshake = packets.iter().filter(|datagram| {
            Packet::first(datagram).is_some_and(|packet| packet.kind != PacketKind::Short)
        });
        let largest = handshake.map(|datagram| datagram.bytes.len()).max();
        assert!(
            largest.is_some_and(|largest| largest + 28 <= 1_280),
            "{largest:?}"
        );
    });
}

#[test]
fn where_only_1280_bytes_come_through_and_a_tenth_is_lost_every_handshake_succeeds() {
    let tries = if long() { 1_000 } else { 100 };
    let shaken = virtually(shake(7, Weather::rough(10).narrow(), tries));
    println!("{shaken}");
    assert_eq!(shaken.succeeded, shaken.tried, "{shaken}");
}

#[test]
fn a_path_that_grows_narrow_under_a_connection_swallows_nothing_that_was_said() {
    virtually(async {
        let world = World::new(9).await;
        let people = world.cell(&["ana", "ben"]).await;
        // Long enough for both to find that the path carries 1,500 bytes.
        tokio::time::sleep(Duration::from_secs(120)).await;
        let before = world.fabric.traffic().too_large;
        for person in &people {
            world.fabric.weather(person.device, Weather::CALM.narrow());
        }
        for number in 0..5 {
            let text = format!("{number} {}", "x".repeat(20_000));
            people[0].utter(&text).await.expect("it is taken");
            people[1].hears(&text, Duration::from_secs(120)).await;
        }
        let swallowed = world.fabric.traffic().too_large - before;
        println!("{swallowed} packets vanished in the black hole");
        assert!(swallowed > 0, "the path was never too narrow");
        assert_eq!(people[1].said().await.len(), 5);
    });
}
