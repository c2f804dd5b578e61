//! Attacks on a real relay process, each with its figure (`docs/attacks.md`). Small in the ordinary run; at the
//! numbers of the security cases with `CAUCUS_LONG=1`.

mod corpus;
mod flood;
mod frames;
mod gaps;
mod holders;
mod overload;
mod readers;
mod replies;
mod slow;
mod storm;
mod surface;

use std::future::{Future, poll_fn};
use std::net::Ipv4Addr;
use std::task::Poll;

use caucus_client::relay::Pool;
use caucus_proto::id::PersonaId;
use caucus_proto::wire::RelayAddress;
use caucus_tests::net::Channel;

/// Runs an attack that needs a runtime, with one thread of its own.
fn run<T>(attack: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(attack)
}

/// An address of the loopback for each of many attackers.
fn place(number: usize) -> Ipv4Addr {
    let [.., high, low] = (number as u32).to_be_bytes();
    Ipv4Addr::new(127, 66, high, low.max(1))
}

/// A channel that an attacker rightly made.
async fn channel(address: &RelayAddress, number: u8) -> Channel {
    let pool = Pool::default();
    let connection = pool.connection(address, &PersonaId([number; 32])).await;
    let connection = connection.expect("a connection");
    let channel = Channel::create(&connection).await.expect("a channel");
    pool.close_all().await;
    channel
}

/// All of them at once.
async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut waits = false;
        for (future, place) in running.iter_mut().zip(&mut done) {
            if place.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(value) => *place = Some(value),
                    Poll::Pending => waits = true,
                }
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}
