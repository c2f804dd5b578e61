//! A bot speaks JSON lines to an agent.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use caucus_tests::process::{Person, RelayProcess};
use serde_json::{Value, json};

struct Bot {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Bot {
    fn of(person: &Person) -> Self {
        let stream = UnixStream::connect(person.home().join("agent.sock")).expect("the agent's socket");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a timeout");
        Self {
            reader: BufReader::new(stream.try_clone().expect("a second end")),
            writer: stream,
        }
    }

    fn send(&mut self, line: &str) {
        self.writer
            .write_all(format!("{line}\n").as_bytes())
            .expect("to write");
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }
}

#[test]
fn a_bot_hears_what_is_said_and_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    ana.ask(&["say", "North", "before"]);

    let mode = std::fs::metadata(ana.home().join("agent.sock"))
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut bot = Bot::of(&ana);
    bot.send(&json!({"id": 7, "do": "read", "room": "North", "since": 0, "follow": true}).to_string());
    let first = bot.line();
    assert_eq!(first["id"], 7);
    assert_eq!(first["ok"]["is"], "messages");
    ana.ask(&["say", "North", "during"]);
    let heard = loop {
        let event = bot.line();
        assert_eq!(event["id"], 7);
        if event["event"]["kind"] == "said" {
            break event["event"]["text"].clone();
        }
    };
    assert_eq!(heard, "during");
    bot.send(&json!({"id": 8, "do": "say", "room": "North", "text": "the bot heard it"}).to_string());
    let answer = loop {
        let line = bot.line();
        if line["id"] == 8 {
            break line;
        }
    };
    assert_eq!(answer["ok"]["is"], "stored", "{answer}");
    assert!(
        ana.said("North")
            .contains(&("ana".to_owned(), "the bot heard it".to_owned()))
    );
}

#[test]
fn what_is_no_intent_gets_an_error_and_the_line_stays_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    let mut bot = Bot::of(&ana);
    for line in [
        "",
        "{",
        "[]",
        "{\"id\":1}",
        "{\"id\":2,\"do\":\"fly\"}",
        "{\"id\":3,\"do\":\"rooms\",\"x\":1}",
    ] {
        if line.is_empty() {
            continue;
        }
        bot.send(line);
        let answer = bot.line();
        assert_eq!(answer["error"]["code"], "bad_input", "{line}: {answer}");
        assert!(answer["error"]["next"].is_string(), "{answer}");
    }
    bot.send("{\"id\":9,\"do\":\"hello\"}");
    let hello = bot.line();
    assert_eq!((&hello["id"], &hello["ok"]["is"]), (&json!(9), &json!("agent")));
}

#[test]
fn a_follower_misses_nothing_and_hears_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    std::thread::scope(|scope| {
        let followers: Vec<_> = (0..4u64)
            .map(|number| {
                let ana = &ana;
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(60 * number));
                    let mut bot = Bot::of(ana);
                    let ask = json!({"id": 1, "do": "read", "room": "North", "since": 0, "limit": 3, "follow": true});
                    bot.send(&ask.to_string());
                    let mut heard = Vec::new();
                    while heard.last().is_none_or(|text| text != "39") {
                        let line = bot.line();
                        let first = line["ok"]["messages"].as_array().cloned().unwrap_or_default();
                        for message in first.iter().chain(std::iter::once(&line["event"])) {
                            if message["kind"] == "said" {
                                heard.push(message["text"].as_str().expect("a text").to_owned());
                            }
                        }
                    }
                    heard
                })
            })
            .collect();
        for number in 0..40 {
            ana.ask(&["say", "North", &number.to_string()]);
        }
        let all: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        for follower in followers {
            assert_eq!(follower.join().expect("a follower"), all);
        }
    });
}
