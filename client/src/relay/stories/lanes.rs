//! Connections of one persona that are kept apart.

use caucus_proto::id::RoomId;

use super::*;

const APART: Duration = Duration::from_millis(150);

const NORTH: Lane = Lane::Room(RoomId([1; 32]));
const OPEN: Lane = Lane::Room(RoomId([2; 32]));

fn fake() -> Fake {
    Fake::start(fake::Role::default())
}

#[tokio::test]
async fn each_lane_of_a_persona_has_a_connection_of_its_own() {
    let (fake, pool) = (fake(), Pool::default());
    let shared = pool.connection(&fake.address, &ANA).await.unwrap();
    for lane in [NORTH, OPEN, NORTH, Lane::Links(1)] {
        let apart = pool.connection_in(&fake.address, &ANA, lane, APART).await;
        assert_ne!(apart.unwrap().quic().stable_id(), shared.quic().stable_id());
    }
    assert_eq!(fake.seen.sessions(), 4, "the shared one and three lanes");
    assert_eq!((pool.standing(&ANA), pool.standing(&BEN)), (4, 0));
    pool.close_in(&fake.address, &ANA, NORTH).await;
    assert!(shared.is_open());
    assert_eq!(pool.standing(&ANA), 3);
}

#[tokio::test]
async fn what_is_apart_begins_one_after_another_and_what_is_shared_at_once() {
    let fake = fake();
    let pool = Arc::new(Pool::default());
    let began = Instant::now();
    let coming: Vec<_> = [NORTH, OPEN, Lane::Bulletin]
        .map(|lane| {
            let (pool, address) = (Arc::clone(&pool), fake.address.clone());
            tokio::spawn(async move {
                pool.connection_in(&address, &ANA, lane, APART).await.unwrap();
                began.elapsed()
            })
        })
        .into_iter()
        .collect();
    pool.connection(&fake.address, &BEN).await.unwrap();
    assert!(began.elapsed() < APART, "another persona waits for nobody");
    let mut came = Vec::new();
    for one in coming {
        came.push(one.await.unwrap());
    }
    came.sort();
    for (nth, came) in (1..).zip(&came) {
        assert!(*came >= APART * nth, "{came:?}");
    }
}

#[tokio::test]
async fn a_relay_that_is_not_there_keeps_no_lane_to_another_waiting() {
    let fake = fake();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = RelayAddress {
        port: silent.local_addr().unwrap().port(),
        ..fake.address.clone()
    };
    let pool = Arc::new(Pool::default());
    let stuck = {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move { pool.connection_in(&nobody, &ANA, OPEN, APART).await.map(drop) })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    let began = Instant::now();
    pool.connection_in(&fake.address, &ANA, NORTH, APART)
        .await
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    pool.close_all().await;
    assert_eq!(stuck.await.unwrap(), Err(LinkError::Lost { sent: Sent::No }));
}

#[tokio::test]
async fn many_who_want_a_relay_that_is_gone_wait_for_one_attempt() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = RelayAddress {
        port: silent.local_addr().unwrap().port(),
        ..fake().address.clone()
    };
    let connect = Duration::from_millis(500);
    let pool = Arc::new(Pool::new(Patience {
        connect,
        ..Patience::default()
    }));
    let began = Instant::now();
    let asking: Vec<_> = (0..12)
        .map(|_| {
            let (pool, nobody) = (Arc::clone(&pool), nobody.clone());
            tokio::spawn(async move { pool.connection(&nobody, &ANA).await.map(drop) })
        })
        .collect();
    let why = Unreachable::Timeout;
    for asked in asking {
        assert_eq!(asked.await.unwrap(), Err(LinkError::Unreachable { why }));
    }
    assert!(began.elapsed() < connect * 6, "{:?}", began.elapsed());
    // Whoever asks later is no part of it.
    let again = Instant::now();
    assert!(pool.connection(&nobody, &ANA).await.is_err());
    assert!(again.elapsed() >= connect / 2, "{:?}", again.elapsed());
}

#[tokio::test]
async fn what_does_not_fit_any_more_parts_and_what_is_apart_says_goodbye_after_a_pause() {
    let (fake, pool) = (fake(), Pool::default());
    let shared = pool.connection(&fake.address, &ANA).await.unwrap();
    let ben = pool.connection(&fake.address, &BEN).await.unwrap();
    let north = pool
        .connection_in(&fake.address, &ANA, NORTH, Duration::ZERO)
        .await
        .unwrap();
    pool.close_unfit(&ANA, Lane::is_apart, || APART);
    shared.closed().await;
    assert!(north.is_open() && ben.is_open());
    let began = Instant::now();
    pool.close_all_after(|| APART).await;
    assert!(!ben.is_open(), "what is shared parts at once");
    assert!(north.is_open());
    north.closed().await;
    assert!(began.elapsed() >= APART);
}
