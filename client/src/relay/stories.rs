//! Stories of a client and a fake relay over real QUIC on loopback.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_proto::error::PeerFault;
use caucus_proto::id::{ChannelId, Counter, Hours, PersonaId, Position};
use caucus_proto::wire::frame::frame;
use caucus_proto::wire::{
    Access, Answer, Asked, ChannelSpec, Entry, Flag, Greeting, RefusedBecause, RelayAddress, Request,
    Retention, Role, SLOTS, Served,
};
use rustls::crypto::aws_lc_rs;
use x25519_dalek::{PublicKey, StaticSecret};

use super::fake::{self, Deed, Fake, Identity, Wire, honest, say, serve};
use super::*;

const ANA: PersonaId = PersonaId([1; 32]);
const BEN: PersonaId = PersonaId([2; 32]);
const CHANNEL: ChannelId = ChannelId([3; 32]);

fn secret() -> StaticSecret {
    StaticSecret::from([5; 32])
}

fn hasty() -> Pool {
    Pool::new(Patience {
        connect: Duration::from_secs(8),
        request: Duration::from_millis(400),
        ..Patience::default()
    })
}

fn scripted(script: impl Fn(&Asked) -> Vec<Deed> + Send + Sync + 'static) -> Fake {
    Fake::start(fake::Role {
        script: Box::new(move |asked, binding| match asked.request {
            Request::Open { .. } => honest(asked, binding),
            _ => script(asked),
        }),
        ..fake::Role::default()
    })
}

fn shelf(shelf: impl Fn() -> Vec<Deed> + Send + Sync + 'static) -> Fake {
    Fake::start(fake::Role {
        shelf: Box::new(move |_| shelf()),
        ..fake::Role::default()
    })
}

async fn opened(pool: &Pool, fake: &Fake) -> (Connection, Handle) {
    let connection = pool.connection(&fake.address, &ANA).await.unwrap();
    let opened = connection.open(CHANNEL, Role::Read, &secret()).await.unwrap();
    (connection, opened.handle)
}

async fn refused(fake: &Fake) -> LinkError {
    Pool::default().connection(&fake.address, &ANA).await.unwrap_err()
}

fn entry(position: u64, size: usize) -> Served {
    Served::Entry(Entry {
        position: Position(position),
        counter: Counter(0),
        flag: Flag::Plain,
        expires: Hours(9),
        bytes: vec![7; size].into(),
    })
}

fn spec() -> ChannelSpec {
    ChannelSpec {
        creation_key: PublicKey::from(&secret()).to_bytes(),
        salt: [8; 32],
        access: Access {
            append: [1; 32],
            read: [2; 32],
        },
        controls: [[3; 32]; SLOTS],
        solo: true,
        plain: Retention::Month,
        flagged: Retention::Month,
        counter: Counter(0),
        after: Position(0),
    }
}

const NONSENSE: LinkError = LinkError::Peer {
    fault: PeerFault::Malformed,
    sent: Sent::Maybe,
};
const NOT_A_RELAY: LinkError = LinkError::Unreachable {
    why: Unreachable::NotARelay,
};

#[tokio::test]
async fn a_pinned_relay_is_greeted_over_the_hybrid_group_and_proofs_bind_to_the_session() {
    let fake = Fake::start(fake::Role::default());
    let pool = Pool::default();
    let connection = pool.connection(&fake.address, &ANA).await.unwrap();
    assert_eq!(connection.version(), 1);
    // The fake checks both proofs with the exporter of its own side of the session.
    connection.create(&spec(), &secret(), None).await.unwrap();
    let opened = connection.open(CHANNEL, Role::Append, &secret()).await.unwrap();
    let stored = connection
        .append(opened.handle, opened.counter, vec![0; 1024].into())
        .await;
    assert_eq!(stored, Ok(Appended::Stored(Position(1))));
    let moved = connection
        .advance(opened.handle, Counter(4), vec![0; 1024].into())
        .await;
    assert_eq!(
        moved,
        Ok(Appended::Moved {
            counter: Counter(0),
            newest: Position(0)
        })
    );
    assert_eq!(fake.seen.hybrid.load(Ordering::SeqCst), 1);
    assert_eq!(fake.seen.other_groups.load(Ordering::SeqCst), 0);
    assert_eq!(
        fake.seen.names.load(Ordering::SeqCst),
        0,
        "a server name went out"
    );
}

