//! Connections that are kept, lost, closed and made anew.

use super::*;

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_is_gone_is_made_anew() {
    let fake = scripted(|_| vec![Deed::HangUp]);
    let pool = Pool::default();
    let (first, again) = tokio::join!(
        pool.connection(&fake.address, &ANA),
        pool.connection(&fake.address, &ANA)
    );
    assert_eq!(first.unwrap().socket(), again.unwrap().socket());
    let (connection, old) = opened(&pool, &fake).await;
    assert_eq!(fake.seen.sessions(), 1);
    assert!(connection.hold(old, 1).await.is_err());
    let (fresh, _) = opened(&pool, &fake).await;
    assert_eq!(fake.seen.sessions(), 2);
    // The old handle has the number of the new one, and yet it opens nothing here.
    let asked = fake.seen.asked.lock().unwrap().len();
    assert_eq!(
        fresh.hold(old, 1).await,
        Err(LinkError::Refused(RefusedBecause::WrongHandle))
    );
    assert_eq!(fake.seen.asked.lock().unwrap().len(), asked);
}

#[tokio::test]
async fn a_relay_that_goes_away_is_seen_and_says_for_how_long() {
    let fake = scripted(|asked| {
        vec![
            say(0, Answer::Draining { back_in_ms: 1_500 }),
            say(asked.tag, Answer::Done),
        ]
    });
    let pool = Pool::default();
    let (connection, handle) = opened(&pool, &fake).await;
    assert_eq!(connection.hold(handle, 5).await, Ok(()));
    let error = connection.hold(handle, 5).await.unwrap_err();
    assert_eq!(error, LinkError::Draining { back_in_ms: 1_500 });
    assert_eq!(error.retry_ms(), Some(1_500));
    assert!(!error.may_be_done() && error.ends_connection());
    // Its successor may be there already.
    opened(&pool, &fake).await;
    assert_eq!(fake.seen.sessions(), 2);
}

#[tokio::test]
async fn a_relay_that_dies_without_a_word_is_noticed_and_one_that_lives_is_kept() {
    let fake = shelf(|| vec![serve(&Served::CaughtUp { newest: Position(0) })]);
    let wire = Wire::to(fake.address.port).await;
    let address = RelayAddress {
        port: wire.port,
        ..fake.address.clone()
    };
    let pool = Pool::new(Patience {
        idle: Duration::from_millis(900),
        keep_alive: Duration::from_millis(300),
        ..Patience::default()
    });
    let connection = pool.connection(&address, &ANA).await.unwrap();
    let opened = connection.open(CHANNEL, Role::Read, &secret()).await.unwrap();
    let mut reading = connection.read(opened.handle, Position(0), true).await.unwrap();
    assert!(matches!(reading.next().await, Ok(Served::CaughtUp { .. })));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(
        connection.is_open(),
        "an idle connection to a living relay was lost"
    );
    wire.cut();
    let cut = Instant::now();
    assert_eq!(reading.next().await, Err(LinkError::Lost { sent: Sent::No }));
    assert!(cut.elapsed() < Duration::from_secs(4), "{:?}", cut.elapsed());
    assert_eq!(connection.closed().await, LinkError::Lost { sent: Sent::No });
}

#[tokio::test]
async fn closing_the_pool_ends_what_stands_and_what_is_being_made() {
    let fake = scripted(|_| Vec::new());
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = RelayAddress {
        port: silent.local_addr().unwrap().port(),
        ..fake.address.clone()
    };
    let pool = Arc::new(Pool::default());
    let (connection, handle) = opened(&pool, &fake).await;
    let hold = tokio::spawn(async move { connection.hold(handle, 1).await });
    let connect = {
        let (pool, nobody) = (Arc::clone(&pool), nobody.clone());
        tokio::spawn(async move { pool.connection(&nobody, &ANA).await.map(drop) })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    pool.close_all().await;
    assert_eq!(hold.await.unwrap(), Err(LinkError::Lost { sent: Sent::Maybe }));
    assert_eq!(connect.await.unwrap(), Err(LinkError::Lost { sent: Sent::No }));
    opened(&pool, &fake).await;
    assert_eq!(fake.seen.sessions(), 2);
}

#[tokio::test]
async fn the_last_clone_closes_the_connection() {
    let (told, mut heard) = tokio::sync::mpsc::channel(1);
    let fake = Fake::start(fake::Role::default());
    let pool = Pool::default();
    let connection = pool.connection(&fake.address, &ANA).await.unwrap();
    let quic = connection.quic();
    tokio::spawn(async move {
        quic.closed().await;
        let _ = told.send(()).await;
    });
    drop(pool);
    assert!(connection.is_open(), "a connection in use was closed");
    drop(connection);
    let gone = tokio::time::timeout(Duration::from_secs(2), heard.recv()).await;
    assert_eq!(gone, Ok(Some(())));
}
