//! The figures of one size.

use std::path::Path;
use std::time::{Duration, Instant};

use caucus_client::engine::{entry_key, fetch_blob, read_key};
use caucus_proto::codec;
use caucus_proto::envelope;
use caucus_proto::org::between::{Follower, Posted, Says, SignedEntry, Taken};
use caucus_proto::wire::{Flag, bucket};
use tokio::task::JoinSet;

use super::committee::{Committee, read};
use super::lines::{Came, Lines, follow, make_drop, open, put};
use super::puppet::Puppet;
use crate::figures::samples::Times;
use crate::figures::{Figure, Target, vitals};

/// Bodies that link at the same time, but for the last ones, which link one after the other and are timed.
const AT_ONCE: usize = 16;

/// Bodies whose linking is timed.
const TIMED: usize = 8;

/// How long something may take before the bench gives up.
const MOST: Duration = Duration::from_secs(600);

/// How long it is looked whether something more comes for a directive.
const QUIET: Duration = Duration::from_secs(3);

/// Measures it.
pub(super) async fn measure(bodies: usize, folder: &Path, say: &dyn Fn(&str)) -> Vec<Figure> {
    let committee = Committee::new(folder).await;
    let lines = Lines::new(committee.relay.address(), bodies).await;
    let mut figures = Vec::new();
    say(&format!("{bodies} bodies: they link ..."));
    let mut puppets = linked(&committee, &lines, bodies, &mut figures).await;
    say(&format!("{bodies} bodies: a directive to all ..."));
    let (reading, secret) = puppets[0].reading().expect("the keys came");
    let spare = lines.spare().await;
    let mut bulletin = Bulletin {
        came: follow(&spare, reading.channel, &read_key(&secret)).await,
        follower: Follower::new(puppets[0].peer().card.body, puppets[0].peer().card.root),
        read: Box::new(move |entry| {
            let key = entry_key(&secret);
            let opened = envelope::open_bytes(&key, &reading.channel, entry.counter, &entry.bytes);
            codec::decode(&opened.expect("it opens"), codec::LIMIT).expect("a post")
        }),
    };
    let (number, signed) = directive(&committee, &mut bulletin, &mut puppets, &mut figures).await;
    say(&format!("{bodies} bodies: all acknowledge at once ..."));
    let masthead = bulletin.follower.masthead.clone().expect("a masthead");
    for puppet in &mut puppets {
        puppet.acknowledges(&masthead, &signed);
    }
    acknowledged(&committee, &lines, &mut puppets, number, &mut figures).await;
    say(&format!(
        "{bodies} bodies: they are told that they were heard ..."
    ));
    told(&mut puppets, &mut figures).await;
    say(&format!("{bodies} bodies: one link ends ..."));
    ended(&committee, &mut puppets, &mut figures).await;
    let snapshot = committee.see(|state| state.snapshot().expect("it fits").len());
    figures.push(Figure::of(
        "snapshot of the state",
        snapshot as f64 / 1024.0,
        "KiB",
        "the committee's whole state, as the vault keeps it and whoever joins gets it",
    ));
    lines.close().await;
    committee.ana.lock().await;
    figures
}

/// Links everybody.
async fn linked(
    committee: &Committee,
    lines: &Lines,
    bodies: usize,
    figures: &mut Vec<Figure>,
) -> Vec<Puppet> {
    let now = committee.see(caucus_proto::org::State::now);
    let mut puppets: Vec<_> = (0..bodies).map(|number| Puppet::new(number, now)).collect();
    let timed = puppets.split_off(bodies.saturating_sub(TIMED).max(1));
    let mut done = Vec::new();
    let begun = Instant::now();
    let mut waiting = puppets.into_iter().enumerate();
    // The first one alone: the committee makes its keys with it.
    for at_once in [1, AT_ONCE] {
        loop {
            let next: Vec<_> = waiting.by_ref().take(at_once).collect();
            let linking = next
                .into_iter()
                .map(|(place, puppet)| link(committee, lines, place, puppet));
            let linked = all(linking).await;
            let over = linked.is_empty();
            done.extend(linked.into_iter().map(|(puppet, _)| puppet));
            if over || at_once == 1 {
                break;
            }
        }
    }
    let rate = done.len() as f64 / begun.elapsed().as_secs_f64();
    let mut times = Times::new();
    for puppet in timed {
        let place = done.len();
        let (puppet, took) = link(committee, lines, place, puppet).await;
        times.add(took);
        done.push(puppet);
    }
    let how = "from asking for the offer until both sides have the link and the body has the keys of the bulletin: two channels \
         and the offer made by the committee, a drop and a letter by the body, two entries of the committee's log; the last ones, one \
         after the other; the body is a puppet in the same process";
    figures.push(Figure::median("link a body", times.milliseconds(), "ms", how));
    let how = format!("{AT_ONCE} at a time, at a relay that lets one device append 50 entries a second");
    figures.push(Figure::of("bodies linked", rate, "per s", how));
    done
}

