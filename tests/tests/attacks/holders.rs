//! Case R-12 and what else somebody can do who may rightly be here: flood a channel, announce what never comes, open
//! what is never used, guess.

use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Counter};
use caucus_proto::wire::{Answer, Proof, RefusedBecause, Request, Role, frame};
use caucus_tests::attack::{Siege, Stranger, long, windows};
use caucus_tests::net::Channel;

use super::{all, channel, place, run};

fn entry(handle: u32) -> Request {
    Request::Append {
        handle,
        counter: Counter(0),
        bytes: Bytes::from(vec![5; 1024]),
    }
}

async fn appender(siege: &Siege, channel: &Channel, number: usize) -> (Stranger, u32) {
    let mut stranger = Stranger::come(&siege.address(), place(number), windows(1 << 20, 1 << 18))
        .await
        .expect("a greeting");
    let opening = channel.opening(Role::Append, stranger.binding());
    let handle = stranger.open(opening).await.expect("a handle");
    (stranger, handle)
}

/// Appends at this pace, and counts what was stored and what was refused for its speed.
async fn pour(mut stranger: Stranger, handle: u32, pace: Duration, lasts: Duration) -> (u64, u64) {
    let begun = Instant::now();
    let (mut sent, mut open, mut stored, mut refused) = (0_u32, 0_u32, 0, 0);
    while begun.elapsed() < lasts || open > 0 {
        if begun.elapsed() < lasts && open < 64 && begun.elapsed() >= pace * sent {
            stranger.send(entry(handle)).await.expect("it is sent");
            sent += 1;
            open += 1;
            continue;
        }
        if open == 0 {
            tokio::time::sleep(pace).await;
            continue;
        }
        match stranger.next().await.expect("an answer").answer {
            Answer::Stored { .. } => stored += 1,
            Answer::Refused(RefusedBecause::TooFast { .. }) => refused += 1,
            other => panic!("{other:?}"),
        }
        open -= 1;
    }
    (stored, refused)
}

#[test]
fn a_holder_who_writes_ten_times_too_fast_is_slowed_and_nobody_else_is() {
    let lasts = if long() {
        Duration::from_secs(60)
    } else {
        Duration::from_secs(6)
    };
    let siege = Siege::with("");
    let ((stored, refused), toll) = siege.endure(|| {
        run(async {
            let channel = channel(&siege.address(), 9).await;
            let (stranger, handle) = appender(&siege, &channel, 1).await;
            pour(stranger, handle, Duration::from_millis(2), lasts).await
        })
    });
    println!("R-12: one holder, {stored} stored, {refused} refused; {toll}");
    assert!(
        stored <= 200 + 50 * (lasts.as_secs() + 2) && refused > stored / 2,
        "{stored} {refused}"
    );
    toll.is_bearable(128.0);
}

#[test]
fn many_who_write_as_fast_as_they_may_leave_the_honest_their_pace() {
    let (many, lasts) = if long() {
        (200, Duration::from_secs(60))
    } else {
        (24, Duration::from_secs(5))
    };
    let siege = Siege::with("");
    let (stored, toll) = siege.endure(|| {
        run(async {
            let mut channels = Vec::new();
            for number in 0..many {
                channels.push(channel(&siege.address(), (number % 200) as u8 + 10).await);
            }
            let pours = channels.iter().enumerate().map(async |(number, channel)| {
                let (stranger, handle) = appender(&siege, channel, number).await;
                pour(stranger, handle, Duration::from_millis(20), lasts).await.0
            });
            all(pours).await.into_iter().sum::<u64>()
        })
    });
    println!(
        "limit: {many} writers at 50/s, {stored} stored, {:.0}/s; {toll}",
        stored as f64 / lasts.as_secs_f64()
    );
    assert!(stored > 100);
    toll.is_bearable(256.0);
}

