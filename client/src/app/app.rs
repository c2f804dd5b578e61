//! One person's Caucus: opens and locks the vault, and answers intents.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::answer::{Answer, VaultWord};
use super::intent::{Intent, Secret};
use super::problem::{Code, Problem};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::relay::Sockets;
use crate::vault::{Cost, Passphrase, Place, Table, Vault};

/// Minutes without a request after which the vault locks, unless chosen otherwise.
pub const IDLE_MINUTES: u32 = 30;

/// How long an act may take to land before it counts as waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One person's Caucus. Clones are the same one.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    home: PathBuf,
    clock: Arc<dyn Clock>,
    cost: Cost,
    sockets: Sockets,
    engine: Mutex<Option<Engine>>,
    /// One at a time opens, makes or closes the vault.
    turn: tokio::sync::Mutex<()>,
    idle_minutes: AtomicU64,
    last_use: AtomicU64,
}

impl App {
    /// The Caucus of a home folder. Nothing is opened yet. `cost` is for new vaults and new passphrases.
    #[must_use]
    pub fn new(home: PathBuf, clock: Arc<dyn Clock>, cost: Cost) -> Self {
        Self::over(home, clock, cost, Sockets::default())
    }

    /// The Caucus of a home folder, with connections over these sockets.
    #[must_use]
    pub fn over(home: PathBuf, clock: Arc<dyn Clock>, cost: Cost, sockets: Sockets) -> Self {
        let now = clock.now_ms();
        Self(Arc::new(Inner {
            home,
            clock,
            cost,
            sockets,
            engine: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            idle_minutes: AtomicU64::new(u64::from(IDLE_MINUTES)),
            last_use: AtomicU64::new(now),
        }))
    }

    /// Does what is asked.
    ///
    /// # Errors
    /// `Problem`: what happened, and what to do next.
    pub async fn handle(&self, intent: Intent) -> Result<Answer, Problem> {
        match intent {
            Intent::Hello {} => Ok(Answer::Agent {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                vault: self.vault_word(),
                pid: std::process::id(),
            }),
            Intent::Init { passphrase } => self.init(passphrase).await,
            Intent::Unlock { passphrase } => self.unlock(passphrase).await,
            Intent::Lock {} => {
                self.lock().await;
                Ok(Answer::Done {})
            }
            Intent::Status {} => self.status(),
            Intent::Stop {} => {
                self.lock().await;
                Ok(Answer::Done {})
            }
            other => {
                let engine = self.engine()?;
                self.touch();
                let answer = self.ask(&engine, other).await;
                self.touch();
                answer
            }
        }
    }

    async fn ask(&self, engine: &Engine, intent: Intent) -> Result<Answer, Problem> {
        use super::{body, membership, relays, talk};
        match intent {
            Intent::Passphrase { old, new } => self.passphrase(engine, old, new).await,
            Intent::Idle { minutes } => self.idle(engine, minutes),
            Intent::RelayAdd { address, passes } => relays::add(engine, &address, &passes).await,
            Intent::RelayInfo { address } => relays::info(engine, address.as_deref()).await,
            Intent::Found {
                kind,
                label,
                name,
                suite,
            } => body::found(engine, kind, &label, name.as_deref(), suite).await,
            Intent::Rooms {} => body::rooms(engine),
            Intent::People { body } => body::people(engine, &body),
            Intent::Verify {
                body,
                name,
                confirmed,
            } => body::verify(engine, &body, &name, confirmed),
            Intent::Renew { body, name } => membership::renew(engine, &body, &name).await,
            Intent::Invite { body, uses, minutes } => membership::invite(engine, &body, uses, minutes).await,
            Intent::Invites { body } => membership::invites(engine, body.as_deref()),
            Intent::Revoke { body, number } => membership::revoke(engine, &body, number).await,
            Intent::Join { link, name, word } => membership::join(engine, &link, &name, &word).await,
            Intent::Joins {} => membership::joins(engine),
            Intent::AwaitJoin { number, milliseconds } => {
                membership::await_join(engine, number, Duration::from_millis(milliseconds)).await
            }
            Intent::CancelJoin { number } => membership::cancel_join(engine, number),
            Intent::Requests { body } => membership::requests(engine, body.as_deref()),
            Intent::Admit { numbers, all } => membership::admit(engine, &numbers, all).await,
            Intent::Decline { numbers, reason } => membership::decline(engine, &numbers, &reason).await,
            Intent::Remove { body, name, reason } => membership::remove(engine, &body, &name, &reason).await,
            Intent::Leave { body } => membership::leave(engine, &body).await,
            Intent::Say { room, text } => talk::say(engine, &room, text).await,
            Intent::Read {
                room,
                since,
                limit,
                all,
                ..
            } => talk::read(engine, &room, since, limit, all),
            Intent::Hello {}
            | Intent::Init { .. }
            | Intent::Unlock { .. }
            | Intent::Lock {}
            | Intent::Status {}
            | Intent::Stop {} => Err(Problem::new(
                Code::Internal,
                "this is answered elsewhere",
                "report it",
            )),
        }
    }

