//! Case R-01: frames that are none, before and after the greeting and with a handle.

use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_proto::codec;
use caucus_proto::id::Counter;
use caucus_proto::wire::{Asked, Request, Role};
use caucus_tests::attack::{Siege, Stranger, long, shake, windows};
use caucus_tests::net::{Channel, Draw};

use super::{all, channel, place, run};

/// Frames in one write.
const AT_ONCE: usize = 250;

#[derive(Default, Debug)]
struct Sent {
    frames: u64,
    connections: u64,
    greetings: u64,
}

/// A frame that nobody may take, in one of many ways; whether it may end the connection.
fn bad(draw: &mut Draw, opening: &Request) -> (Vec<u8>, bool) {
    let random = |draw: &mut Draw, most: u64| -> Vec<u8> {
        let length = draw.below(most);
        (0..length).map(|_| draw.below(256) as u8).collect()
    };
    let asked = |tag, request| codec::encode(&Asked { tag, request }, 1 << 20).expect("a request");
    let framed = |payload: Vec<u8>| [(payload.len() as u32).to_be_bytes().to_vec(), payload].concat();
    match draw.below(100) {
        // Random after a tag: answered, and the connection goes on.
        0..40 => {
            let rest = random(draw, 200);
            (framed([vec![9], vec![200], rest].concat()), false)
        }
        // A true request with a bit turned behind its tag.
        40..70 => {
            let mut payload = asked(9, opening.clone());
            let bit = draw.between(8, payload.len() as u64 * 8 - 1) as usize;
            payload[bit / 8] ^= 1 << (bit % 8);
            (framed(payload), false)
        }
        // Cut short, or longer than it should be.
        70..85 => {
            let mut payload = asked(9, opening.clone());
            let length = draw.between(1, payload.len() as u64 + 20) as usize;
            payload.resize(length, 7);
            (framed(payload), false)
        }
        // An entry whose bytes claim to be many more.
        85..95 => {
            let bytes = Bytes::from(vec![1; 64]);
            let (handle, counter) = (draw.below(9) as u32, Counter(draw.below(9)));
            let request = Request::Append {
                handle,
                counter,
                bytes,
            };
            let mut payload = asked(9, request);
            let place = draw.between(1, 8) as usize;
            payload[place] = draw.below(256) as u8;
            (framed(payload), false)
        }
        95..99 => (framed(vec![0; draw.below(3) as usize]), true),
        _ => (random(draw, 64), true),
    }
}

async fn assault(siege: &Siege, channel: &Channel, seed: u64, until: Until) -> Sent {
    let mut draw = Draw::of(seed);
    let mut sent = Sent::default();
    let address = siege.address();
    while !until.is_reached(sent.frames) {
        sent.connections += 1;
        let from = place(seed as usize);
        if draw.percent(10) {
            // Not even a hello.
            let (_endpoint, connection) = shake(&address, from, windows(1 << 20, 1 << 18))
                .await
                .expect("a handshake");
            if let Ok((mut send, _recv)) = connection.open_bi().await {
                let opening = Request::Info;
                let frames: Vec<u8> = (0..20).flat_map(|_| bad(&mut draw, &opening).0).collect();
                sent.frames += 20;
                // The relay hangs up at the first of them.
                let _ = send.write_all(&frames).await;
                let _ = tokio::time::timeout(Duration::from_secs(5), connection.closed()).await;
            }
            continue;
        }
        let mut stranger = Stranger::come(&address, from, windows(1 << 22, 1 << 20))
            .await
            .expect("a greeting");
        sent.greetings += 1;
        let opening = channel.opening(Role::Append, stranger.binding());
        if draw.percent(50) {
            stranger.open(opening.clone()).await.expect("a handle");
        }
        let (connection, _endpoint, mut send, mut recv) = stranger.halves();
        let hearing =
            tokio::spawn(async move { while let Ok(Some(_)) = recv.read_chunk(65_536, true).await {} });
        while !until.is_reached(sent.frames) {
            let mut over = false;
            let mut batch = Vec::new();
            for _ in 0..AT_ONCE {
                let (frame, ends) = bad(&mut draw, &opening);
                // Nine in ten of those that end it are left out, so that the others have their turn.
                if ends && draw.percent(97) {
                    continue;
                }
                batch.extend(frame);
                sent.frames += 1;
                over |= ends;
            }
            if send.write_all(&batch).await.is_err() || over {
                break;
            }
        }
        let _ = send.finish();
        let _ = tokio::time::timeout(Duration::from_secs(15), hearing).await;
        connection.close(0_u32.into(), b"");
    }
    sent
}

#[derive(Clone, Copy)]
enum Until {
    Frames(u64),
    Time(Instant),
}

impl Until {
    fn is_reached(self, frames: u64) -> bool {
        match self {
            Self::Frames(most) => frames >= most,
            Self::Time(end) => Instant::now() >= end,
        }
    }
}

#[test]
fn frames_that_are_none_are_refused_by_the_thousand_and_nobody_else_notices() {
    let siege = Siege::with("opens_per_second = 100000");
    let ((sent, took), toll) = siege.endure(|| {
        let began = Instant::now();
        let until = if long() {
            Until::Time(began + Duration::from_secs(600))
        } else {
            Until::Frames(5_000)
        };
        let sent = run(async {
            let channel = channel(&siege.address(), 9).await;
            let assaults = (1..=4).map(|seed| assault(&siege, &channel, seed, until));
            let mut sum = Sent::default();
            for sent in all(assaults).await {
                sum.frames += sent.frames;
                sum.connections += sent.connections;
                sum.greetings += sent.greetings;
            }
            sum
        });
        (sent, began.elapsed())
    });
    println!(
        "R-01: {} frames at {:.0}/s on {} connections; {toll}",
        sent.frames,
        sent.frames as f64 / took.as_secs_f64(),
        sent.connections
    );
    assert!(sent.frames >= 20_000 && sent.connections > 8 && sent.greetings > 8);
    toll.is_bearable(256.0);
    let log = std::fs::read_to_string(siege.log()).expect("a log");
    assert!(log.lines().count() < 20, "{log}");
}
