//! Case M-19: nothing that a relay chose on one connection comes back on another.

use std::time::Duration;

use caucus_client::relay::{Patience, Pool};
use caucus_proto::id::{PersonaId, Position};
use caucus_tests::net::{Channel, Fabric, Marker, Packet, append, sockets};
use tokio::time::sleep;

use super::virtually;

#[test]
fn nothing_that_a_relay_chose_for_a_connection_is_brought_along_to_the_next() {
    virtually(async {
        let fabric = Fabric::new(19);
        let marker = Marker::start(&fabric, fabric.device());
        fabric.tap();
        let device = fabric.device();
        let pool = Pool::over(Patience::default(), sockets(&fabric, device));
        for round in 0..6_u8 {
            // The same persona again and again, and another in between.
            let persona = PersonaId([round % 2; 32]);
            let connection = pool
                .connection(&marker.address, &persona)
                .await
                .expect("a connection");
            let channel = Channel::create(&connection).await.expect("a channel");
            let handle = channel.appender(&connection).await.expect("a handle");
            let read = channel.reader(&connection).await.expect("a handle");
            let mut reading = connection.read(read, Position(0), true).await.expect("a reading");
            reading.next().await.expect("it is served");
            for fill in 0..3 {
                append(&connection, handle, fill).await.expect("it is stored");
            }
            connection.closed().await;
            sleep(Duration::from_secs(2)).await;
        }
        let said = marker.said();
        assert_eq!(said.len(), 6, "each time a connection of its own");
        let mut looked = 0;
        for (number, other) in said.iter().enumerate() {
            for mark in said
                .iter()
                .enumerate()
                .filter(|(owner, _)| *owner != number)
                .flat_map(|(_, said)| &said.marks)
            {
                for bytes in &other.bytes {
                    looked += 1;
                    let there = bytes.windows(mark.1.len()).any(|window| window == mark.1);
                    assert!(!there, "{} comes back on connection {number}", mark.0);
                }
            }
        }
        // On its own connection it is used, so the search finds what is there.
        let own = |said: &caucus_tests::net::Said| {
            let handles: Vec<_> = said.marks.iter().filter(|mark| mark.0 == "a handle").collect();
            said.bytes.iter().any(|bytes| {
                handles
                    .iter()
                    .any(|mark| bytes.windows(4).any(|window| window == mark.1))
            })
        };
        assert!(said.iter().all(own), "a handle is used where it was given");
        // Outside of the encryption, too: no token, and no id of one connection on another.
        let relay = marker.address.port;
        let mut homes = std::collections::BTreeMap::new();
        for datagram in fabric.tapped() {
            let packet = Packet::first(&datagram).expect("a packet of QUIC");
            assert!(packet.token.is_empty());
            let client = if datagram.to.port() == relay {
                datagram.from
            } else {
                datagram.to
            };
            for id in [packet.to, packet.from].into_iter().filter(|id| !id.is_empty()) {
                assert_eq!(*homes.entry(id).or_insert(client), client);
            }
        }
        println!(
            "M-19: {looked} comparisons over {} ids: 0 marks came back",
            homes.len()
        );
    });
}
