//! Entries as they are served.

use super::*;

#[tokio::test]
async fn a_reader_gets_entries_in_order_then_live_ones_then_the_end() {
    let newest = Position(2);
    let fake = shelf(move || {
        vec![
            serve(&entry(1, 1024)),
            serve(&entry(2, 256 * 1024)),
            serve(&Served::CaughtUp { newest }),
            Deed::Wait(Duration::from_millis(600)),
            serve(&entry(5, 4096)),
            serve(&Served::End),
        ]
    });
    // What follows live may take longer than an answer.
    let pool = hasty();
    let (connection, handle) = opened(&pool, &fake).await;
    let mut reading = connection.read(handle, Position(0), true).await.unwrap();
    assert_eq!(reading.next().await, Ok(entry(1, 1024)));
    assert!(reading.next().await == Ok(entry(2, 256 * 1024)));
    assert_eq!(reading.next().await, Ok(Served::CaughtUp { newest }));
    assert_eq!(reading.next().await, Ok(entry(5, 4096)));
    for _ in 0..2 {
        assert_eq!(reading.next().await, Ok(Served::End));
    }
}

#[tokio::test]
async fn entries_that_go_back_or_fill_no_bucket_close_the_connection() {
    let cases = [
        (entry(1, 1024), PeerFault::Malformed),
        (entry(3, 1000), PeerFault::NoBucket(1000)),
    ];
    for (second, fault) in cases {
        let fake = shelf(move || vec![serve(&entry(2, 1024)), serve(&second)]);
        let pool = Pool::default();
        let (connection, handle) = opened(&pool, &fake).await;
        let mut reading = connection.read(handle, Position(1), false).await.unwrap();
        assert_eq!(reading.next().await, Ok(entry(2, 1024)));
        let sent = Sent::No;
        assert_eq!(reading.next().await, Err(LinkError::Peer { fault, sent }));
        assert!(!connection.is_open());
    }
}

#[tokio::test]
async fn a_reading_that_breaks_off_or_stalls_says_so() {
    let pool = hasty();
    let cut = shelf(|| vec![serve(&entry(1, 1024)), Deed::Finish]);
    let (connection, handle) = opened(&pool, &cut).await;
    let mut reading = connection.read(handle, Position(0), true).await.unwrap();
    assert_eq!(reading.next().await, Ok(entry(1, 1024)));
    assert_eq!(reading.next().await, Err(LinkError::Lost { sent: Sent::No }));
    let stalled = shelf(Vec::new);
    let (connection, handle) = opened(&pool, &stalled).await;
    let mut reading = connection.read(handle, Position(0), true).await.unwrap();
    assert_eq!(reading.next().await, Err(LinkError::Timeout { sent: Sent::No }));
    let no = shelf(|| vec![serve(&Served::Refused(RefusedBecause::HandleEnded))]);
    let (connection, handle) = opened(&pool, &no).await;
    let mut reading = connection.read(handle, Position(0), true).await.unwrap();
    let ended = LinkError::Refused(RefusedBecause::HandleEnded);
    assert_eq!(reading.next().await, Err(ended));
}

#[tokio::test]
async fn as_many_readers_as_may_be_who_do_not_read_hold_back_no_answer() {
    let fake = shelf(|| (1..=3).map(|at| serve(&entry(at, 256 * 1024))).collect());
    let pool = Pool::default();
    let (connection, handle) = opened(&pool, &fake).await;
    let mut slow = Vec::new();
    for _ in 0..crate::relay::dial::READINGS {
        slow.push(connection.read(handle, Position(0), true).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(connection.changes(handle).await, Ok(Vec::new()));
    let mut last = slow.pop().unwrap();
    for at in 1..=3 {
        let served = last.next().await;
        assert!(
            served == Ok(entry(at, 256 * 1024)),
            "entry {at} of the reader who reads"
        );
    }
}

#[tokio::test]
async fn one_reader_too_many_waits_for_another_to_end() {
    let fake = shelf(|| vec![serve(&Served::CaughtUp { newest: Position(0) })]);
    let pool = hasty();
    let (connection, handle) = opened(&pool, &fake).await;
    let mut readings = Vec::new();
    for _ in 0..crate::relay::dial::READINGS {
        readings.push(connection.read(handle, Position(0), true).await.unwrap());
    }
    let late = LinkError::Timeout { sent: Sent::No };
    assert_eq!(
        connection.read(handle, Position(0), true).await.unwrap_err(),
        late
    );
    readings.pop();
    let mut reading = connection.read(handle, Position(0), true).await.unwrap();
    assert!(matches!(reading.next().await, Ok(Served::CaughtUp { .. })));
}