async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut waits = false;
        for (future, done) in &mut futures {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => waits = true,
                }
            }
        }
        if waits {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, done)| done).collect()
}

/// Links one body, and waits until it has the keys of the bulletin.
async fn link(committee: &Committee, lines: &Lines, place: usize, mut puppet: Puppet) -> (Puppet, Duration) {
    let begun = Instant::now();
    let line = lines.of(place);
    let offer = committee.offers().await;
    let signed = read(&fetch_blob(&line, &offer.blob).await.expect("the offer"));
    let ours = make_drop(&line, &lines.relay).await;
    puppet.came = Some(follow(&line, ours.drop, &ours.read.0.into()).await);
    puppet.accepts(signed, ours);
    let (drop, append) = (puppet.peer().card.drop, puppet.peer().card.append.clone());
    let handle = open(&line, drop, &append).await;
    put(&line, handle, puppet.letters()).await;
    let _ = line.close(handle).await;
    let (_, entry) = within(puppet.next()).await;
    assert!(matches!(puppet.hears(&entry.bytes), Says::Reading(..)));
    (puppet, begun.elapsed())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(MOST, future)
        .await
        .expect("it comes in ten minutes")
}

/// The bulletin, read once: every reader is served the same bytes, and what that costs `cargo bench-relay` measures.
struct Bulletin {
    came: Came,
    follower: Follower,
    read: Box<dyn Fn(&caucus_proto::wire::Entry) -> Posted + Send>,
}

async fn directive(
    committee: &Committee,
    bulletin: &mut Bulletin,
    puppets: &mut [Puppet],
    figures: &mut Vec<Figure>,
) -> (u32, SignedEntry) {
    // What stands there before.
    while bulletin.follower.masthead.is_none() {
        let (_, entry) = within(bulletin.came.recv()).await.expect("it is read");
        let _ = bulletin.follower.take(&(bulletin.read)(&entry));
    }
    tokio::time::sleep(QUIET).await;
    while let Ok((_, entry)) = bulletin.came.try_recv() {
        let _ = bulletin.follower.take(&(bulletin.read)(&entry));
    }
    // Whatever comes after linking has come.
    let quiet = |puppets: &mut [Puppet]| puppets.iter_mut().filter_map(Puppet::there).count();
    assert_eq!(quiet(puppets), 0, "letters nobody wrote");
    let (log, disk) = (
        committee.see(|state| state.position),
        committee.relay.entry_bytes(),
    );
    let begun = Instant::now();
    let number = committee.directs().await;
    let (at, entry) = within(bulletin.came.recv()).await.expect("it is read");
    let published = at - begun;
    let (mut sizes, mut fresh) = (vec![entry.bytes.len()], Vec::new());
    let Posted::Entry(signed) = (bulletin.read)(&entry) else {
        panic!("no directive")
    };
    let posted = Posted::Entry(signed.clone());
    assert!(matches!(bulletin.follower.take(&posted), Ok(Taken::Entry { .. })));
    tokio::time::sleep(QUIET).await;
    while let Ok((_, entry)) = bulletin.came.try_recv() {
        match (bulletin.read)(&entry) {
            Posted::Fresh(_) => fresh.push(entry.bytes.len()),
            _ => sizes.push(entry.bytes.len()),
        }
    }
    let letters = quiet(puppets);
    let logged = committee.see(|state| state.position.0) - log.0;
    let disk = committee.relay.entry_bytes() - disk;
    let bytes: usize = sizes.iter().sum();
    let how = format!(
        "{} entry of the bulletin's channel, in buckets of {sizes:?}; besides it {logged} entry of the committee's own log, and, \
         once a day and whatever is said, that there is nothing newer: {fresh:?}; into the drops of the bodies: {letters} letters; a \
         directive of 2,000 characters",
        sizes.len()
    );
    figures.push(
        Figure::of(
            "one directive to all, at the relay",
            bytes as f64 / 1024.0,
            "KiB",
            how,
        )
        .aim(Target::below(4.1)),
    );
    figures.push(Figure::of(
        "everything the relay wrote for it",
        disk as f64 / 1024.0,
        "KiB",
        "growth of its segment files: the bulletin's entry, the log's, and what is said once a day",
    ));
    figures.push(Figure::of(
        "letters for it",
        letters as f64,
        "letters",
        "into the drops of all bodies within three seconds",
    ));
    figures.push(Figure::of(
        "until it is published",
        published.as_secs_f64(),
        "s",
        "from asking until a reader has it; an editor's device looks twice a second",
    ));
    (number, signed)
}

