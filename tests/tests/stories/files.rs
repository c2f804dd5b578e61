//! Files beside messages: sent, fetched, broken off and gone on with, and what must not come of them.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use caucus_client::app::{Answer, AttachmentView, Code, Intent, Problem, Telling};
use caucus_tests::harness::{Person, World};

const MIB: usize = 1024 * 1024;

/// Bytes that no two chunks have alike.
fn content(length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8)
        .collect()
}

fn write(folder: &Path, name: &str, length: usize) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content(length)).expect("a file");
    path
}

fn send_intent(path: &Path, text: &str) -> Intent {
    Intent::SendFile {
        room: "North".to_owned(),
        file: path.display().to_string(),
        text: text.to_owned(),
    }
}

fn get_intent(number: u64, to: &Path) -> Intent {
    Intent::GetFile {
        room: "North".to_owned(),
        number,
        to: to.display().to_string(),
        force: false,
    }
}

async fn send(person: &Person, path: &Path, text: &str) -> u64 {
    match person.ask(send_intent(path, text)).await {
        Answer::FileSent { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

async fn files(person: &Person) -> Vec<AttachmentView> {
    let room = "North".to_owned();
    match person.ask(Intent::Files { room }).await {
        Answer::Files { files, .. } => files,
        other => panic!("{other:?}"),
    }
}

/// Waits until this file is known here and the history that one was given is attested by those who are asked for.
async fn sees(person: &Person, number: u64) -> AttachmentView {
    person
        .until("the file is there", || async {
            let found = files(person)
                .await
                .into_iter()
                .find(|file| file.number == number)?;
            let room = person.room().await;
            room.attested.is_none_or(|others| others > 0).then_some(found)
        })
        .await
}

async fn get(person: &Person, number: u64, to: &Path) -> PathBuf {
    match person.ask(get_intent(number, to)).await {
        Answer::FileSaved { path, .. } => path.into(),
        other => panic!("{other:?}"),
    }
}

/// Begins, and gives up as soon as so many bytes are done; gives those that were done first.
async fn break_off(person: &Person, intent: Intent, bytes: u64) -> u64 {
    let telling = Telling::new(None);
    let mut told = telling.subscribe();
    let work = person.app.handle_telling(intent, &telling);
    let enough = async {
        let first = done(&mut told, 0).await;
        done(&mut told, bytes).await;
        first
    };
    tokio::select! {
        ended = work => panic!("it ended before it was broken off: {ended:?}"),
        first = enough => first,
    }
}

/// The bytes that are done, once they are at least so many.
async fn done(
    told: &mut tokio::sync::watch::Receiver<Option<caucus_client::vault::Progress>>,
    least: u64,
) -> u64 {
    let reached = told
        .wait_for(|told| told.is_some_and(|told| told.done >= least))
        .await;
    reached.expect("it tells").expect("something").done
}

/// Goes on with what broke off, and gives the bytes that need not be done again.
async fn go_on(person: &Person, intent: Intent) -> (u64, Result<Answer, Problem>) {
    let telling = Telling::new(None);
    let mut told = telling.subscribe();
    let first = tokio::spawn(async move { done(&mut told, 0).await });
    let ended = person.app.handle_telling(intent, &telling).await;
    drop(telling);
    (first.await.unwrap_or_default(), ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_sent_seen_and_fetched_byte_for_byte_and_nothing_is_replaced_by_itself() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    let folder = world.folder.path();
    let path = write(folder, "minutes.pdf", 3 * MIB + 17);
    let number = send(ana, &path, "of Sunday").await;
    let file = sees(ben, number).await;
    assert_eq!(
        (file.name.as_str(), file.size),
        ("minutes.pdf", 3 * 1024 * 1024 + 17)
    );
    assert_eq!(
        (file.media.as_str(), file.by.as_deref()),
        ("application/pdf", Some("ana"))
    );
    let said = ben.said().await;
    let words = format!("[file {number}: minutes.pdf, 3.0 MiB] of Sunday");
    assert!(said.contains(&("ana".to_owned(), words)), "{said:?}");

    let inbox = folder.join("inbox");
    fs::create_dir(&inbox).expect("a folder");
    let saved = get(ben, number, &inbox).await;
    assert_eq!(saved, inbox.join("minutes.pdf"));
    assert_eq!(fs::read(&saved).expect("the file"), content(3 * MIB + 17));
    let mode = saved.metadata().expect("its mode").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(&inbox).expect("the folder").count(), 1);

    let taken = ben.refused(get_intent(number, &inbox)).await;
    assert_eq!(taken.code, Code::BadInput);
    assert!(taken.next.expect("a way").contains("--force"));
    fs::write(&saved, b"ben's own").expect("a file");
    let mut force = get_intent(number, &inbox);
    if let Intent::GetFile { force, .. } = &mut force {
        *force = true;
    }
    ben.ask(force).await;
    assert_eq!(fs::read(&saved).expect("the file"), content(3 * MIB + 17));
    // Whoever sent it has it as everybody does.
    let own = get(ana, number, &folder.join("own copy")).await;
    assert_eq!(fs::read(own).expect("the file"), content(3 * MIB + 17));
    let unknown = ben.refused(get_intent(number + 1_000, &inbox)).await;
    assert_eq!(unknown.code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_file_and_one_with_a_hostile_name_are_sent_under_harmless_names() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    ana.await_live().await;
    let folder = world.folder.path();
    let empty = send(&ana, &write(folder, ".hidden\u{202e}fdp.exe", 0), "").await;
    let file = sees(&ana, empty).await;
    assert_eq!((file.name.as_str(), file.size), ("hiddenfdp.exe", 0));
    let saved = get(&ana, empty, &folder.join("copy")).await;
    assert_eq!(fs::read(saved).expect("the file"), b"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_broke_off_goes_on_where_it_was_and_is_announced_once() {
    let mut world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    let size = 24 * MIB + 5;
    let path = write(world.folder.path(), "film.webm", size);
    // Its asker goes away.
    break_off(ana, send_intent(&path, ""), 2 * MIB as u64).await;
    // The relay goes away in the middle.
    let (telling, relay) = (Telling::new(None), &mut world.relay);
    let mut told = telling.subscribe();
    let work = ana.app.handle_telling(send_intent(&path, ""), &telling);
    let stop = async {
        done(&mut told, 8 * MIB as u64).await;
        relay.stop().await;
    };
    let (ended, ()) = tokio::join!(work, stop);
    assert_eq!(ended.expect_err("there is no relay").code, Code::Unreachable);
    assert_eq!(files(ana).await, [], "nothing half sent is announced");
    // So does the agent.
    ana.lock().await;
    world.relay.start_again().await;
    ana.unlock().await;
    ana.await_live().await;
    ben.await_live().await;
    let (kept, sent) = go_on(ana, send_intent(&path, "")).await;
    let Ok(Answer::FileSent { number, .. }) = sent else {
        panic!("{sent:?}")
    };
    assert!(kept >= 6 * MIB as u64, "{kept} bytes were not sent again");
    sees(ben, number).await;
    assert_eq!(files(ben).await.len(), 1);
    let saved = get(ben, number, &world.folder.path().join("copy")).await;
    assert!(fs::read(saved).expect("the file") == content(size));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changed_after_a_break_is_sent_anew_and_never_half_old_half_new() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    ana.await_live().await;
    let size = 12 * MIB;
    let path = write(world.folder.path(), "list.ods", size);
    let written = path
        .metadata()
        .and_then(|known| known.modified())
        .expect("a time");
    break_off(&ana, send_intent(&path, ""), 4 * MIB as u64).await;
    // It looks as it did, and is another.
    let file = fs::File::options().write(true).open(&path).expect("the file");
    file.write_all_at(b"another", 100).expect("written");
    file.set_modified(written).expect("a time");
    let now = fs::read(&path).expect("the file");
    let number = send(&ana, &path, "").await;
    sees(&ana, number).await;
    let saved = get(&ana, number, &world.folder.path().join("copy")).await;
    assert!(fs::read(saved).expect("the file") == now);
    // Written to while it is sent: nobody is told.
    let (telling, mut told);
    telling = Telling::new(None);
    told = telling.subscribe();
    let work = ana.app.handle_telling(send_intent(&path, ""), &telling);
    let touch = async {
        done(&mut told, MIB as u64).await;
        file.write_all_at(b"once more", 5 * MIB as u64).expect("written");
    };
    let (ended, ()) = tokio::join!(work, touch);
    let problem = ended.expect_err("it changed");
    assert!(problem.message.contains("changed"), "{problem:?}");
    assert_eq!(files(&ana).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_broke_off_goes_on_where_it_was_and_has_its_name_only_when_it_is_whole() {
    let mut world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    let size = 24 * MIB + 5;
    let folder = world.folder.path().to_owned();
    let number = send(ana, &write(&folder, "film.webm", size), "").await;
    sees(ben, number).await;
    let (target, part) = (folder.join("copy"), folder.join("copy.part"));
    let (telling, relay) = (Telling::new(None), &mut world.relay);
    let mut told = telling.subscribe();
    let work = ben.app.handle_telling(get_intent(number, &target), &telling);
    let stop = async {
        done(&mut told, 6 * MIB as u64).await;
        relay.kill().await;
    };
    let (ended, ()) = tokio::join!(work, stop);
    assert_eq!(ended.expect_err("there is no relay").code, Code::Unreachable);
    assert!(!target.exists() && part.exists());
    let mode = part.metadata().expect("its mode").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Somebody meddles with what is there: that chunk is fetched again.
    let file = fs::File::options().write(true).open(&part).expect("the part");
    file.write_all_at(b"meddled", 1_000).expect("written");
    ben.lock().await;
    world.relay.start_again().await;
    ben.unlock().await;
    ben.await_live().await;
    let (kept, saved) = go_on(ben, get_intent(number, &target)).await;
    assert!(matches!(saved, Ok(Answer::FileSaved { .. })), "{saved:?}");
    assert!(kept >= 4 * MIB as u64, "{kept} bytes were not fetched again");
    assert!(fs::read(&target).expect("the file") == content(size));
    assert!(!part.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_removed_before_learns_of_no_file_and_fetches_none() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    let folder = world.folder.path();
    let before = send(ana, &write(folder, "before.txt", 1_000), "").await;
    sees(cem, before).await;
    ana.ask(Intent::Remove {
        body: "North".to_owned(),
        name: "cem".to_owned(),
        reason: String::new(),
    })
    .await;
    cem.is_out_of("North").await;
    let after = send(ana, &write(folder, "after.txt", 1_000), "").await;
    sees(ben, after).await;
    get(ben, after, &folder.join("ben's")).await;
    let known: Vec<u64> = files(cem).await.iter().map(|file| file.number).collect();
    assert_eq!(known, [before]);
    let problem = cem.refused(get_intent(after, &folder.join("cem's"))).await;
    assert_eq!(problem.code, Code::NotFound);
    assert!(!folder.join("cem's").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_over_the_limit_a_folder_and_a_device_are_refused_before_anything_is_sent() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    ana.await_live().await;
    let position = ana.room().await.position;
    let large = world.folder.path().join("large");
    let file = fs::File::create(&large).expect("a file");
    file.set_len(100 * 1024 * 1024 + 1).expect("a length");
    let problem = ana.refused(send_intent(&large, "")).await;
    assert_eq!(problem.code, Code::BadInput);
    assert!(problem.message.contains("100.0 MiB"), "{problem:?}");
    assert!(problem.next.expect("a way").contains("nothing was sent"));
    for odd in [
        world.folder.path(),
        Path::new("/dev/zero"),
        Path::new("/nowhere/at all"),
    ] {
        let problem = ana.refused(send_intent(odd, "")).await;
        assert_eq!(problem.code, Code::BadInput, "{problem:?}");
    }
    assert_eq!(ana.room().await.position, position);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_let_in_by_one_person_fetches_nothing_before_that_person_was_heard() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem", "dora"]).await;
    let folder = world.folder.path();
    let number = send(&people[0], &write(folder, "a.txt", 1_000), "").await;
    let dora = &people[3];
    let file = dora
        .until("the file is there", || async {
            files(dora).await.into_iter().find(|file| file.number == number)
        })
        .await;
    assert_eq!(file.size, 1_000);
    // Two of three others are needed.
    let attested = dora.room().await.attested.expect("she came in later");
    if attested < 2 {
        let problem = dora.refused(get_intent(number, &folder.join("copy"))).await;
        assert_eq!(problem.code, Code::RoomState, "{problem:?}");
        assert!(!folder.join("copy").exists());
    }
    people[1].says("ben is here").await;
    people[2].says("cem is here").await;
    dora.until("two were heard", || async {
        (dora.room().await.attested >= Some(2)).then_some(())
    })
    .await;
    get(dora, number, &folder.join("copy")).await;
}
