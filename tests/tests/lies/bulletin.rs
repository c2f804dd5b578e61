//! The relay withholds a directive from one body.

use std::time::Duration;

use caucus_client::app::KindWord;
use caucus_client::engine::Room;
use caucus_proto::id::ChannelId;
use caucus_proto::org::Kind;
use caucus_tests::net::{Liar, Somebody, World, admitted};
use tokio::time::sleep;

use super::virtually;
use crate::stories::assembly::quick;
use crate::stories::between::{
    announcement, board, directive, directives, issue, issue_to, link, links, receives, shows, titles,
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

/// Waits until somebody's feed has an item.
async fn hears(person: &Somebody, title: &str) {
    let look = || async { titles(person).await.contains(&title.to_owned()).then_some(()) };
    person.wait(title, SOON, look).await;
}

#[test]
fn what_the_relay_withholds_from_one_person_of_a_body_the_others_heads_reveal() {
    virtually(async {
        let world = World::without_relay(108);
        let liar = Liar::start(&world.fabric);
        let mut people = Vec::new();
        for name in ["ana", "ben", "dia", "eva"] {
            let person = world.stranger(name).await;
            person.add_relay(&liar.address().to_string()).await;
            people.push(person);
        }
        let [ana, ben, dia, eva] = &people[..] else {
            panic!()
        };
        let founded = [
            (ana, KindWord::Committee, "Council", Kind::Committee),
            (ben, KindWord::Cell, "North", Kind::Cell),
        ];
        for (person, word, label, kind) in founded {
            person.found_by(word, label, Some(quick(kind, |_| {}))).await;
        }
        link((ana, "Council"), (ben, "North")).await;
        let invite = ben.invite("North", 2).await;
        for person in [dia, eva] {
            person.join(&invite).await;
            admitted(ben, person, SOON).await;
        }
        issue(ana, "Council", announcement("Before")).await;
        for person in [ben, dia, eva] {
            hears(person, "Before").await;
        }
        let channel = bulletin(ana).await;
        let end = liar.newest_of(channel);
        liar.lie_of(channel, ben.device, move |log| {
            let shown = log.iter().map(|kept| kept.entry.clone());
            shown.filter(|entry| entry.position <= end).collect()
        });
        issue(ana, "Council", announcement("Withheld")).await;
        for person in [dia, eva] {
            hears(person, "Withheld").await;
        }
        // An announcement stands in nobody's log but its own body's, and no letter goes. A heartbeat does.
        let look = || async {
            let links = links(ben, "North").await;
            let mut warnings = links.into_iter().flat_map(|link| link.warnings);
            warnings.find(|words| words.contains("was shown its bulletin up to entry 2"))
        };
        let words = ben.wait("their heads are heard", SOON * 30, look).await;
        assert!(words.starts_with("dia") || words.starts_with("eva"), "{words}");
        assert!(words.contains("and this device up to 1"), "{words}");
        assert!(!titles(ben).await.contains(&"Withheld".to_owned()));
        for person in [dia, eva] {
            let links = links(person, "North").await;
            let warnings: Vec<_> = links.into_iter().flat_map(|link| link.warnings).collect();
            assert_eq!(warnings, Vec::<String>::new(), "they were shown everything");
        }
        liar.tell_the_truth(ben.device);
        hears(ben, "Withheld").await;
        assert!(look().await.is_none(), "it is as they said");
        for person in &people {
            person.lock().await;
        }
    });
}