/// Everybody says at once that the directive was received and read.
async fn acknowledged(
    committee: &Committee,
    lines: &Lines,
    puppets: &mut [Puppet],
    number: u32,
    figures: &mut Vec<Figure>,
) {
    let bodies = puppets.len();
    let mut ready = Vec::new();
    for (place, puppet) in puppets.iter_mut().enumerate() {
        let line = lines.of(place);
        let (drop, append) = (puppet.peer().card.drop, puppet.peer().card.append.clone());
        let handle = open(&line, drop, &append).await;
        ready.push((line, handle, puppet.letters()));
    }
    let sizes: Vec<usize> = ready
        .iter()
        .flat_map(|(_, _, letters)| letters.iter().map(Vec::len))
        .collect();
    assert_eq!(sizes.len(), bodies * 2, "received and acknowledged");
    let log = committee.see(|state| state.position.0);
    let pid = std::process::id();
    let (resident, _) = vitals::memory(pid);
    let (cpu, relay) = (vitals::cpu(pid), committee.relay.pid().expect("it runs"));
    let of_relay = vitals::cpu(relay);
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for (line, handle, letters) in ready {
        sending.spawn(async move {
            put(&line, handle, letters).await;
            let _ = line.close(handle).await;
        });
    }
    let count = || {
        committee.see(|state| {
            let of = state.between.board.range((number, 0)..=(number, u32::MAX));
            of.filter(|(_, progress)| progress.acknowledged.is_some()).count()
        })
    };
    let (mut stored, mut most) = (None, resident);
    loop {
        while sending.try_join_next().is_some() {}
        if sending.is_empty() && stored.is_none() {
            stored = Some(begun.elapsed());
        }
        most = most.max(vitals::memory(pid).0);
        if count() == bodies {
            break;
        }
        assert!(begun.elapsed() < MOST, "{} of {bodies}", count());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = Instant::now();
    let board = committee.board(number).await;
    let (took, asking) = (begun.elapsed(), asked.elapsed());
    let rows = board
        .rows
        .iter()
        .filter(|row| row.stage == "acknowledged")
        .count();
    assert_eq!(rows, bodies, "the board shows them");
    let cpu = (vitals::cpu(pid) - cpu).as_secs_f64();
    let of_relay = (vitals::cpu(relay) - of_relay).as_secs_f64();
    let entries = committee.see(|state| state.position.0) - log;
    let how = format!(
        "{} letters of {} bytes at once; the relay had all after {:.2} s; {entries} entries of the committee's log; CPU of this process, puppets' sending \
         included, {cpu:.2} s, of the relay {of_relay:.2} s; the board itself is asked for in {:.1} ms",
        sizes.len(),
        sizes.iter().max().copied().unwrap_or(0),
        stored.unwrap_or(took).as_secs_f64(),
        asking.as_secs_f64() * 1e3
    );
    figures.push(
        Figure::of(
            "until the board shows all as acknowledged",
            took.as_secs_f64(),
            "s",
            how,
        )
        .aim(Target::below(10.0)),
    );
    figures.push(Figure::of(
        "entries of the log for it",
        entries as f64,
        "entries",
        "letters of several bodies go into one entry",
    ));
    figures.push(
        Figure::of(
            "memory for it",
            most - resident,
            "MiB",
            "most resident memory of this process from when the sealed letters lay ready until the board showed all, above what it \
             was then: the device with its connections, readings and vault, and the puppets' sending",
        )
        .aim(Target::below(64.0)),
    );
}

/// The committee says how far it read, where it has nothing else to write.
async fn told(puppets: &mut [Puppet], figures: &mut Vec<Figure>) {
    let begun = Instant::now();
    let mut sizes = Vec::new();
    for puppet in puppets.iter_mut() {
        let (_, entry) = within(puppet.next()).await;
        sizes.push(entry.bytes.len());
        assert_eq!(puppet.hears(&entry.bytes), Says::Nothing);
    }
    let how = format!(
        "one letter to each body, {:.0} s later",
        begun.elapsed().as_secs_f64()
    );
    let bytes: usize = sizes.iter().sum();
    figures.push(Figure::of(
        "what says that the answers were read",
        bytes as f64 / sizes.len() as f64,
        "bytes each",
        how,
    ));
}

/// One link ends; all others get other keys.
async fn ended(committee: &Committee, puppets: &mut [Puppet], figures: &mut Vec<Figure>) {
    let Some((out, rest)) = puppets.split_last_mut() else {
        return;
    };
    tokio::time::sleep(QUIET).await;
    let relay = committee.relay.pid().expect("it runs");
    let (cpu, of_relay) = (vitals::cpu(std::process::id()), vitals::cpu(relay));
    let log = committee.see(|state| state.position.0);
    let begun = Instant::now();
    committee.ends(&out.name).await;
    let landed = begun.elapsed();
    let (mut last, mut first, mut sizes) = (Duration::ZERO, Duration::MAX, Vec::new());
    let mut came = Vec::new();
    for puppet in rest.iter_mut() {
        let (at, entry) = within(puppet.next()).await;
        last = last.max(at - begun);
        first = first.min(at - begun);
        sizes.push(entry.bytes.len());
        came.push(entry);
    }
    let cpu = (vitals::cpu(std::process::id()) - cpu).as_secs_f64();
    let of_relay = (vitals::cpu(relay) - of_relay).as_secs_f64();
    let entries = committee.see(|state| state.position.0) - log;
    for (puppet, entry) in rest.iter_mut().zip(&came) {
        assert!(bucket::is_bucket(entry.bytes.len()) && entry.flag == Flag::Plain);
        assert!(matches!(puppet.hears(&entry.bytes), Says::Reading(..)));
        let (reading, _) = puppet.reading().expect("the keys");
        assert_eq!(reading.generation, 2, "the next keys");
    }
    let (_, entry) = within(out.next()).await;
    assert!(matches!(out.hears(&entry.bytes), Says::Ended { .. }));
    let how = format!(
        "from asking to end one until each of the other {} drops holds the letter with the next keys; the end stood in the log after {:.2} s, the \
         first letter lay there after {:.2} s; {entries} entries of the log; CPU of this process {cpu:.2} s, of the relay {of_relay:.2} s",
        rest.len(),
        landed.as_secs_f64(),
        first.as_secs_f64()
    );
    figures.push(
        Figure::of("until all others have other keys", last.as_secs_f64(), "s", how).aim(Target::below(2.0)),
    );
    let most = sizes.iter().max().copied().unwrap_or(0);
    figures.push(
        Figure::of(
            "letter with other keys",
            most as f64 / 1024.0,
            "KiB",
            "the largest of them, as it lies at the relay: sealed under what the letter before came with",
        )
        .aim(Target::below(2.1)),
    );
}
