//! Case R-07: what made QUIC libraries panic once, each against the relay: unknown frames (RUSTSEC-2023-0063), hellos
//! around a Retry (2024-0373), transport parameters that are none (2026-0037), hellos in pieces (rustls 2024-0399).

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use caucus_tests::attack::Siege;
use caucus_tests::attack::raw::{
    Heard, Raw, client_hello, crypto, initial, integer, parameter, parameters, stream,
};
use caucus_tests::net::Draw;

use super::place;

const PATIENCE: Duration = Duration::from_secs(10);

fn settle(raw: &mut Raw) {
    for _ in 0..4 {
        raw.hear(Duration::from_millis(20)).expect("a socket");
    }
}

#[test]
fn frames_that_nobody_knows_and_frames_that_lie_close_their_own_connection_only() {
    let siege = Siege::with("");
    let ((), toll) = siege.endure(|| {
        let mut cases: Vec<(String, Vec<u8>)> = [0x1f, 0x21, 0x2f, 0x40, 0xbaba, 0x1f_ffff, (1 << 62) - 1]
            .into_iter()
            .map(|kind| (format!("frame type {kind:#x}"), integer(kind)))
            .collect();
        let more: [(&str, Vec<u8>); 15] = [
            ("a stream that only the relay opens", stream(1, 0, b"x")),
            ("a stream in one direction", stream(2, 0, b"x")),
            ("a stream beyond all", stream(1 << 60, 0, b"x")),
            (
                "an offset near the end of numbers",
                stream(0, (1 << 62) - 1, b"x"),
            ),
            ("a length that is not there", vec![0x0a, 0, 0x7f, 0xff]),
            ("hellos after the handshake", crypto(0, &[1, 0, 0, 4, 1, 2, 3, 4])),
            (
                "an acknowledgement of nothing",
                [vec![2], integer(1 << 40), vec![0, 0, 0]].concat(),
            ),
            ("ranges below zero", vec![2, 0, 0, 1, 0, 5, 5]),
            (
                "a path that nobody asked about",
                [vec![0x1b], vec![7; 8]].concat(),
            ),
            (
                "an id to retire that there is not",
                [vec![0x19], integer(99)].concat(),
            ),
            (
                "an id without length",
                [vec![0x18, 1, 0, 0], vec![7; 16]].concat(),
            ),
            ("an id of 21 bytes", [vec![0x18, 1, 0, 21], vec![7; 37]].concat()),
            ("a done handshake from a client", vec![0x1e]),
            ("a token from a client", [vec![7, 4], vec![1; 4]].concat()),
            ("a datagram", vec![0x30, 1, 2, 3]),
        ];
        cases.extend(more.into_iter().map(|(what, frames)| (what.to_owned(), frames)));
        let mut draw = Draw::of(7);
        for turn in 0..10 {
            let frames = (0..draw.between(1, 400)).map(|_| draw.below(256) as u8).collect();
            cases.push((format!("random frames {turn}"), frames));
        }
        let mut closed = 0;
        for (number, (what, frames)) in cases.iter().enumerate() {
            let mut raw = Raw::connect(&siege.address(), place(number), parameters(9_000, 900), PATIENCE)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            raw.greet(PATIENCE).expect("a greeting");
            raw.send(frames).expect("it is sent");
            settle(&mut raw);
            assert!(!raw.heard.contains(&Heard::Token), "{what}");
            closed += usize::from(raw.is_closed());
        }
        println!(
            "R-07: {} frames that are none, {closed} connections closed for it",
            cases.len()
        );
        assert!(closed * 2 > cases.len());
    });
    toll.is_bearable(128.0);
}

#[test]
fn hellos_with_parameters_that_are_none_in_pieces_and_around_a_retry_stop_nobody() {
    for limits in ["", "retry_above = 0", "connections = 2\nretry_above = 0"] {
        let siege = Siege::with(limits);
        let ((), toll) = siege.endure(|| {
            let relay: SocketAddr = {
                let address = siege.address();
                format!("{}:{}", address.host, address.port)
                    .parse()
                    .expect("a place")
            };
            let mut broken = vec![
                Vec::new(),
                parameter(0x0f, &[7; 8]),
                parameter(0x0f, &[8; 8]),
                [parameters(1, 1), parameters(1, 1)].concat(),
                [parameters(1, 1), parameter(0x03, &integer(100))].concat(),
                [parameters(1, 1), parameter(0x0a, &integer(21))].concat(),
                [parameters(1, 1), parameter(0x0b, &integer(1 << 14))].concat(),
                [parameters(1, 1), parameter(0x0e, &integer(0))].concat(),
                [parameters(1, 1), parameter(0x08, &integer((1 << 60) + 1))].concat(),
                [parameters(1, 1), parameter(0x00, &[7; 8])].concat(),
                [parameters(1, 1), parameter(0x02, &[7; 16])].concat(),
                [parameters(1, 1), parameter(0x0d, &[7; 3])].concat(),
                [parameters(1, 1), parameter(0xff04_de1b, &integer(1 << 40))].concat(),
                [parameters(1, 1), vec![0xff; 9]].concat(),
            ];
            let mut draw = Draw::of(11);
            for _ in 0..30 {
                let mut bytes = parameters(9_000, 900);
                let place = draw.below(bytes.len() as u64) as usize;
                bytes[place] = draw.below(256) as u8;
                broken.push(bytes);
            }
            let mut shaken = 0;
            for (number, bytes) in broken.iter().enumerate() {
                let raw = Raw::connect(
                    &siege.address(),
                    place(number),
                    bytes.clone(),
                    Duration::from_millis(400),
                );
                shaken += usize::from(raw.is_ok());
            }
            // Most are refused; a turned byte may leave parameters that are some.
            assert!(shaken < broken.len() / 2, "{shaken} of {}", broken.len());
            // In pieces of every size, in any order, twice, and with the same id from elsewhere.
            let (_, hello) = client_hello(parameters(9_000, 900));
            for piece in [1, 2, 3, 7, 37, 251, 700] {
                let socket = UdpSocket::bind((place(piece), 0)).expect("a socket");
                let other = UdpSocket::bind((place(piece + 1_000), 0)).expect("a socket");
                let to = [piece as u8; 8];
                let mut pieces: Vec<_> = hello.chunks(piece).take(400).enumerate().collect();
                pieces.reverse();
                for (turn, (number, bytes)) in pieces.into_iter().enumerate() {
                    let packet = initial(&to, &[], turn as u32, &crypto((number * piece) as u64, bytes));
                    for socket in [&socket, &socket, &other] {
                        socket.send_to(&packet, relay).expect("it is sent");
                    }
                }
            }
            // The end of TLS in the middle of its beginning, and hellos that are other things.
            for (number, bytes) in [
                &[21, 3, 3, 0, 2, 1, 0][..],
                &[2, 0, 0, 0],
                &[1, 255, 255, 255],
                &[20; 40],
            ]
            .into_iter()
            .enumerate()
            {
                let socket = UdpSocket::bind((place(number), 0)).expect("a socket");
                let close = [crypto(0, bytes), vec![0x1c, 0, 0, 0]].concat();
                for frames in [crypto(0, bytes), close] {
                    let packet = initial(&[number as u8 + 90; 8], &[], 0, &frames);
                    socket.send_to(&packet, relay).expect("it is sent");
                }
            }
            std::thread::sleep(Duration::from_millis(500));
        });
        toll.is_bearable(128.0);
    }
}
