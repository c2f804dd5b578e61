//! Case R-04 (RUSTSEC-2026-0185): streams of which only every second byte comes.

use std::net::Ipv4Addr;
use std::time::Duration;

use caucus_tests::attack::raw::{Heard, Raw, parameters, stream};
use caucus_tests::attack::{Siege, long};
use caucus_tests::figures::vitals;

use super::place;

const PATIENCE: Duration = Duration::from_secs(10);

/// Sends every second byte below this offset of this stream, as many in a packet as there is room for.
fn gaps(raw: &mut Raw, id: u64, from: u64, end: u64) {
    let mut frames = Vec::new();
    for offset in (from..end).step_by(2) {
        frames.extend(stream(id, offset + 1, &[1]));
        if frames.len() > 1_100 {
            raw.send(&frames).expect("it is sent");
            frames.clear();
            let _ = raw.hear(Duration::from_millis(1));
        }
    }
    raw.send(&frames).expect("it is sent");
    let _ = raw.hear(Duration::from_millis(1));
}

#[test]
fn streams_of_which_every_second_byte_is_missing_cost_no_mebibyte_each() {
    let many = if long() { 500 } else { 40 };
    let siege = Siege::with("");
    let ((before, most), toll) = siege.endure(|| {
        let mut raws: Vec<_> = (0..many)
            .map(|number| {
                let from = place(number);
                let mut raw = Raw::connect(&siege.address(), from, parameters(100_000, 10_000), PATIENCE)
                    .expect("a handshake");
                let (_, said) = raw.greet(PATIENCE).expect("a greeting");
                (raw, said)
            })
            .collect();
        let before = vitals::memory(siege.pid()).0;
        for (raw, said) in &mut raws {
            // The commands, and as many readings as share what is left of the narrow window.
            gaps(raw, 0, *said, *said + 4_000);
            for reading in 1..=4 {
                gaps(raw, reading * 4, 0, 2_500);
            }
        }
        let most = vitals::memory(siege.pid()).0;
        (before, most)
    });
    let each = (most - before) * 1024.0 / many as f64;
    println!("R-04: {many} connections, {each:.0} KiB each; {toll}");
    assert!(each < 1024.0);
    toll.is_bearable(600.0);
}

#[test]
fn more_than_the_window_is_a_fault_of_the_client() {
    let siege = Siege::with("");
    let (heard, _) = siege.endure(|| {
        let from = Ipv4Addr::LOCALHOST;
        let mut raw =
            Raw::connect(&siege.address(), from, parameters(9_000, 900), PATIENCE).expect("a handshake");
        raw.greet(PATIENCE).expect("a greeting");
        raw.send(&stream(0, 1 << 22, &[1])).expect("it is sent");
        for _ in 0..20 {
            raw.hear(Duration::from_millis(20)).expect("a socket");
        }
        raw.heard
    });
    // FLOW_CONTROL_ERROR (RFC 9000, section 20.1).
    assert!(
        heard.contains(&Heard::Closed { frame: 0x1c, code: 3 }),
        "{heard:?}"
    );
}
