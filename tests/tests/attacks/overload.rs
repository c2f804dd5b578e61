//! Case R-32: everything at once, with all limits reached, in as much memory as the default limits are for.

use std::time::Duration;

use bytes::Bytes;
use caucus_client::relay::{LinkError, Patience, Pool};
use caucus_proto::id::{Counter, PersonaId, Position};
use caucus_proto::wire::{Answer, Read, RefusedBecause, Request, Role, frame};
use caucus_tests::attack::{Siege, Stranger, long, windows};

use super::{all, channel, place, run};

/// Address space above which an allocation fails and the relay would abort, in KiB: what all default limits together
/// may come to, and what a process maps and never touches.
const ADDRESS_SPACE: &str = "2097152";

#[test]
fn a_relay_with_all_its_limits_reached_sheds_in_words_keeps_what_it_acknowledged_and_lives() {
    let (connections, hungry) = if long() { (4_096, 4_000) } else { (160, 150) };
    // The same shape, scaled down where the run is short.
    let limits = if long() {
        String::new()
    } else {
        format!(
            "connections = {connections}\nretry_above = 80\nreadings = 600\nrequest_bytes = 2097152\n\
             stalled_bytes = 1048576\nwide_connections = 8\nhandshakes = 64"
        )
    };
    let bounds = format!("ulimit -v {ADDRESS_SPACE}; exec \"$@\"");
    let siege = Siege::through(&limits, &["sh", "-c", &bounds, "sh"]);
    let ((busy, refused, dropped), toll) = siege.endure(|| {
        run(async {
            let channel = channel(&siege.address(), 9).await;
            let address = siege.address();
            let one = async |number: usize| {
                let transport = windows(8_192, 2_048);
                let Ok(mut stranger) = Stranger::come(&address, place(number), transport).await else {
                    return (0, None);
                };
                let opening = channel.opening(Role::Append, stranger.binding());
                let Ok(append) = stranger.open(opening).await else {
                    return (0, None);
                };
                let Ok(read) = stranger
                    .open(channel.opening(Role::Read, stranger.binding()))
                    .await
                else {
                    return (0, None);
                };
                let mut streams = Vec::new();
                for _ in 0..8 {
                    let Ok((mut send, recv)) = stranger.connection.open_bi().await else {
                        return (0, None);
                    };
                    let asked = Read {
                        handle: read,
                        after: Position(0),
                        follow: true,
                    };
                    let asked = frame::frame(&asked).expect("a frame");
                    if send.write_all(&asked).await.is_ok() {
                        streams.push((send, recv));
                    }
                }
                let mut busy = 0;
                for _ in 0..4 {
                    let request = Request::Append {
                        handle: append,
                        counter: Counter(0),
                        bytes: Bytes::from(vec![5; 256 * 1024]),
                    };
                    match stranger.ask(request).await {
                        Ok(Answer::Refused(RefusedBecause::TooFast { .. })) => busy += 1,
                        Ok(_) => {}
                        Err(_) => break,
                    }
                }
                (busy, Some((stranger, streams)))
            };
            let mut busy = 0;
            let mut held = Vec::new();
            for batch in 0..hungry / 50 {
                for (told, kept) in all((0..50).map(|number| one(batch * 50 + number))).await {
                    busy += told;
                    held.extend(kept);
                }
            }
            // Whoever comes now finds the relay full, and is told so by the refusal of a connection.
            let mut others = Vec::new();
            let mut refused = 0;
            for number in 0..100 {
                let pool = Pool::new(Patience {
                    connect: Duration::from_secs(3),
                    ..Patience::default()
                });
                match pool.connection(&address, &PersonaId([number; 32])).await {
                    Ok(connection) => others.push((pool, connection)),
                    Err(LinkError::Unreachable { .. }) => refused += 1,
                    Err(other) => panic!("{other:?}"),
                }
            }
            (busy, refused, held.len())
        })
    });
    println!(
        "R-32: {dropped} of {hungry} hungry ones held, {busy} requests shed in words, {refused} of 100 turned away; {toll}"
    );
    assert!(refused > 0, "the relay was never full");
    toll.is_bearable(if long() { 896.0 } else { 200.0 });
}
