//! Where packets go, whoever names the relay.

use std::net::Ipv4Addr;

use tokio::net::UdpSocket;

use super::*;

/// Something that is no relay, in the network of this machine.
async fn bystander() -> (UdpSocket, RelayAddress) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = RelayAddress {
        key: Identity::fresh().key,
        host: Ipv4Addr::LOCALHOST.to_string(),
        port: socket.local_addr().unwrap().port(),
        memory: false,
    };
    (socket, address)
}

fn wary() -> Pool {
    let patience = Patience {
        connect: Duration::from_millis(600),
        ..Patience::default()
    };
    Pool::over(patience, Sockets::default())
}

async fn came(socket: &UdpSocket) -> bool {
    let mut bytes = [0; 2048];
    let wait = Duration::from_millis(200);
    tokio::time::timeout(wait, socket.recv_from(&mut bytes))
        .await
        .is_ok()
}

const PRIVATE: LinkError = LinkError::Unreachable {
    why: Unreachable::Private,
};

#[tokio::test]
async fn nothing_is_sent_into_a_private_network_on_the_word_of_others() {
    let (socket, address) = bystander().await;
    let by_name = RelayAddress {
        host: "localhost".to_owned(),
        ..address.clone()
    };
    let mapped = RelayAddress {
        host: "::ffff:127.0.0.1".to_owned(),
        ..address.clone()
    };
    let pool = wary();
    for address in [&address, &by_name, &mapped] {
        assert_eq!(pool.may_reach(address).await, Err(PRIVATE));
        assert_eq!(pool.connection(address, &ANA).await.unwrap_err(), PRIVATE);
    }
    assert!(!came(&socket).await);
    // What this person named is another matter, and only that.
    pool.know(&address);
    assert_eq!(pool.may_reach(&address).await, Ok(()));
    assert_ne!(pool.connection(&address, &ANA).await.unwrap_err(), PRIVATE);
    assert!(came(&socket).await);
    assert_eq!(pool.connection(&by_name, &ANA).await.unwrap_err(), PRIVATE);
}

#[tokio::test]
async fn nobody_dials_where_no_relay_can_be_not_even_who_names_it() {
    for host in ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1"] {
        let address = RelayAddress {
            key: Identity::fresh().key,
            host: host.to_owned(),
            port: 80,
            memory: false,
        };
        let pool = Pool::default();
        pool.know(&address);
        let refused = pool.connection(&address, &ANA).await.unwrap_err();
        let why = Unreachable::Nowhere;
        assert_eq!(refused, LinkError::Unreachable { why }, "{host}");
    }
}
