//! Case N-02: cut off for seconds to days, and flapping.

use std::time::Duration;

use caucus_tests::net::{Account, Draw, Ledger, Somebody, World};
use tokio::time::{Instant, sleep};

use super::virtually;

const DAY: u64 = 24 * 3600;

/// Waits until everybody's agent has read and sent everything.
async fn settled(people: &[std::sync::Arc<Somebody>], limit: Duration) -> Duration {
    let begun = Instant::now();
    for person in people {
        let look = || async { person.is_settled().await.then_some(()) };
        person.wait("everything is sent and read", limit, look).await;
    }
    begun.elapsed()
}

/// One is cut off for so long while all talk; what they said meanwhile is there when they are back.
async fn cut_off(seed: u64, seconds: u64) -> (Account, Duration) {
    let world = World::new(seed).await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let ledger = Ledger::default();
    world.fabric.set_online(people[1].device, false);
    let mut draw = Draw::of(seed);
    for round in 0..6 {
        sleep(Duration::from_secs(seconds / 6)).await;
        for person in &people {
            let text = format!("{} {round}", person.name);
            let answer = person.utter(&text).await;
            ledger.note(&person.name, &text, &answer);
            sleep(Duration::from_millis(draw.below(500))).await;
        }
    }
    world.fabric.set_online(people[1].device, true);
    let back = settled(&people, Duration::from_secs(180)).await;
    people[2].hears("ben 5", Duration::from_secs(60)).await;
    people[1].hears("cem 5", Duration::from_secs(60)).await;
    let account = Account::take(&ledger, &people).await;
    for person in &people {
        person.lock().await;
    }
    (account, back)
}

#[test]
fn who_was_cut_off_for_seconds_to_a_day_gets_everything_and_says_what_they_had_to_say() {
    for (seed, seconds) in [(1, 10), (2, 60), (3, 3_600), (4, DAY)] {
        let (account, back) = virtually(cut_off(seed, seconds));
        println!(
            "cut off for {seconds} s: {account}; all sent and read {:.1} s later",
            back.as_secs_f64()
        );
        assert!(account.is_clean(), "{account}\n{:?}", account.faults);
        assert_eq!(account.delivered, 36, "18 messages to two others");
    }
}

#[test]
fn who_was_cut_off_for_days_gets_everything() {
    let days = if super::long() { 7 } else { 2 };
    let (account, back) = virtually(cut_off(5, days * DAY));
    println!(
        "cut off for {days} days: {account}; all sent and read {:.1} s later",
        back.as_secs_f64()
    );
    assert!(account.is_clean(), "{account}\n{:?}", account.faults);
    assert_eq!(account.delivered, 36);
}

#[test]
fn where_a_connection_comes_and_goes_every_few_seconds_all_gets_through_in_the_end() {
    virtually(async {
        let world = World::new(6).await;
        let people = world.cell(&["ana", "ben", "cem"]).await;
        let ledger = Ledger::default();
        let mut draw = Draw::of(6);
        for round in 0..60 {
            let device = people[draw.below(3) as usize].device;
            world.fabric.set_online(device, false);
            sleep(Duration::from_secs(draw.between(1, 15))).await;
            world.fabric.set_online(device, true);
            let person = &people[round % 3];
            let text = format!("{} {round}", person.name);
            let answer = person.utter(&text).await;
            ledger.note(&person.name, &text, &answer);
        }
        settled(&people, Duration::from_secs(180)).await;
        people[0].hears("cem 59", Duration::from_secs(60)).await;
        people[1].hears("cem 59", Duration::from_secs(60)).await;
        let account = Account::take(&ledger, &people).await;
        println!("{account}");
        assert!(account.is_clean(), "{account}\n{:?}", account.faults);
        assert_eq!(account.delivered, 120);
    });
}