    /// Follows a room from here on.
    ///
    /// # Errors
    /// `Problem` if the vault is locked or there is no such room.
    pub fn follow(&self, room: &str, all: bool) -> Result<super::talk::Follow, Problem> {
        let engine = self.engine()?;
        self.touch();
        super::talk::follow(&engine, room, all)
    }

    /// Locks if nobody asked anything for the idle time. Whoever follows a room counts as asking, by
    /// [`App::touch`].
    pub async fn lock_if_idle(&self) -> bool {
        let idle = self.0.idle_minutes.load(Ordering::Relaxed);
        let quiet = self
            .0
            .clock
            .now_ms()
            .saturating_sub(self.0.last_use.load(Ordering::Relaxed));
        let due = idle > 0 && quiet >= idle.saturating_mul(60_000) && self.vault_word() == VaultWord::Open;
        if due {
            self.lock().await;
        }
        due
    }

    /// Somebody uses it.
    pub fn touch(&self) {
        self.0.last_use.store(self.0.clock.now_ms(), Ordering::Relaxed);
    }

    /// Closes everything: no keys, no connection, no sync.
    pub async fn lock(&self) {
        let _turn = self.0.turn.lock().await;
        let engine = self.slot().take();
        if let Some(engine) = engine {
            engine.stop().await;
        }
    }

    pub(super) fn engine(&self) -> Result<Engine, Problem> {
        if let Some(engine) = self.slot().clone() {
            return Ok(engine);
        }
        Err(match self.vault_word() {
            VaultWord::None => Problem::new(
                Code::NoVault,
                "there is no vault yet",
                "make one with `caucus init`",
            ),
            VaultWord::Locked | VaultWord::Open => Problem::new(
                Code::Locked,
                "the vault is locked",
                "open it with `caucus unlock`",
            ),
        })
    }

    fn slot(&self) -> MutexGuard<'_, Option<Engine>> {
        self.0.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vault_word(&self) -> VaultWord {
        if self.slot().is_some() {
            VaultWord::Open
        } else if Vault::exists(&self.0.home) {
            VaultWord::Locked
        } else {
            VaultWord::None
        }
    }

    async fn init(&self, passphrase: Secret) -> Result<Answer, Problem> {
        let _turn = self.0.turn.lock().await;
        let (home, cost) = (self.0.home.clone(), self.0.cost);
        let passphrase = Passphrase::new(passphrase.0.clone());
        let vault = blocking(move || Vault::create(&home, &passphrase, cost)).await?;
        self.begin(vault)
    }

    async fn unlock(&self, passphrase: Secret) -> Result<Answer, Problem> {
        let _turn = self.0.turn.lock().await;
        let passphrase = Passphrase::new(passphrase.0.clone());
        let open = self.slot().clone();
        if let Some(engine) = open {
            // It is open: the passphrase is still checked, so that "done" means it was right.
            let vault = engine.vault().clone();
            blocking(move || vault.check(&passphrase)).await?;
            self.touch();
            return Ok(Answer::Done {});
        }
        let home = self.0.home.clone();
        let vault = blocking(move || {
            let vault = Vault::open(&home, &passphrase)?;
            vault.forget_if_needed()?;
            Ok(vault)
        })
        .await?;
        self.begin(vault)
    }

    fn begin(&self, vault: Vault) -> Result<Answer, Problem> {
        let idle = vault
            .overlay()
            .get_value::<u32>(&idle_place())?
            .unwrap_or(IDLE_MINUTES);
        self.0.idle_minutes.store(u64::from(idle), Ordering::Relaxed);
        self.touch();
        let engine = Engine::start_over(vault, Arc::clone(&self.0.clock), self.0.sockets.clone())?;
        *self.slot() = Some(engine);
        Ok(Answer::Done {})
    }

    async fn passphrase(&self, engine: &Engine, old: Secret, new: Secret) -> Result<Answer, Problem> {
        let vault = engine.vault().clone();
        let (old, new) = (Passphrase::new(old.0.clone()), Passphrase::new(new.0.clone()));
        blocking(move || vault.change_passphrase(&old, &new)).await?;
        Ok(Answer::Done {})
    }

    fn idle(&self, engine: &Engine, minutes: u32) -> Result<Answer, Problem> {
        let overlay = engine.vault().overlay();
        overlay.put_value(idle_place(), &minutes)?;
        overlay.commit()?;
        self.0.idle_minutes.store(u64::from(minutes), Ordering::Relaxed);
        Ok(Answer::Done {})
    }

    fn status(&self) -> Result<Answer, Problem> {
        let idle = u32::try_from(self.0.idle_minutes.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let engine = self.slot().clone();
        super::status::status(self.vault_word(), engine.as_ref(), idle)
    }
}

fn idle_place() -> Place {
    Place::new(Table::Settings, b"idle minutes", 0)
}

/// Runs what burns CPU (the passphrase's hash) beside the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::vault::VaultError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Problem::new(
            Code::Internal,
            "opening the vault was interrupted",
            "try again",
        )),
    }
}
