//! Who is met, and what they learn before anything is asked.

use super::*;

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