#[test]
fn giant_lengths_and_streams_that_are_never_finished_hold_nothing_that_others_need() {
    let (many, size) = if long() {
        (1_000, frame::LARGEST)
    } else {
        (120, 24 * 1024)
    };
    let siege = Siege::with("frame_seconds = 3\nhello_seconds = 3\nretry_above = 4096");
    let ((giants, large, streams), toll) = siege.endure(|| {
        run(async {
            let address = siege.address();
            let one = async |number: usize| {
                let mut stranger = Stranger::come(&address, place(number), windows(1 << 20, 1 << 18))
                    .await
                    .expect("a greeting");
                let mut streams = Vec::new();
                while let Ok(Ok((mut send, recv))) =
                    tokio::time::timeout(Duration::from_millis(200), stranger.connection.open_bi()).await
                {
                    // Never a whole question, and never an end.
                    let _ = send.write_all(&[0, 0]).await;
                    streams.push((send, recv));
                }
                let giant = number.is_multiple_of(2);
                let length = if giant { u32::MAX } else { size as u32 };
                let _ = stranger.raw(&length.to_be_bytes()).await;
                if !giant {
                    // As much of it as the windows let through, and no more.
                    let bytes = vec![7; size - 1];
                    let _ = tokio::time::timeout(Duration::from_secs(3), stranger.raw(&bytes)).await;
                }
                let closed =
                    tokio::time::timeout(Duration::from_secs(90), stranger.connection.closed()).await;
                let code = match closed {
                    Ok(quinn::ConnectionError::ApplicationClosed(close)) => close.error_code.into_inner(),
                    _ => u64::MAX,
                };
                (giant, code, streams.len())
            };
            let ended = all((0..many).map(one)).await;
            let count =
                |giant: bool, code: u64| ended.iter().filter(|end| end.0 == giant && end.1 == code).count();
            // Malformed at once; too slow, or malformed once the relay passed over what it had no room for.
            let large = count(false, 3) + count(false, 1);
            (
                count(true, 1),
                large,
                ended.iter().map(|end| end.2).sum::<usize>(),
            )
        })
    });
    println!("giants: {giants} + {large} of {many} closed, {streams} streams never finished; {toll}");
    assert_eq!(giants, many / 2);
    assert!(streams >= many * 70, "{streams}");
    toll.is_bearable(600.0);
}

#[test]
fn opens_with_bad_proofs_by_the_thousand_open_nothing() {
    let guesses = if long() { 1_000_000 } else { 10_000 };
    let siege = Siege::with("opens_per_second = 100000");
    let (hits, toll) = siege.endure(|| {
        run(async {
            let channel = channel(&siege.address(), 9).await;
            let guesser = async |number: usize| {
                let mut stranger = Stranger::come(&siege.address(), place(number), windows(1 << 20, 1 << 18))
                    .await
                    .expect("a greeting");
                let mut hits = 0;
                let (mut sent, mut heard) = (0, 0);
                while heard < guesses / 4 {
                    if sent < guesses / 4 && sent - heard < 100 {
                        let mut opening = channel.opening(Role::Append, stranger.binding());
                        if let Request::Open {
                            channel, proof, key, ..
                        } = &mut opening
                        {
                            match sent % 3 {
                                0 => *proof = Proof([sent as u8; 32]),
                                1 => *channel = ChannelId([sent as u8; 32]),
                                _ => key[sent % 32] ^= 1 << (sent % 8),
                            }
                        }
                        stranger.send(opening).await.expect("it is sent");
                        sent += 1;
                        continue;
                    }
                    match stranger.next().await.expect("an answer").answer {
                        Answer::Refused(RefusedBecause::NotOpened) => {}
                        _ => hits += 1,
                    }
                    heard += 1;
                }
                hits
            };
            all((1..=4).map(guesser)).await.into_iter().sum::<u64>()
        })
    });
    println!("guesses: {guesses} opens with bad proofs, {hits} hits; {toll}");
    assert_eq!(hits, 0);
    toll.is_bearable(128.0);
}
