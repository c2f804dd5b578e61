//! Case N-14: packets that somebody who sees the path, but has no keys, throws in.

use caucus_client::relay::{Appended, Patience, Pool};
use caucus_proto::id::PersonaId;
use caucus_tests::attack::raw::initial;
use caucus_tests::net::{
    Channel, Clock, Datagram, Draw, Fabric, Packet, PacketKind, RelayHost, append, sockets,
};
use std::time::Duration;
use tokio::time::sleep;

use super::{long, virtually};

/// A packet that would end or turn a connection, if it were believed. `to` is the id that the receiver is called by.
fn forged(draw: &mut Draw, to: &[u8], other: &[u8]) -> (&'static str, Vec<u8>) {
    let mut random = |length: u64| -> Vec<u8> { (0..length).map(|_| draw.below(256) as u8).collect() };
    let long = |first: u8, version: [u8; 4]| {
        let ids = [
            vec![to.len() as u8],
            to.to_vec(),
            vec![other.len() as u8],
            other.to_vec(),
        ]
        .concat();
        [vec![first], version.to_vec(), ids].concat()
    };
    match random(1)[0] % 6 {
        0 => ("a Retry", [long(0xf0, [0, 0, 0, 1]), random(80)].concat()),
        1 => (
            "a stateless reset",
            [vec![0x40 | random(1)[0] & 0x3f], random(45)].concat(),
        ),
        2 => (
            "a reset with the right id",
            [vec![0x41], to.to_vec(), random(60)].concat(),
        ),
        3 => (
            "other versions",
            [long(0x80, [0; 4]), vec![0xfa, 0xce, 0, 2]].concat(),
        ),
        4 => ("a close in an Initial", initial(to, &[], 9, &[0x1c, 0, 0, 0])),
        _ => (
            "a close under no key",
            [long(0xe0, [0, 0, 0, 1]), vec![0x40, 50], random(50)].concat(),
        ),
    }
}

#[test]
fn a_retry_a_reset_and_a_close_that_somebody_on_the_path_throws_in_are_ignored() {
    virtually(async {
        let thrown = if long() { 10_000 } else { 2_000 };
        let fabric = Fabric::new(14);
        let relay = RelayHost::start(&fabric, Clock::begin()).await;
        let pool = Pool::over(Patience::default(), sockets(&fabric, fabric.device()));
        fabric.tap();
        let connection = pool
            .connection(relay.address(), &PersonaId([1; 32]))
            .await
            .expect("a connection");
        let channel = Channel::create(&connection).await.expect("a channel");
        let handle = channel.appender(&connection).await.expect("a handle");
        append(&connection, handle, 1).await.expect("an answer");
        let seen = fabric.tapped();
        let place = relay.place();
        let client = seen
            .iter()
            .find(|datagram| datagram.to == place)
            .expect("a client")
            .from;
        let newest = |to| {
            let mut ids = seen.iter().rev().filter(|datagram| datagram.to == to);
            ids.find_map(Packet::first).expect("a packet").to
        };
        let (of_relay, of_client) = (newest(place), newest(client));
        let mut draw = Draw::of(14);
        let mut kinds = std::collections::BTreeMap::<_, u32>::new();
        for turn in 0..thrown {
            let to_client = turn % 2 == 0;
            let (from, to, id, other) = if to_client {
                (place, client, &of_client, &of_relay)
            } else {
                (client, place, &of_relay, &of_client)
            };
            let (kind, bytes) = forged(&mut draw, id, other);
            *kinds.entry(kind).or_default() += 1;
            fabric.inject(Datagram { from, to, bytes });
            if turn % 50 == 0 {
                sleep(Duration::from_millis(100)).await;
                let appended = append(&connection, handle, 2)
                    .await
                    .expect("the connection stands");
                assert!(matches!(appended, Appended::Stored(_)));
            }
        }
        assert!(connection.is_open());
        let shaken = fabric
            .tapped()
            .iter()
            .filter(|datagram| datagram.to == place)
            .filter_map(Packet::first)
            .filter(|packet| packet.kind == PacketKind::Initial)
            .count();
        assert_eq!(shaken, 0, "nobody began anew");
        println!("N-14: {thrown} packets thrown in, 0 connections ended: {kinds:?}");
    });
}