#[tokio::test]
async fn a_proof_for_another_channel_key_opens_nothing() {
    let fake = Fake::start(fake::Role::default());
    let connection = Pool::default().connection(&fake.address, &ANA).await.unwrap();
    let wrong = StaticSecret::from([6; 32]);
    assert_eq!(
        connection.create(&spec(), &wrong, None).await,
        Err(LinkError::Refused(RefusedBecause::NotOpened))
    );
}

#[tokio::test]
async fn a_relay_with_another_key_is_refused_before_a_byte_of_a_capability_leaves() {
    let fake = Fake::start(fake::Role::default());
    let expected = RelayAddress {
        key: Identity::fresh().key,
        ..fake.address.clone()
    };
    let error = Pool::default().connection(&expected, &ANA).await.unwrap_err();
    assert_eq!(error, LinkError::WrongKey);
    assert!(!error.may_be_done());
    assert_eq!((fake.seen.sessions(), fake.seen.stream_bytes()), (0, 0));
    assert_eq!(fake.seen.peers.lock().unwrap().len(), 1, "it was never reached");
}

#[tokio::test]
async fn a_stolen_certificate_without_its_key_is_refused() {
    let fake = Fake::start(fake::Role {
        stolen: Some(Arc::new(Identity::fresh())),
        ..fake::Role::default()
    });
    assert_eq!(refused(&fake).await, LinkError::WrongKey);
    assert_eq!((fake.seen.sessions(), fake.seen.stream_bytes()), (0, 0));
}

