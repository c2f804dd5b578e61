//! One person's Caucus: opens and locks the vault, and answers intents.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use caucus_proto::id::Minutes;

use super::answer::{Answer, VaultWord};
use super::intent::{Intent, Secret};
use super::keep;
use super::notify::{self, Bell};
use super::problem::{Code, Problem};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::engine::{Engine, Look};
use crate::relay::Sockets;
use crate::vault::{Cost, Passphrase, Place, Progress, Table, Vault};

/// Minutes without a request after which the vault locks, unless chosen otherwise.
pub const IDLE_MINUTES: u32 = 30;

/// How long an act may take to land before it counts as waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How often it looks whether there is something to forget.
const LOOK: Duration = Duration::from_secs(60);

/// Milliseconds between two looks at what is too old to be kept.
const RETENTION_MS: u64 = 60 * 60 * 1000;

/// How long locking waits for work beside it to let the vault go, and how often it looks.
const LETTING_GO: Duration = Duration::from_secs(2);
const LETTING_GO_LOOK: Duration = Duration::from_millis(5);

/// Milliseconds between two looks where messages vanish.
const QUICK_MS: u64 = 5 * 60 * 1000;

/// Milliseconds after unlocking, when the rooms have caught up, until the second such look.
const SECOND_LOOK_MS: u64 = 2 * 60 * 1000;

/// Milliseconds within which the vault is rewritten if anything was deleted or replaced, so that what is
/// gone, keys above all, is gone from its file too.
const REWRITE_MS: u64 = 24 * 60 * 60 * 1000;

/// Where one hears how far something long has come; the latest word counts.
pub type Telling = watch::Sender<Option<Progress>>;

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
    house: Mutex<House>,
    bell: Option<Arc<dyn Bell>>,
}

/// What is done beside what is asked, while the vault is open.
#[derive(Default)]
struct House {
    keeper: Option<JoinHandle<()>>,
    ringer: Option<JoinHandle<()>>,
    looked_at: u64,
    /// When the next of the looks is due that come once an hour.
    hourly_at: u64,
    rewrite_at: u64,
    trouble: Option<String>,
}

impl App {
    /// The Caucus of a home folder, with connections over these sockets. Nothing is opened yet. `cost` is for new vaults and
    /// new passphrases.
    #[must_use]
    pub fn over(home: PathBuf, clock: Arc<dyn Clock>, cost: Cost, sockets: Sockets) -> Self {
        Self::with_bell(home, clock, cost, sockets, None)
    }

