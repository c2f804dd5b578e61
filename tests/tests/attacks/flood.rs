//! Cases: Initials from addresses that nobody has, and what the relay answers to those.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use caucus_tests::attack::raw::{Raw, client_hello, crypto, initial, parameters};
use caucus_tests::attack::{Siege, long};

use super::place;

/// Sockets of the flood, each an address of its own.
const SOURCES: usize = 200;

fn relay(siege: &Siege) -> SocketAddr {
    let address = siege.address();
    SocketAddr::new(address.host.parse().expect("an IP address"), address.port)
}

fn id(number: u64) -> [u8; 8] {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).to_be_bytes()
}

#[test]
fn a_flood_of_initials_from_invented_addresses_costs_little_memory_and_keeps_no_honest_client_out() {
    let (rate, lasts) = if long() {
        (30_000, Duration::from_secs(300))
    } else {
        (2_000, Duration::from_secs(4))
    };
    let siege = Siege::with("");
    let relay = relay(&siege);
    let ((sent, shaken), toll) = siege.endure(|| {
        let begun = Instant::now();
        let flood = std::thread::spawn(move || {
            let sockets: Vec<_> = (0..SOURCES)
                .map(|source| UdpSocket::bind((place(source), 0)).expect("a socket"))
                .collect();
            let (_, hello) = client_hello(parameters(1_000_000, 100_000));
            let mut sent = 0_u64;
            while begun.elapsed() < lasts {
                // The first packet of a hello that needs two, so that a handshake is begun and never ends.
                let packet = initial(&id(sent), &[], 0, &crypto(0, &hello[..1_000]));
                // A full queue loses it, as a network would.
                let _ = sockets[sent as usize % SOURCES].send_to(&packet, relay);
                sent += 1;
                let due = Duration::from_micros(sent * 1_000_000 / rate);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
            }
            sent
        });
        std::thread::sleep(Duration::from_millis(500));
        let mut shaken = Vec::new();
        let address = siege.address();
        while begun.elapsed() < lasts.mul_f64(0.9) {
            let began = Instant::now();
            let honest = place(40_000 + shaken.len() % 1_000);
            let raw = Raw::connect(
                &address,
                honest,
                parameters(100_000, 10_000),
                Duration::from_secs(5),
            );
            shaken.push(raw.map(|raw| (began.elapsed(), !raw.token().is_empty())));
            std::thread::sleep(Duration::from_millis(50));
        }
        (flood.join().expect("the flood"), shaken)
    });
    let mut times: Vec<_> = shaken.iter().flatten().map(|(time, _)| *time).collect();
    times.sort();
    let retried = shaken.iter().flatten().filter(|(_, retried)| *retried).count();
    let p99 = times[(times.len() - 1) * 99 / 100];
    println!(
        "R-02: {sent} Initials at {:.0}/s; {} of {} honest handshakes, {retried} after a Retry, p99 {} ms; {toll}",
        sent as f64 / toll.cpu.1.as_secs_f64(),
        times.len(),
        shaken.len(),
        p99.as_millis()
    );
    assert!(retried > 0, "under this load addresses prove themselves");
    assert!(times.len() * 100 >= shaken.len() * 99, "{shaken:?}");
    assert!(p99 < Duration::from_secs(2));
    assert!(toll.memory.1 - toll.memory.0 < 64.0, "{toll}");
    toll.is_bearable(256.0);
}

/// What a stranger may send to make the relay answer.
fn bait(number: usize, hello: &[u8]) -> (&'static str, Vec<Vec<u8>>) {
    let to = id(number as u64);
    let first = initial(&to, &[], 0, &crypto(0, &hello[..1_000]));
    let second = initial(&to, &[], 1, &crypto(1_000, &hello[1_000..]));
    match number % 8 {
        0 => ("a whole hello", vec![first, second]),
        1 => ("half a hello", vec![first]),
        2 => (
            "a hello that is none",
            vec![initial(&to, &[], 0, &crypto(0, &[1, 0, 0, 4, 9, 9, 9, 9]))],
        ),
        3 => (
            "a token that nobody gave",
            vec![initial(&to, &[9; 60], 0, &crypto(0, &hello[..1_000]))],
        ),
        4 => {
            let mut other = first;
            other[1..5].copy_from_slice(&[0xfa, 0xfa, 0xfa, 0xfa]);
            ("another version", vec![other])
        }
        5 => {
            let mut small = first;
            small.truncate(600);
            small[1..5].copy_from_slice(&[0xfa, 0xfa, 0xfa, 0xfa]);
            ("another version in a small datagram", vec![small])
        }
        6 => (
            "a packet of no connection",
            vec![[vec![0x43], to.to_vec(), vec![7; 60]].concat()],
        ),
        _ => (
            "a hello twice",
            vec![first.clone(), second.clone(), first, second],
        ),
    }
}

#[test]
fn nobody_who_has_not_proved_an_address_gets_more_than_three_times_what_they_sent() {
    let attempts = if long() { 10_000 } else { 400 };
    let (_, hello) = client_hello(parameters(1_000_000, 100_000));
    let mut worst = (0.0_f64, "");
    let mut answered = std::collections::BTreeMap::<&str, (u64, u64)>::new();
    let mut retries = 0;
    // The second relay demands proof of every address.
    for limits in ["handshakes = 2000", "retry_above = 0"] {
        let siege = Siege::with(limits);
        let relay = relay(&siege);
        let ((), toll) = siege.endure(|| {
            for batch in 0..attempts / 2 / 200 {
                let attempt = |place_of: usize| {
                    let number = batch * 200 + place_of;
                    let socket = UdpSocket::bind((place(number), 0)).expect("a socket");
                    socket.set_nonblocking(true).expect("no waiting");
                    let (what, packets) = bait(number, &hello);
                    let sent: usize = packets.iter().map(Vec::len).sum();
                    for packet in &packets {
                        socket.send_to(packet, relay).expect("it is sent");
                    }
                    (what, socket, sent)
                };
                let attempts: Vec<_> = (0..200).map(attempt).collect();
                // Long enough for what the relay sends again because nobody acknowledges it.
                std::thread::sleep(Duration::from_secs(3));
                for (what, socket, sent) in attempts {
                    let mut bytes = [0; 65_536];
                    let mut came = 0;
                    while let Ok(length) = socket.recv(&mut bytes) {
                        came += length;
                        retries += usize::from(bytes[0] & 0xf0 == 0xf0 && bytes[1..5] == [0, 0, 0, 1]);
                    }
                    let sum = answered.entry(what).or_default();
                    *sum = (sum.0 + sent as u64, sum.1 + came as u64);
                    let ratio = came as f64 / sent as f64;
                    if ratio > worst.0 {
                        worst = (ratio, what);
                    }
                }
            }
        });
        toll.is_bearable(256.0);
    }
    println!(
        "R-03: at most {:.3} times ({}), {retries} Retries; {answered:?}",
        worst.0, worst.1
    );
    assert!(worst.0 > 0.5 && retries > 0, "the relay answers at all");
    assert!(worst.0 <= 3.0);
}