#[tokio::test]
async fn a_relay_without_the_hybrid_group_gets_no_session() {
    for group in [aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1] {
        let fake = Fake::start(fake::Role {
            groups: vec![group],
            ..fake::Role::default()
        });
        assert_eq!(refused(&fake).await, NOT_A_RELAY);
        assert_eq!((fake.seen.sessions(), fake.seen.stream_bytes()), (0, 0));
        assert_eq!(fake.seen.other_groups.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn a_server_of_another_protocol_gets_no_session() {
    let fake = Fake::start(fake::Role {
        alpn: b"hq-interop".to_vec(),
        ..fake::Role::default()
    });
    assert_eq!(refused(&fake).await, NOT_A_RELAY);
    assert_eq!((fake.seen.sessions(), fake.seen.stream_bytes()), (0, 0));
}

#[tokio::test]
async fn nobody_there_and_a_name_that_leads_nowhere_are_told_apart() {
    let key = Identity::fresh().key;
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let pool = Pool::new(Patience {
        connect: Duration::from_millis(300),
        ..Patience::default()
    });
    let nobody = RelayAddress::new(key, "127.0.0.1", port, false).unwrap();
    let why = Unreachable::Timeout;
    assert_eq!(
        pool.connection(&nobody, &ANA).await.unwrap_err(),
        LinkError::Unreachable { why }
    );
    // A label of more than 63 letters cannot be asked of any name server.
    let nowhere = RelayAddress::new(key, &"a".repeat(80), 4433, false).unwrap();
    let why = Unreachable::NameUnknown;
    assert_eq!(
        Pool::default().connection(&nowhere, &ANA).await.unwrap_err(),
        LinkError::Unreachable { why }
    );
}

#[tokio::test]
async fn a_relay_of_another_version_says_which() {
    let greeting = Greeting::TooOldOrNew { versions: vec![7, 8] };
    let fake = Fake::start(fake::Role {
        greeting: Some(frame(&greeting).unwrap()),
        ..fake::Role::default()
    });
    assert_eq!(refused(&fake).await, LinkError::Version { theirs: vec![7, 8] });
}

#[tokio::test]
async fn a_greeting_that_is_none_closes_the_connection() {
    let chosen_alone = Greeting::Speaks {
        version: 7,
        proof_key: [1; 32],
    };
    let giant = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff]);
    for greeting in [
        frame(&chosen_alone).unwrap(),
        Bytes::from_static(&[0, 0, 0, 1, 9]),
        giant,
    ] {
        let fake = Fake::start(fake::Role {
            greeting: Some(greeting),
            ..fake::Role::default()
        });
        let error = refused(&fake).await;
        assert!(matches!(error, LinkError::Peer { sent: Sent::No, .. }), "{error}");
    }
}

#[tokio::test]
async fn a_relay_whose_proof_key_contributes_nothing_gets_no_proof() {
    let hostile = Greeting::Speaks {
        version: 1,
        proof_key: [0; 32],
    };
    let fake = Fake::start(fake::Role {
        greeting: Some(frame(&hostile).unwrap()),
        ..fake::Role::default()
    });
    let connection = Pool::default().connection(&fake.address, &ANA).await.unwrap();
    let error = connection.open(CHANNEL, Role::Read, &secret()).await.unwrap_err();
    assert!(matches!(error, LinkError::Peer { sent: Sent::No, .. }), "{error}");
    assert!(fake.seen.asked.lock().unwrap().is_empty());
}

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
async fn two_personas_share_neither_connection_nor_socket_nor_session() {
    let fake = Fake::start(fake::Role::default());
    let pool = Pool::default();
    let ana = pool.connection(&fake.address, &ANA).await.unwrap();
    let ben = pool.connection(&fake.address, &BEN).await.unwrap();
    assert_ne!(ana.socket().unwrap().port(), ben.socket().unwrap().port());
    assert_eq!(fake.seen.sessions(), 2);
    let peers = fake.seen.peers.lock().unwrap().clone();
    assert_eq!(peers.len(), 2);
    assert_ne!(peers[0].port(), peers[1].port());
    ana.changes(ana.open(CHANNEL, Role::Control, &secret()).await.unwrap().handle)
        .await
        .unwrap();
    ben.open(CHANNEL, Role::Control, &secret()).await.unwrap();
    let exporters = fake.seen.exporters.lock().unwrap().clone();
    assert_ne!(exporters[0], exporters[1]);
}

#[tokio::test]
async fn tickets_and_tokens_of_the_relay_are_never_shown_again() {
    let fake = Fake::start(fake::Role::default());
    let pool = Pool::default();
    for _ in 0..3 {
        // By the time of an answer, the tickets and tokens sent after the handshake have come.
        opened(&pool, &fake).await;
        pool.close(&fake.address, &ANA).await;
    }
    assert_eq!(fake.seen.sessions(), 3);
    assert!(fake.seen.tickets_given.load(Ordering::SeqCst) > 0);
    assert_eq!(fake.seen.tickets_shown.load(Ordering::SeqCst), 0);
    assert_eq!(fake.seen.tokens_shown.load(Ordering::SeqCst), 0);
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
    for _ in 0..super::dial::READINGS {
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
    for _ in 0..super::dial::READINGS {
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

#[tokio::test]
async fn errors_and_debug_tell_no_address_name_or_key() {
    let shown = [
        LinkError::WrongKey.to_string(),
        NOT_A_RELAY.to_string(),
        LinkError::Version { theirs: vec![2] }.to_string(),
        LinkError::Lost { sent: Sent::Maybe }.to_string(),
    ];
    insta::assert_snapshot!(shown.join("\n"), @r"
    the relay at this address has another key than the address says
    the relay cannot be reached: what answers there does not speak as a relay does
    the relay speaks versions [2] of the protocol, this program speaks [1]
    the connection to the relay is lost; whether the request was carried out is unknown
    ");
    let fake = Fake::start(fake::Role::default());
    let pool = Pool::default();
    let connection = pool.connection(&fake.address, &ANA).await.unwrap();
    assert_eq!(format!("{pool:?} {connection:?}"), "Pool(..) Connection(..)");
}
