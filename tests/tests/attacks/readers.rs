//! Case R-06: readers that ask for everything and take nothing.

use std::time::Duration;

use bytes::Bytes;
use caucus_proto::id::{Counter, Position};
use caucus_proto::wire::{Answer, Read, Request, Role, frame};
use caucus_tests::attack::{Siege, Stranger, long, windows};

use super::{all, channel, place, run};

/// Readings of one connection, all of the same channel.
const READINGS: usize = 8;

#[test]
fn readers_that_never_read_are_held_within_bounds_and_dropped_while_others_are_served() {
    let (many, entries) = if long() { (2_000, 400) } else { (150, 60) };
    let siege =
        Siege::with("retry_above = 4096\nappends_per_second = 1000\nchannel_appends_per_second = 1000");
    let ((owed, reset), toll) = siege.endure(|| {
        run(async {
            let channel = channel(&siege.address(), 9).await;
            let address = siege.address();
            let mut writer = Stranger::come(&address, place(1), windows(1 << 20, 1 << 20))
                .await
                .expect("a greeting");
            let opening = channel.opening(Role::Append, writer.binding());
            let append = writer.open(opening).await.expect("a handle");
            let mut say = async |size: usize| {
                let request = Request::Append {
                    handle: append,
                    counter: Counter(0),
                    bytes: Bytes::from(vec![3; size]),
                };
                let answer = writer.ask(request).await.expect("an answer");
                assert!(matches!(answer, Answer::Stored { .. }), "{answer:?}");
            };
            for _ in 0..entries / 4 {
                say(256 * 1024).await;
            }
            let deaf = async |number: usize| {
                let from = place(100 + number);
                // Room for the answers, and none for what the readings bring.
                let mut deaf = Stranger::come(&address, from, windows(4_096, 512))
                    .await
                    .expect("a greeting");
                let handle = deaf
                    .open(channel.opening(Role::Read, deaf.binding()))
                    .await
                    .expect("a handle");
                let mut streams = Vec::new();
                for _ in 0..READINGS {
                    let (mut send, recv) = deaf.connection.open_bi().await.expect("a stream");
                    let read = Read {
                        handle,
                        after: Position(0),
                        follow: true,
                    };
                    send.write_all(&frame::frame(&read).expect("a frame"))
                        .await
                        .expect("it is asked");
                    streams.push((send, recv));
                }
                (deaf, streams)
            };
            let mut deafs = Vec::new();
            for batch in 0..many / 50 {
                deafs.extend(all((0..50).map(|number| deaf(batch * 50 + number))).await);
            }
            for _ in 0..entries {
                say(1024).await;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            let owed = deafs.len() * READINGS;
            // Those who are beyond what the relay holds for all of them are dropped at once.
            let mut reset = 0;
            for (_, streams) in &mut deafs {
                for (_, recv) in streams {
                    let ended = tokio::time::timeout(Duration::from_millis(1), recv.received_reset()).await;
                    reset += usize::from(ended.is_ok());
                }
            }
            (owed, reset)
        })
    });
    println!("R-06: {owed} readings that take nothing, {reset} dropped by then; {toll}");
    assert!(reset > 0, "nobody was beyond the bound");
    toll.is_bearable(if long() { 896.0 } else { 256.0 });
}
