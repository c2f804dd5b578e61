//! Case N-09: datagrams that were recorded and are sent again have no effect.

use std::time::Duration;

use caucus_client::relay::{Appended, Patience, Pool};
use caucus_proto::id::PersonaId;
use caucus_server::store::Store;
use caucus_tests::net::{Channel, Clock, Datagram, Draw, Fabric, RelayHost, append, sockets};
use tokio::time::sleep;

use super::virtually;

const APPENDS: u8 = 40;
const REPLAYED: usize = 10_000;

/// Sends datagrams again: in order, backwards and shuffled, from where they came and from elsewhere.
async fn replay(fabric: &Fabric, recorded: &[Datagram], count: usize) {
    let mut draw = Draw::of(9);
    for turn in 0..count {
        let place = match turn / recorded.len() % 3 {
            0 => turn % recorded.len(),
            1 => recorded.len() - 1 - turn % recorded.len(),
            _ => draw.below(recorded.len() as u64) as usize,
        };
        let mut datagram = recorded[place].clone();
        if draw.percent(30) {
            datagram.from.set_port(draw.between(1_024, 19_999) as u16);
        }
        fabric.inject(datagram);
        if turn % 8 == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    sleep(Duration::from_secs(5)).await;
}

#[test]
fn ten_thousand_recorded_datagrams_sent_again_append_nothing() {
    virtually(async {
        let fabric = Fabric::new(1);
        let clock = Clock::begin();
        let mut relay = RelayHost::start(&fabric, clock).await;
        let pool = Pool::over(Patience::default(), sockets(&fabric, fabric.device()));
        let ana = PersonaId([1; 32]);
        fabric.tap();
        let connection = pool
            .connection(relay.address(), &ana)
            .await
            .expect("a connection");
        let channel = Channel::create(&connection).await.expect("a channel");
        let handle = channel.appender(&connection).await.expect("a handle");
        for number in 0..APPENDS {
            let appended = append(&connection, handle, number).await.expect("an answer");
            assert!(matches!(appended, Appended::Stored(_)), "{appended:?}");
            sleep(Duration::from_millis(50)).await;
        }
        let recorded = fabric.tapped();
        let expected: Vec<_> = (0..APPENDS)
            .map(|number| (u64::from(number) + 1, number))
            .collect();
        let third = REPLAYED / 3 + 1;
        // While the connection stands, after it ended, and against a relay that was started anew.
        replay(&fabric, &recorded, third).await;
        assert_eq!(channel.entries(&connection).await, Ok(expected.clone()));
        pool.close_all().await;
        replay(&fabric, &recorded, third).await;
        relay.kill().await;
        relay.start_again().await;
        replay(&fabric, &recorded, third).await;
        let connection = pool
            .connection(relay.address(), &ana)
            .await
            .expect("a connection");
        assert_eq!(channel.entries(&connection).await, Ok(expected));
        let (_, usage) = relay
            .store()
            .guard(channel.id())
            .await
            .expect("a store")
            .expect("a channel");
        println!(
            "{} datagrams recorded, {} sent again: {} extra appends",
            recorded.len(),
            3 * third,
            usage.entries - u64::from(APPENDS)
        );
        assert_eq!(usage.entries, u64::from(APPENDS));
    });
}
