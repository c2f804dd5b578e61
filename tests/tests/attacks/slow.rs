//! Case R-05: whoever begins something and does not end it.

use std::time::{Duration, Instant};

use caucus_proto::wire::frame;
use caucus_tests::attack::raw::{Raw, parameters};
use caucus_tests::attack::{Siege, Stranger, long, shake, windows};
use tokio::time::{sleep, timeout};

use super::{all, place, run};

/// Bytes that come, one at a time, and never make a whole.
async fn dribble(send: &mut quinn::SendStream, begin: &[u8], pause: Duration) {
    if send.write_all(begin).await.is_err() {
        return;
    }
    loop {
        sleep(pause).await;
        if send.write_all(&[0]).await.is_err() {
            return;
        }
    }
}

/// How long the relay bore it; none if it still does at the end.
async fn slowly(siege: &Siege, number: usize, most: Duration, pause: Duration) -> Option<Duration> {
    // Not all in one moment.
    sleep(Duration::from_millis(number as u64 * 3)).await;
    let address = siege.address();
    let from = place(number);
    let began;
    let ended = match number % 4 {
        // No word at all, or half a hello.
        kind @ 0..2 => {
            let shaken = shake(&address, from, windows(1 << 20, 1 << 18)).await.ok()?;
            began = Instant::now();
            let (_endpoint, connection) = shaken;
            let (mut send, _recv) = connection.open_bi().await.ok()?;
            let begin: &[u8] = if kind == 0 { &[] } else { &[0, 0, 0, 60] };
            let dribbling = async {
                if kind == 0 {
                    std::future::pending::<()>().await;
                }
                dribble(&mut send, begin, pause).await;
            };
            timeout(most, async {
                tokio::select! {
                    _ = connection.closed() => {}
                    () = dribbling => {}
                }
                connection.closed().await
            })
            .await
        }
        // A small request, or the largest there may be.
        kind => {
            let size = if kind == 2 { 200 } else { frame::LARGEST as u32 };
            let stranger = Stranger::come(&address, from, windows(1 << 20, 1 << 18))
                .await
                .ok()?;
            began = Instant::now();
            let (connection, _endpoint, mut send, _recv) = stranger.halves();
            let begin = size.to_be_bytes();
            timeout(most, async {
                tokio::select! {
                    _ = connection.closed() => {}
                    () = dribble(&mut send, &begin, pause) => {}
                }
                connection.closed().await
            })
            .await
        }
    };
    let quinn::ConnectionError::ApplicationClosed(close) = ended.ok()? else {
        return None;
    };
    (close.error_code.into_inner() == 3).then(|| began.elapsed())
}

#[test]
fn whoever_dribbles_a_hello_or_a_frame_or_stalls_a_handshake_is_sent_away_in_time() {
    let (many, stalled, limit, pause) = if long() {
        (5_000, 500, 10, Duration::from_secs(1))
    } else {
        (80, 40, 2, Duration::from_millis(200))
    };
    let most = Duration::from_secs(limit + 5);
    let siege = Siege::with(&format!(
        "hello_seconds = {limit}\nframe_seconds = {limit}\nconnections = 8192\nretry_above = 8192"
    ));
    let (times, toll) = siege.endure(|| {
        let mut hands: Vec<_> = (0..stalled)
            .filter_map(|number| {
                Raw::begin(&siege.address(), place(10_000 + number), parameters(9_999, 999)).ok()
            })
            .collect();
        let times = run(async { all((0..many).map(|number| slowly(&siege, number, most, pause))).await });
        // By now the relay has forgotten all who never went on with their handshake.
        hands.iter_mut().for_each(|hand| hand.acknowledges = false);
        times
    });
    let mut ended: Vec<Duration> = times.iter().flatten().copied().collect();
    ended.sort();
    println!(
        "R-05: {} of {many} sent away, the last after {:.1} s (limit {limit} s), {stalled} handshakes stalled; {toll}",
        ended.len(),
        ended.last().copied().unwrap_or_default().as_secs_f64()
    );
    assert_eq!(ended.len(), many);
    toll.is_bearable(if long() { 600.0 } else { 128.0 });
}