    /// As [`App::over`], with what rings when there is something new.
    #[must_use]
    pub fn with_bell(
        home: PathBuf,
        clock: Arc<dyn Clock>,
        cost: Cost,
        sockets: Sockets,
        bell: Option<Arc<dyn Bell>>,
    ) -> Self {
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
            house: Mutex::default(),
            bell,
        }))
    }

    /// Does what is asked.
    ///
    /// # Errors
    /// `Problem`: what happened, and what to do next.
    pub async fn handle(&self, intent: Intent) -> Result<Answer, Problem> {
        self.handle_telling(intent, &watch::Sender::new(None)).await
    }

    /// As [`App::handle`], and tells how far it is with what takes long.
    ///
    /// # Errors
    /// As [`App::handle`].
    pub async fn handle_telling(&self, intent: Intent, telling: &Telling) -> Result<Answer, Problem> {
        match intent {
            Intent::Hello {} => Ok(Answer::Agent {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                vault: self.vault_word(),
                pid: std::process::id(),
            }),
            Intent::Init { passphrase } => self.init(passphrase).await,
            Intent::Unlock { passphrase } => self.unlock(passphrase, telling.clone()).await,
            Intent::Restore { file, passphrase } => self.restore(&file, passphrase, telling.clone()).await,
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
                let answer = self.ask(&engine, other, telling).await;
                self.touch();
                answer
            }
        }
    }

    async fn ask(&self, engine: &Engine, intent: Intent, telling: &Telling) -> Result<Answer, Problem> {
        use super::{
            attachments, body, convene, direct, directives, export, feed, find, forward, inbox, isolation,
            issue, liaison, links, meetings, membership, minutes, notify, offices, own, principles,
            proposals, relays, relocate, remarks, reminders, retention, returning, search, standing,
            successor, talk,
        };
        match intent {
            Intent::Passphrase { old, new } => self.passphrase(engine, old, new, telling.clone()).await,
            Intent::Backup { file, force } => self.backup(engine, &file, force, telling.clone()).await,
            Intent::Retention { room, keep } => {
                let answer = retention::retention(engine, room.as_deref(), keep)?;
                if keep.is_some() {
                    // Forgetting begins at once, beside the answer.
                    self.house().hourly_at = 0;
                }
                Ok(answer)
            }
            Intent::Isolate { body, isolated } => isolation::isolate(engine, &body, isolated),
            Intent::Idle { minutes } => self.idle(engine, minutes),
            Intent::RelayAdd { address, passes } => relays::add(engine, &address, &passes).await,
            Intent::RelayInfo { address } => relays::info(engine, address.as_deref()).await,
            Intent::Found {
                kind,
                label,
                name,
                suite,
                charter,
            } => body::found(engine, kind, &label, name.as_deref(), suite, charter.as_deref()).await,
            Intent::Charter { body } => principles::charter(engine, &body),
            Intent::Principles { body } => principles::show(engine, &body),
            Intent::SetPrinciples {
                body,
                texts,
                substance,
            } => principles::set(engine, &body, texts, substance).await,
            Intent::Accept { body, language, hash } => {
                principles::accept(engine, &body, &language, &hash).await
            }
            Intent::Recognize { number } => returning::recognize(engine, number).await,
            Intent::Replace { number } => returning::replace(engine, number).await,
            Intent::Rekey { body } => returning::rekey(engine, &body).await,
            Intent::Vouch { body, name } => standing::vouch(engine, &body, &name).await,
            Intent::Promote { body, name } => standing::promote(engine, &body, &name).await,
            Intent::Demote { body, name, reason } => standing::demote(engine, &body, &name, &reason).await,
            Intent::Suspend { body, name, reason } => standing::suspend(engine, &body, &name, &reason).await,
            Intent::Lift { body, name } => standing::lift(engine, &body, &name).await,
            Intent::HandOver { body, office, name } => {
                standing::hand_over(engine, &body, &office, name.as_deref()).await
            }
            Intent::Propose {
                body,
                title,
                text,
                subject,
            } => proposals::propose(engine, &body, &title, &text, subject).await,
            Intent::Step { body, number, what } => proposals::step(engine, &body, number, what).await,
            Intent::Proposals { body } => proposals::list(engine, body.as_deref()),
            Intent::Proposal { body, number } => proposals::show(engine, &body, number),
            Intent::Offices { body } => offices::offices(engine, &body),
            Intent::StandAside { body, office, aside } => {
                offices::stand_aside(engine, &body, &office, aside).await
            }
            Intent::Powers { body } => offices::powers(engine, &body),
            Intent::Export { body, what, at } => export::export(engine, &body, what, at.map(Minutes)),
            Intent::Inbox {} => inbox::inbox(engine),
            Intent::Reminders {} => reminders::reminders(engine),
            Intent::OpenRoom { body, room } => body::open(engine, &body, &room).await,
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
            Intent::Join {
                link,
                name,
                word,
                claims,
            } => membership::join(engine, &link, &name, &word, claims.as_deref()).await,
            Intent::Joins {} => membership::joins(engine),
            Intent::AwaitJoin { number, milliseconds } => {
                membership::await_join(engine, number, Duration::from_millis(milliseconds)).await
            }
            Intent::CancelJoin { number } => membership::cancel_join(engine, number),
            Intent::Requests { body } => membership::requests(engine, body.as_deref()),
            Intent::Admit { numbers, all } => membership::admit(engine, &numbers, all).await,
            Intent::Decline { numbers, reason } => membership::decline(engine, &numbers, &reason).await,
            Intent::Remove { body, name, reason } => membership::remove(engine, &body, &name, &reason).await,
            Intent::Successor { body } => successor::make(engine, &body).await,
            Intent::Follow { body, name } => successor::follow(engine, &body, name.as_deref()),
            Intent::Leave { body } => membership::leave(engine, &body).await,
            Intent::CallMeeting {
                body,
                title,
                at,
                agenda,
            } => convene::call(engine, &body, title, at, agenda).await,
            Intent::Meetings { body, number } => meetings::show(engine, &body, number),
            Intent::Meeting { body, number, act } => convene::act(engine, &body, number, act).await,
            Intent::DraftMinutes { body, number } => minutes::draft(engine, &body, number),
            Intent::SendFile { room, file, text } => {
                attachments::send(engine, &room, &file, text, telling).await
            }
            Intent::Files { room } => attachments::list(engine, &room),
            Intent::GetFile {
                room,
                number,
                to,
                force,
            } => attachments::get(engine, &room, number, &to, force, telling).await,
            Intent::Links { body } => links::links(engine, &body),
            Intent::OfferLink {
                body,
                we,
                they,
                minutes,
            } => links::offer(engine, &body, we, they, minutes).await,
            Intent::ReadOffer { body, offer } => links::read(engine, &body, &offer).await,
            Intent::AcceptLink { body, offer } => links::accept(engine, &body, &offer).await,
            Intent::EndLink { body, link, reason } => links::end(engine, &body, &link, &reason).await,
            Intent::Map {} => links::map(engine),
            Intent::Issue { body, item, to } => issue::issue(engine, &body, item, to).await,
            Intent::Issued { body } => issue::issued(engine, &body),
            Intent::Feed {
                body,
                all,
                unread,
                mark,
            } => feed::feed(engine, body.as_deref(), all, unread, mark),
            Intent::SetFeed { body, from, how } => feed::set(engine, &body, &from, how),
            Intent::Directives { body, all } => directives::list(engine, body.as_deref(), all),
            Intent::AnswerDirective {
                body,
                from,
                number,
                answer,
            } => directives::answer(engine, &body, from.as_deref(), number, answer).await,
            Intent::Board { body, number, all } => directives::board(engine, &body, number, all),
            Intent::Raise {
                body,
                to,
                kind,
                text,
                days,
            } => directives::raise(engine, &body, &to, kind, text, days).await,
            Intent::Reply {
                body,
                to,
                number,
                text,
            } => directives::reply(engine, &body, &to, number, text).await,
            Intent::Raised { body, all } => directives::raised(engine, body.as_deref(), all),
            Intent::GetAnnounced {
                body,
                from,
                number,
                place,
                to,
                force,
            } => {
                let live = find::room(engine, &body)?;
                let files = forward::announced(&live.room(), &from, number)?;
                attachments::get_of(engine, &live, (files, place), (&to, force), telling).await
            }
            Intent::Places { body } => relocate::places(engine, &body).await,
            Intent::Relocate { body, relay } => relocate::relocate(engine, &body, &relay).await,
            Intent::AskDirect { body, to, name, word } => {
                direct::ask(engine, &body, &to, name.as_deref(), &word).await
            }
            Intent::AcceptDirect { number, name } => direct::accept(engine, number, name.as_deref()),
            Intent::DeclineDirect { number } => direct::decline(engine, number),
            Intent::Directs {} => direct::list(engine),
            Intent::Introduce {
                body,
                between,
                about,
                days,
            } => liaison::introduce(engine, &body, &between, &about, days).await,
            Intent::ConsentIntroduction {
                body,
                from,
                number,
                name,
            } => liaison::consent(engine, &body, from.as_deref(), number, name.as_deref()).await,
            Intent::DeclineIntroduction { body, from, number } => {
                liaison::decline(engine, &body, from.as_deref(), number).await
            }
            Intent::Introductions { body } => liaison::list(engine, body.as_deref()),
            Intent::GetReported {
                body,
                from,
                number,
                place,
                to,
                force,
            } => {
                let live = find::room(engine, &body)?;
                let files = forward::reported(&live.room(), &from, number)?;
                attachments::get_of(engine, &live, (files, place), (&to, force), telling).await
            }
            Intent::Forward { body, from, number } => forward::forward(engine, &body, &from, number).await,
            Intent::Say { room, text } => talk::say(engine, &room, text).await,
            Intent::Read {
                room,
                since,
                limit,
                all,
                mark,
                ..
            } => talk::read(engine, &room, since, limit, all, mark),
            Intent::Remark { room, number, what } => remarks::remark(engine, &room, number, what).await,
            Intent::Pins { room } => remarks::pins(engine, &room),
            Intent::Vanish { room, hours } => remarks::vanish(engine, &room, hours).await,
            Intent::Search {
                words,
                room,
                from,
                since,
                limit,
            } => {
                let within = (room.as_deref(), from.as_deref(), since);
                search::search(engine, &words, within, limit).await
            }
            Intent::Mark { room, unread } => talk::mark(engine, &room, unread),
            Intent::Mute { room, minutes, off } => own::mute(engine, &room, minutes, off),
            Intent::Draft { room, text, then } => own::draft(engine, &room, text, then).await,
            Intent::Notify { on } => notify::notify(engine, on, self.0.bell.is_some()),
            Intent::Hello {}
            | Intent::Init { .. }
            | Intent::Unlock { .. }
            | Intent::Restore { .. }
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
        let (keeper, ringer) = {
            let mut house = self.house();
            (house.keeper.take(), house.ringer.take())
        };
        for task in [keeper, ringer].into_iter().flatten() {
            task.abort();
        }
        if let Some(engine) = engine {
            engine.note_ages();
            engine.stop().await;
            let vault = engine.vault().clone();
            drop(engine);
            // What cannot be stopped, such as reading through a log, ends soon: then the vault is closed.
            let begun = Instant::now();
            while !vault.is_alone() && begun.elapsed() < LETTING_GO {
                tokio::time::sleep(LETTING_GO_LOOK).await;
            }
        }
    }

    /// The open vault at work, for whoever measures it in this process.
    ///
    /// # Errors
    /// `Problem` while there is none.
    pub fn engine(&self) -> Result<Engine, Problem> {
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
        let vault = blocking(move || Ok(Vault::create(&home, &passphrase, cost)?)).await?;
        self.begin(vault, watch::Sender::new(None)).await
    }

    async fn unlock(&self, passphrase: Secret, telling: Telling) -> Result<Answer, Problem> {
        let _turn = self.0.turn.lock().await;
        let passphrase = Passphrase::new(passphrase.0.clone());
        let open = self.slot().clone();
        if let Some(engine) = open {
            // It is open: the passphrase is still checked, so that "done" means it was right.
            let vault = engine.vault().clone();
            blocking(move || Ok(vault.check(&passphrase)?)).await?;
            self.touch();
            return Ok(Answer::Done {});
        }
        let home = self.0.home.clone();
        let vault = blocking(move || Ok(Vault::open(&home, &passphrase)?)).await?;
        self.begin(vault, telling).await
    }

    async fn begin(&self, vault: Vault, telling: Telling) -> Result<Answer, Problem> {
        let idle = vault
            .overlay()
            .get_value::<u32>(&idle_place())?
            .unwrap_or(IDLE_MINUTES);
        self.0.idle_minutes.store(u64::from(idle), Ordering::Relaxed);
        self.touch();
        let engine = Engine::start_over(vault, Arc::clone(&self.0.clock), self.0.sockets.clone())?;
        // Nobody sees what is too old before it is forgotten.
        self.clean(&engine, true, telling).await;
        let ringer = (self.0.bell.clone())
            .map(|bell| tokio::spawn(notify::run(engine.vault().clone(), engine.news(), bell)));
        if let Some(before) = std::mem::replace(&mut self.house().ringer, ringer) {
            before.abort();
        }
        *self.slot() = Some(engine);
        let weak = Arc::downgrade(&self.0);
        let keeper = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(inner) = weak.upgrade() else { return };
                Self(inner).keep_house().await;
            }
        });
        if let Some(before) = self.house().keeper.replace(keeper) {
            before.abort();
        }
        Ok(Answer::Done {})
    }

    /// Forgets what is too old to be kept, once an hour and where messages vanish every few minutes, and rewrites the
    /// vault within a day of anything deleted or replaced, at once where words were. Whoever moves the clock calls it; an agent does by itself.
    pub async fn keep_house(&self) {
        let now = self.0.clock.now_ms();
        let engine = self.slot().clone();
        let (due, quick) = {
            let house = self.house();
            let quick = now >= house.looked_at.saturating_add(QUICK_MS);
            (now >= house.hourly_at || now >= house.rewrite_at, quick)
        };
        if let Some(engine) = engine.filter(|engine| due || (quick && engine.vanishes())) {
            self.clean(&engine, false, watch::Sender::new(None)).await;
        }
    }

    /// What fails is told in the status and tried again: the vault is of use all the same.
    async fn clean(&self, engine: &Engine, first: bool, telling: Telling) {
        let now = self.0.clock.now_ms();
        let (hourly, rewrite) = {
            let house = self.house();
            (first || now >= house.hourly_at, first || now >= house.rewrite_at)
        };
        let look = if hourly { Look::Hourly } else { Look::Quick };
        let engine = engine.clone();
        let cleaned = blocking(move || {
            let forgotten = engine.forget_old(look)?;
            let vault = engine.vault();
            if (rewrite || (forgotten && hourly)) && vault.needs_forgetting() {
                vault.rewrite_telling(&|progress| tell(&telling, progress))?;
            }
            Ok(forgotten)
        })
        .await;
        let mut house = self.house();
        if hourly {
            let next = if first { SECOND_LOOK_MS } else { RETENTION_MS };
            house.hourly_at = now.saturating_add(next);
        }
        house.looked_at = now;
        match cleaned {
            Ok(forgotten) => {
                house.trouble = None;
                if rewrite || (forgotten && hourly) {
                    house.rewrite_at = now.saturating_add(REWRITE_MS);
                } else if forgotten {
                    // A vault is not written anew every few minutes.
                    house.rewrite_at = house.rewrite_at.min(house.hourly_at);
                }
            }
            Err(problem) => {
                house.trouble = Some(format!(
                    "what was deleted may still be in the vault's file: {}",
                    problem.message
                ));
                house.rewrite_at = now.saturating_add(RETENTION_MS);
            }
        }
    }

    fn house(&self) -> MutexGuard<'_, House> {
        self.0.house.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn backup(
        &self,
        engine: &Engine,
        file: &str,
        force: bool,
        telling: Telling,
    ) -> Result<Answer, Problem> {
        let vault = engine.vault().clone();
        let file = keep::path(file);
        blocking(move || keep::backup(&vault, &file, force, &|progress| tell(&telling, progress))).await?;
        Ok(Answer::Done {})
    }

    async fn restore(&self, file: &str, passphrase: Secret, telling: Telling) -> Result<Answer, Problem> {
        let _turn = self.0.turn.lock().await;
        let (home, file) = (self.0.home.clone(), keep::path(file));
        let passphrase = Passphrase::new(passphrase.0.clone());
        blocking(move || keep::restore(&home, &file, &passphrase, &|progress| tell(&telling, progress)))
            .await?;
        Ok(Answer::Done {})
    }

    async fn passphrase(
        &self,
        engine: &Engine,
        old: Secret,
        new: Secret,
        telling: Telling,
    ) -> Result<Answer, Problem> {
        let vault = engine.vault().clone();
        let (old, new) = (Passphrase::new(old.0.clone()), Passphrase::new(new.0.clone()));
        blocking(move || Ok(vault.change_passphrase(&old, &new, &|progress| tell(&telling, progress))?))
            .await?;
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
        let mut answer = super::status::status(self.vault_word(), engine.as_ref(), idle)?;
        if let (Answer::Status(status), Some(trouble)) = (&mut answer, &self.house().trouble) {
            status.warnings.push(trouble.clone());
        }
        Ok(answer)
    }
}

fn idle_place() -> Place {
    Place::new(Table::Settings, b"idle minutes", 0)
}

fn tell(telling: &Telling, progress: Progress) {
    telling.send_replace(Some(progress));
}

/// Runs what burns CPU or disk (the passphrase's hash, a rewrite) beside the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Problem::new(
            Code::Internal,
            "work on the vault was interrupted",
            "try again",
        )),
    }
}
