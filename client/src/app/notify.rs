//! Telling the desktop that there is something new: once a minute at most, without a word, a name or a room. It is off until
//! a person turns it on, because it shows whoever sees the screen that Caucus is used there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::answer::Answer;
use super::problem::{Code, Problem};
use crate::engine::{Engine, EngineError};
use crate::vault::{Place, Table, Vault};

/// How long it is quiet after it rang.
pub(super) const QUIET: Duration = Duration::from_secs(60);

/// What rings: a desktop's notifications, or what a test listens to. It is told nothing of what is new.
pub trait Bell: Send + Sync {
    /// Rings once. It may block; what fails is lost.
    fn ring(&self);
}

/// Shows whether it rings, after it was changed where that is asked for.
pub(super) fn notify(engine: &Engine, on: Option<bool>, possible: bool) -> Result<Answer, Problem> {
    if let Some(on) = on {
        if on && !possible {
            return Err(Problem::new(
                Code::BadInput,
                "this program was built without notifications",
                "build it with the feature `notify`, or use `caucus read --follow`",
            ));
        }
        let _turn = engine.vault().turn();
        let overlay = engine.vault().overlay();
        overlay.put_value(place(), &on)?;
        overlay.commit()?;
    }
    Ok(Answer::Notifications {
        on: is_on(engine.vault())?,
        possible,
    })
}

fn is_on(vault: &Vault) -> Result<bool, EngineError> {
    Ok(vault.overlay().get_value(&place())?.unwrap_or(false))
}

fn place() -> Place {
    Place::new(Table::Settings, b"notify", 0)
}

/// Rings when there is news, until the vault is locked.
pub(super) async fn run(vault: Vault, news: watch::Receiver<u64>, bell: Arc<dyn Bell>) {
    ring_at(news, || is_on(&vault).unwrap_or(false), bell, QUIET).await;
}

async fn ring_at(
    mut news: watch::Receiver<u64>,
    is_on: impl Fn() -> bool,
    bell: Arc<dyn Bell>,
    quiet: Duration,
) {
    while news.changed().await.is_ok() {
        if !is_on() {
            continue;
        }
        let bell = Arc::clone(&bell);
        // Its failure is its own.
        let _ = tokio::task::spawn_blocking(move || bell.ring()).await;
        tokio::time::sleep(quiet).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicU32);

    impl Bell for Counted {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn until(what: impl Fn() -> bool) {
        for _ in 0..500 {
            if what() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never comes");
    }

    #[tokio::test]
    async fn it_rings_once_for_much_and_again_for_what_came_while_it_was_quiet_and_never_where_it_is_off() {
        let (sender, news) = watch::channel(0_u64);
        let (bell, on) = (Arc::new(Counted::default()), Arc::new(AtomicBool::new(true)));
        let rung = || bell.0.load(Ordering::SeqCst);
        let (is_on, rings) = (Arc::clone(&on), Arc::clone(&bell));
        let quiet = Duration::from_millis(400);
        let task = tokio::spawn(ring_at(news, move || is_on.load(Ordering::SeqCst), rings, quiet));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(rung(), 0, "nothing is new");
        let more = || sender.send_modify(|count| *count += 1);
        more();
        until(|| rung() == 1).await;
        (0..100).for_each(|_| more());
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(rung(), 1, "it is quiet");
        until(|| rung() == 2).await;
        tokio::time::sleep(quiet * 2).await;
        assert_eq!(rung(), 2, "once for all hundred");
        on.store(false, Ordering::SeqCst);
        more();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(rung(), 2);
        drop(sender);
        task.await.unwrap();
    }
}
