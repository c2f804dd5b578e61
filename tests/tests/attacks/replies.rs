//! Case R-09: early data and whatever a client could be told by later; nothing of either is ever given.

use std::time::Duration;

use caucus_tests::attack::raw::{Heard, Raw, parameters};
use caucus_tests::attack::{Siege, long};

use super::place;

#[test]
fn a_relay_gives_no_token_and_no_ticket_however_long_one_stays() {
    let many = if long() { 1_000 } else { 60 };
    let siege = Siege::with("");
    let ((), toll) = siege.endure(|| {
        for number in 0..many {
            let patience = Duration::from_secs(10);
            let mut raw = Raw::connect(
                &siege.address(),
                place(number),
                parameters(90_000, 9_000),
                patience,
            )
            .expect("a handshake");
            raw.greet(patience).expect("a greeting");
            for _ in 0..5 {
                raw.hear(Duration::from_millis(5)).expect("a socket");
            }
            assert!(!raw.heard.contains(&Heard::Token));
            // A ticket would come in TLS's own bytes after the handshake.
            assert_eq!(raw.late_crypto(), 0);
            assert_eq!(raw.tickets(), 0);
        }
    });
    println!("R-09: {many} connections, 0 tokens, 0 tickets; {toll}");
    toll.is_bearable(128.0);
}
