//! A relay that marks everybody: whatever it may choose, it chooses anew for each connection, so that it would know
//! whoever brought any of it along. It keeps all bytes that its clients say.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use caucus_proto::id::{Counter, Position};
use caucus_proto::wire::frame::{LARGEST, frame, payload};
use caucus_proto::wire::{
    Answer, Answered, Asked, Greeting, RelayAddress, RelayKey, Request, Served, VERSION,
};
use quinn::{Endpoint, EndpointConfig, RecvStream, TokioRuntime};
use rcgen::{KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};

use super::fabric::{Device, Fabric};
use super::hostile::{Frames, config};
use super::socket::Socket;

const PORT: u16 = 4_434;

/// What a client said on one connection, and what it was given there.
#[derive(Clone, Default, Debug)]
pub struct Said {
    /// All bytes of all streams, as frames' payloads.
    pub bytes: Vec<Vec<u8>>,
    /// What the relay chose: in the forms in which the protocol writes it.
    pub marks: Vec<(&'static str, Vec<u8>)>,
}

/// A relay that listens until its runtime ends.
pub struct Marker {
    /// Its address.
    pub address: RelayAddress,
    said: Arc<Mutex<Vec<Said>>>,
}

impl Marker {
    /// Starts it on a device.
    ///
    /// # Panics
    /// If there is no endpoint.
    #[must_use]
    pub fn start(fabric: &Fabric, device: Device) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let key = RelayKey(Sha256::digest(pair.subject_public_key_info()).into());
        let place = SocketAddr::new(fabric.ip(device), PORT);
        let socket = Arc::new(Socket::bind(fabric, device, Some(PORT)));
        let (settings, config) = (EndpointConfig::default(), Some(config(&pair)));
        let endpoint = Endpoint::new_with_abstract_socket(settings, config, socket, Arc::new(TokioRuntime));
        let endpoint = endpoint.expect("an endpoint");
        let said = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&said);
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let Ok(quic) = incoming.await else { continue };
                let number = {
                    let mut all = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    all.push(Said::default());
                    all.len() - 1
                };
                tokio::spawn(serve(quic, number, Arc::clone(&kept)));
            }
        });
        Self {
            address: RelayAddress::new(key, &place.ip().to_string(), PORT, true).expect("an address"),
            said,
        }
    }

    /// What was said, connection by connection.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A number that nobody else uses, for each connection and purpose.
const fn mark(number: usize, purpose: u32) -> u32 {
    0x5eed_0000 + number as u32 * 0x100 + purpose
}

async fn serve(quic: quinn::Connection, number: usize, said: Arc<Mutex<Vec<Said>>>) -> Option<()> {
    let keep = |of: &dyn Fn(&mut Said)| {
        let mut all = said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = all.get_mut(number) {
            of(said);
        }
    };
    let (mut send, recv) = quic.accept_bi().await.ok()?;
    let mut frames = Frames::new(recv, LARGEST);
    let hello = frames.next().await?;
    keep(&|said| said.bytes.push(hello.to_vec()));
    let mut proof_key = [0x5e; 32];
    proof_key[..4].copy_from_slice(&mark(number, 0).to_be_bytes());
    let greeting = Greeting::Speaks {
        version: VERSION,
        proof_key,
    };
    keep(&|said| {
        said.marks.push(("the key for proofs", proof_key[..8].to_vec()));
        for (what, purpose) in [("a handle", 1), ("a time to come back", 2), ("a time to wait", 3)] {
            said.marks
                .push((what, mark(number, purpose).to_be_bytes().to_vec()));
            said.marks
                .push((what, mark(number, purpose).to_le_bytes().to_vec()));
        }
        said.marks.push((
            "the words of a goodbye",
            format!("goodbye {number:08}").into_bytes(),
        ));
    });
    send.write_all(&frame(&greeting).ok()?).await.ok()?;
    let readings = {
        let (quic, said) = (quic.clone(), Arc::clone(&said));
        tokio::spawn(async move {
            while let Ok((send, recv)) = quic.accept_bi().await {
                tokio::spawn(reading(send, recv, number, Arc::clone(&said)));
            }
        })
    };
    let mut appends = 0;
    while let Some(bytes) = frames.next().await {
        keep(&|said| said.bytes.push(bytes.to_vec()));
        let asked: Asked = payload(&bytes).ok()?;
        let answer = match asked.request {
            Request::Open { .. } => Answer::Opened {
                handle: mark(number, 1),
                counter: Counter(0),
                newest: Position(0),
            },
            Request::Create { .. } => Answer::Created,
            Request::Append { .. } => {
                appends += 1;
                Answer::Stored {
                    position: Position(appends),
                }
            }
            _ => Answer::Done,
        };
        let tag = asked.tag;
        send.write_all(&frame(&Answered { tag, answer }).ok()?)
            .await
            .ok()?;
        if appends == 3 {
            let back_in_ms = mark(number, 2);
            let answer = Answer::Draining { back_in_ms };
            send.write_all(&frame(&Answered { tag: 0, answer }).ok()?)
                .await
                .ok()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            break;
        }
    }
    quic.close(4_u32.into(), format!("goodbye {number:08}").as_bytes());
    readings.abort();
    Some(())
}

async fn reading(
    mut send: quinn::SendStream,
    recv: RecvStream,
    number: usize,
    said: Arc<Mutex<Vec<Said>>>,
) -> Option<()> {
    let bytes = Frames::new(recv, LARGEST).next().await?;
    if let Some(said) = said
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_mut(number)
    {
        said.bytes.push(bytes.to_vec());
    }
    let caught_up = frame(&Served::CaughtUp { newest: Position(0) }).ok()?;
    send.write_all(&caught_up).await.ok()?;
    send.stopped().await.ok()?;
    Some(())
}
