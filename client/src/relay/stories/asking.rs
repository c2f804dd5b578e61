//! Requests and their answers.

use super::*;

#[tokio::test]
async fn answers_out_of_order_reach_those_who_asked() {
    let kept = Mutex::new(Vec::new());
    let fake = scripted(move |asked| {
        let Request::Append { counter, .. } = &asked.request else {
            unreachable!()
        };
        let position = Position(counter.0 + 100);
        let mut kept = kept.lock().unwrap();
        kept.push((asked.tag, position));
        if kept.len() < 3 {
            return Vec::new();
        }
        let backwards = kept.drain(..).rev();
        backwards
            .map(|(tag, position)| say(tag, Answer::Stored { position }))
            .collect()
    });
    let pool = Pool::default();
    let (connection, handle) = opened(&pool, &fake).await;
    let append = |counter| connection.append(handle, Counter(counter), vec![0; 1024].into());
    let (one, two, three) = tokio::join!(append(1), append(2), append(3));
    assert_eq!(one, Ok(Appended::Stored(Position(101))));
    assert_eq!(two, Ok(Appended::Stored(Position(102))));
    assert_eq!(three, Ok(Appended::Stored(Position(103))));
}

#[tokio::test]
async fn a_connection_lost_before_the_answer_leaves_the_outcome_unknown() {
    let fake = scripted(|_| vec![Deed::HangUp]);
    let pool = Pool::default();
    let (connection, handle) = opened(&pool, &fake).await;
    let error = connection
        .append(handle, Counter(0), vec![0; 1024].into())
        .await
        .unwrap_err();
    assert_eq!(error, LinkError::Lost { sent: Sent::Maybe });
    assert!(error.may_be_done());
    // What is asked after that is known not to be done.
    let error = connection.info().await.unwrap_err();
    assert_eq!(error, LinkError::Lost { sent: Sent::No });
    assert!(!error.may_be_done());
}

#[tokio::test]
async fn a_relay_that_does_not_answer_is_given_up_and_its_late_answer_harms_nothing() {
    let fake = scripted(|asked| match &asked.request {
        Request::Hold { .. } => vec![
            Deed::Wait(Duration::from_millis(700)),
            say(asked.tag, Answer::Done),
        ],
        _ => vec![say(asked.tag, Answer::Changes(Vec::new()))],
    });
    let pool = hasty();
    let (connection, handle) = opened(&pool, &fake).await;
    assert_eq!(
        connection.hold(handle, 5).await,
        Err(LinkError::Timeout { sent: Sent::Maybe })
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(connection.changes(handle).await, Ok(Vec::new()));
}

#[tokio::test]
async fn nonsense_instead_of_an_answer_closes_the_connection() {
    type Say = fn(&Asked) -> Vec<Deed>;
    let cases: [Say; 4] = [
        |asked| vec![say(asked.tag, Answer::Created)],
        |asked| vec![say(asked.tag + 1, Answer::Done)],
        |_| vec![Deed::Send(Bytes::from_static(&[0, 0, 0, 2, 0xfe, 0xfe]))],
        |_| vec![say(0, Answer::Done)],
    ];
    for case in cases {
        let fake = scripted(case);
        let pool = Pool::default();
        let (connection, handle) = opened(&pool, &fake).await;
        assert_eq!(connection.hold(handle, 5).await, Err(NONSENSE));
        assert!(!connection.is_open());
    }
}

#[tokio::test]
async fn a_giant_length_is_refused_before_its_bytes_come() {
    let fake = scripted(|_| vec![Deed::Send(Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff]))]);
    let pool = Pool::default();
    let (connection, handle) = opened(&pool, &fake).await;
    let error = connection.hold(handle, 5).await.unwrap_err();
    let LinkError::Peer { fault, .. } = error else {
        panic!("{error}")
    };
    assert!(matches!(
        fault,
        PeerFault::TooLarge {
            size: 0x7fff_ffff,
            ..
        }
    ));
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_stream_whole() {
    let fake = scripted(|asked| match &asked.request {
        Request::Hold { .. } => Vec::new(),
        _ => vec![say(asked.tag, Answer::Changes(Vec::new()))],
    });
    let pool = Pool::default();
    let (connection, handle) = opened(&pool, &fake).await;
    for _ in 0..20 {
        let impatient = tokio::time::timeout(Duration::from_millis(1), connection.hold(handle, 1));
        assert!(impatient.await.is_err());
    }
    assert_eq!(connection.changes(handle).await, Ok(Vec::new()));
    assert!(fake.seen.asked.lock().unwrap().len() > 2);
}
