//! The relay withholds a directive from one body.

use std::time::Duration;

use caucus_client::app::KindWord;
use caucus_client::engine::Room;
use caucus_proto::id::ChannelId;
use caucus_proto::org::Kind;
use caucus_tests::net::{Liar, Somebody, World};
use tokio::time::sleep;

use super::virtually;
use crate::stories::assembly::quick;
use crate::stories::between::{
    announcement, board, directive, directives, issue, issue_to, link, links, receives, shows,
};

/// How long a calm network may need, in virtual time.
const SOON: Duration = Duration::from_secs(300);

/// The channel in which a body publishes.
async fn bulletin(person: &Somebody) -> ChannelId {
    person.lock().await;
    let channel = {
        let vault = person.vault();
        let room = Room::all(&vault).expect("rooms").pop().expect("a room");
        let house = room.state().between.house().expect("keys");
        house.bulletin.as_ref().expect("a bulletin").reading.channel
    };
    person.unlock().await;
    channel
}

async fn warned(person: &Somebody, body: &str) -> Option<String> {
    let links = links(person, body).await;
    let mut warnings = links.into_iter().flat_map(|link| link.warnings);
    warnings.find(|words| words.contains("is not shown"))
}

async fn stage(person: &Somebody, number: u32, of: &str) -> String {
    let rows = board(person, "Council", number).await.rows;
    rows.into_iter().find(|row| row.body == of).expect("a row").stage
}

#[test]
fn a_directive_that_the_relay_withholds_from_a_body_is_not_received_and_the_next_letter_reveals_it() {
    virtually(async {
        let world = World::without_relay(107);
        let liar = Liar::start(&world.fabric);
        let mut people = Vec::new();
        for (name, label, kind, of) in [
            ("ana", "Council", KindWord::Committee, Kind::Committee),
            ("ben", "North", KindWord::Cell, Kind::Cell),
            ("cem", "South", KindWord::Cell, Kind::Cell),
        ] {
            let person = world.stranger(name).await;
            person.add_relay(&liar.address().to_string()).await;
            person.found_by(kind, label, Some(quick(of, |_| {}))).await;
            people.push(person);
        }
        let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
        link((ana, "Council"), (ben, "North")).await;
        link((ana, "Council"), (cem, "South")).await;
        let before = issue(ana, "Council", directive("Before", Vec::new())).await;
        for (person, label) in [(ben, "North"), (cem, "South")] {
            receives(person, "Before").await;
            shows(ana, "Council", before, label, "received").await;
        }
        let channel = bulletin(ana).await;
        let end = liar.newest_of(channel);
        liar.lie_of(channel, ben.device, move |log| {
            let shown = log.iter().map(|kept| kept.entry.clone());
            shown.filter(|entry| entry.position <= end).collect()
        });
        let withheld = issue(ana, "Council", directive("Withheld", Vec::new())).await;
        receives(cem, "Withheld").await;
        shows(ana, "Council", withheld, "South", "received").await;
        sleep(Duration::from_secs(3 * 60 * 60)).await;
        // Who issued it sees that it did not arrive; who is lied to cannot know before any letter comes.
        assert_eq!(stage(ana, withheld, "North").await, "not_received");
        assert!(
            directives(ben)
                .await
                .iter()
                .all(|seen| seen.item.title != "Withheld")
        );
        // A letter goes another way, and says how much there is.
        issue_to(ana, "Council", announcement("Did you hear?"), &["North"]).await;
        let look = || async { warned(ben, "North").await };
        let words = ben.wait("it is revealed", SOON * 3, look).await;
        assert!(
            words.contains("ask it to send that to your body by name"),
            "{words}"
        );
        // What goes by letter arrives all the same.
        let again = issue_to(ana, "Council", directive("Again", Vec::new()), &["North"]).await;
        receives(ben, "Again").await;
        shows(ana, "Council", again, "North", "received").await;
        // The right log again.
        liar.tell_the_truth(ben.device);
        receives(ben, "Withheld").await;
        shows(ana, "Council", withheld, "North", "received").await;
        assert_eq!(warned(ben, "North").await, None);
        for person in &people {
            person.lock().await;
        }
    });
}
