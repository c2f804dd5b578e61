//! Cases N-03 and N-04: somebody's address changes in the middle of an append.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use caucus_client::app::Answer;
use caucus_tests::net::{Datagram, Packet, PacketKind, Somebody, Weather, World};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::virtually;

/// What an observer could tell a person by: addresses, connection ids, tokens.
#[derive(Default)]
struct Traces {
    places: BTreeSet<SocketAddr>,
    ids: BTreeSet<Vec<u8>>,
    tokens: BTreeSet<Vec<u8>>,
    early: usize,
    initials: usize,
}

fn traces(datagrams: &[Datagram], relay: SocketAddr, of: impl Fn(SocketAddr) -> bool) -> Traces {
    let mut traces = Traces::default();
    for datagram in datagrams {
        let place = if datagram.to == relay {
            datagram.from
        } else {
            datagram.to
        };
        if !of(place) {
            continue;
        }
        let packet = Packet::first(datagram).expect("a packet of QUIC");
        traces.places.insert(place);
        traces.ids.extend([packet.to, packet.from]);
        traces.early += usize::from(packet.kind == PacketKind::ZeroRtt);
        traces.initials += usize::from(packet.kind == PacketKind::Initial && datagram.to == relay);
        traces.tokens.insert(packet.token);
    }
    traces.ids.remove(&Vec::new());
    traces.tokens.remove(&Vec::new());
    traces
}

/// Says something, and comes back while its datagrams are under way.
async fn begin_to_say(world: &World, person: &Arc<Somebody>, text: &'static str) -> JoinHandle<Answer> {
    world.fabric.weather(person.device, Weather::rough(0));
    let speaker = Arc::clone(person);
    let saying = tokio::spawn(async move { speaker.utter(text).await.expect("it is taken") });
    sleep(Duration::from_millis(20)).await;
    assert!(!saying.is_finished());
    saying
}

#[test]
fn after_a_change_of_network_in_mid_append_a_connection_that_shares_nothing_says_it_once() {
    virtually(async {
        let world = World::new(4).await;
        let people = world.cell(&["ana", "ben"]).await;
        let (ana, relay) = (&people[0], world.relay().place());
        world.fabric.tap();
        sleep(Duration::from_secs(5)).await;
        let old = world.fabric.ip(ana.device);
        let saying = begin_to_say(&world, ana, "on the way").await;
        world.fabric.change_network(ana.device);
        let new = world.fabric.ip(ana.device);
        assert_ne!(old, new);
        saying.await.expect("an answer");
        people[1].hears("on the way", Duration::from_secs(60)).await;
        ana.utter("from here").await.expect("it is taken");
        people[1].hears("from here", Duration::from_secs(60)).await;
        assert_eq!(people[1].said().await.len(), 2);
        let datagrams = world.fabric.tapped();
        let before = traces(&datagrams, relay, |place| place.ip() == old);
        let after = traces(&datagrams, relay, |place| place.ip() == new);
        assert!(
            !before.ids.is_empty() && after.initials >= 2,
            "it was a handshake of its own"
        );
        assert!(before.ids.is_disjoint(&after.ids), "a connection id is shared");
        let ports = |traces: &Traces| {
            traces
                .places
                .iter()
                .map(SocketAddr::port)
                .collect::<BTreeSet<_>>()
        };
        assert!(ports(&before).is_disjoint(&ports(&after)), "a port is shared");
        assert_eq!((after.tokens.len(), after.early), (0, 0));
        println!(
            "{} ids before, {} after, 0 shared; 0 tokens, 0 early data",
            before.ids.len(),
            after.ids.len()
        );
    });
}

#[test]
fn where_the_address_translation_forgets_in_mid_append_a_fresh_connection_says_it_once() {
    virtually(async {
        let world = World::new(5).await;
        let people = world.cell(&["ana", "ben"]).await;
        let ana = &people[0];
        world.fabric.tap();
        for round in 0..5 {
            let text = ["one", "two", "three", "four", "five"][round];
            let saying = begin_to_say(&world, ana, text).await;
            world.fabric.rebind(ana.device);
            saying.await.expect("an answer");
            people[1].hears(text, Duration::from_secs(60)).await;
        }
        assert_eq!(people[1].said().await.len(), 5);
        // The relay answers an old connection at no new place: whoever moved comes back by a handshake.
        let relay = world.relay().place();
        let datagrams = world.fabric.tapped();
        let mut homes: std::collections::BTreeMap<Vec<u8>, BTreeSet<SocketAddr>> = Default::default();
        for datagram in datagrams.iter().filter(|datagram| datagram.from == relay) {
            let packet = Packet::first(datagram).expect("a packet of QUIC");
            homes.entry(packet.to).or_default().insert(datagram.to);
        }
        assert!(homes.values().all(|places| places.len() == 1), "{homes:?}");
        assert!(homes.len() >= 6, "a connection for each place");
    });
}

#[test]
fn an_address_translation_that_forgets_every_quarter_of_a_minute_loses_nothing() {
    virtually(async {
        let rounds = if super::long() { 240 } else { 24 };
        let world = World::new(3).await;
        let people = world.cell(&["ana", "ben"]).await;
        let mut waits = Vec::new();
        for round in 0..rounds {
            for person in &people {
                world.fabric.rebind(person.device);
            }
            let text = format!("word {round}");
            let begun = tokio::time::Instant::now();
            people[round % 2].utter(&text).await.expect("it is taken");
            people[1 - round % 2].hears(&text, Duration::from_secs(60)).await;
            waits.push(begun.elapsed());
            sleep(Duration::from_secs(15).saturating_sub(begun.elapsed())).await;
        }
        waits.sort();
        let p99 = waits[(waits.len() - 1) * 99 / 100];
        for person in &people {
            let said: BTreeSet<_> = person.said().await.into_iter().map(|(_, text)| text).collect();
            assert_eq!(said.len(), rounds, "{}", person.name);
        }
        println!(
            "N-03: {rounds} rebindings of both, 0 lost; from one to the other p50 {} ms, p99 {} ms",
            waits[waits.len() / 2].as_millis(),
            p99.as_millis()
        );
    });
}
