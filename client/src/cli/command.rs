//! The commands, and which file does which.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use super::console::Console;
use super::failure::Failure;
use super::secret::Source;
use super::session::Session;
use super::{
    admit, agent, announce, answer, backup, body, charter, completions, decline, demote, destroy, directives,
    dm, doctor, draft, edit, export, feed, files, forward, found, get_file, handover, inbox, init, invite,
    invites, isolate, issued, join, joins, leave, liaison, lift, link, lock, man, map, mark, meeting, mute,
    notify, offices, open, overview, passphrase, people, pin, pins, poll, powers, principles, promote,
    proposal, proposals, propose, raise, raised, react, read, recognize, rekey, relay, remove, renew,
    replace, reply, requests, restore, retention, revoke, rooms, say, search, send_file, status, successor,
    suspend, unlock, unsay, vanish, verify, verify_export, vote, vouch, withdraw,
};
use crate::agent::Home;
use crate::clock::{Clock, SystemClock};

/// People talk and decide in end-to-end encrypted rooms, through a relay that reads nothing.
#[derive(Parser, Debug)]
#[command(name = "caucus", version, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Debug)]
struct Global {
    /// Home folder: one person's vault and agent [default: $CAUCUS_HOME, else `caucus` in the user's data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    home: Option<PathBuf>,
    /// Answers (on standard output) and errors (on standard error) as one JSON object a line
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// To try things on one machine: where this starts the agent, it dials relays in private networks whoever names them
    #[arg(long, global = true, hide_short_help = true, help_heading = "Global options")]
    private_relays: bool,
    #[command(flatten)]
    source: Source,
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::Init),
    Relay(relay::Relay),
    Found(found::Found),
    Charter(charter::Charter),
    Principles(principles::Principles),
    Meeting(meeting::Meeting),
    Inbox(inbox::Inbox),
    Propose(propose::Propose),
    Proposals(proposals::Proposals),
    Proposal(proposal::Proposal),
    Poll(poll::Poll),
    Vote(vote::Vote),
    Offices(offices::Offices),
    Powers(powers::Powers),
    Export(export::Export),
    VerifyExport(verify_export::VerifyExport),
    Invite(invite::Invite),
    Invites(invites::Invites),
    Revoke(revoke::Revoke),
    Join(join::Join),
    Joins(joins::Joins),
    Requests(requests::Requests),
    Admit(admit::Admit),
    Decline(decline::Decline),
    Recognize(recognize::Recognize),
    Replace(replace::Replace),
    Rekey(rekey::Rekey),
    Vouch(vouch::Vouch),
    Promote(promote::Promote),
    Demote(demote::Demote),
    Suspend(suspend::Suspend),
    Lift(lift::Lift),
    Handover(handover::Handover),
    Say(say::Say),
    Read(read::Read),
    Reply(reply::Reply),
    React(react::React),
    Edit(edit::Edit),
    Unsay(unsay::Unsay),
    Pin(pin::Pin),
    Pins(pins::Pins),
    Vanish(vanish::Vanish),
    Search(search::Search),
    Mark(mark::Mark),
    Mute(mute::Mute),
    Draft(draft::Draft),
    SendFile(send_file::SendFile),
    Files(files::Files),
    GetFile(get_file::GetFile),
    Rooms(rooms::Rooms),
    Dm(dm::Dm),
    Open(open::Open),
    People(people::People),
    Verify(verify::Verify),
    Renew(renew::Renew),
    Remove(remove::Remove),
    Body(body::Body),
    Successor(successor::Successor),
    Leave(leave::Leave),
    Link(link::Link),
    Liaison(liaison::Liaison),
    Map(map::Map),
    Announce(announce::Announce),
    Forward(forward::Forward),
    Withdraw(withdraw::Withdraw),
    Issued(issued::Issued),
    Feed(feed::Feed),
    Directives(directives::Directives),
    Raise(raise::Raise),
    Raised(raised::Raised),
    Answer(answer::Answer),
    Status(status::Status),
    Lock(lock::Lock),
    Unlock(unlock::Unlock),
    Passphrase(passphrase::Passphrase),
    Retention(retention::Retention),
    Isolate(isolate::Isolate),
    Notify(notify::Notify),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Destroy(destroy::Destroy),
    Agent(agent::Agent),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Does what the process's arguments say.
#[must_use]
pub fn main() -> ExitCode {
    // Before anything secret is read. What could not be had is told by `status` and `doctor`.
    let _ = crate::app::protect();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, the rest is wrong usage; with both outputs gone the code still tells.
            let _ = error.print();
            return ExitCode::from(match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
                _ => super::failure::USAGE,
            });
        }
    };
    let console = Console::of_process(cli.global.json);
    ExitCode::from(run(cli, console))
}

/// Does it, and returns the exit code.
pub(super) fn run(cli: Cli, mut console: Console) -> u8 {
    let home = match home(cli.global.home.as_deref()) {
        Ok(home) => home,
        Err(failure) => {
            failure.tell(&mut console);
            return failure.exit();
        }
    };
    let now = SystemClock.minutes().0;
    let mut session = Session::new(console, home, cli.global.source, now);
    session.private_relays = cli.global.private_relays;
    let ended = match cli.command {
        None => overview::show(&mut session),
        Some(command) => act(command, &mut session),
    }
    .and_then(|exit| session.console.flush().map(|()| exit));
    if matches!(ended, Ok(0)) {
        session.remind();
    }
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            failure.tell(&mut session.console);
            failure.exit()
        }
    }
}

fn act(command: Command, session: &mut Session) -> Result<u8, Failure> {
    match command {
        Command::Init(init) => init.run(session),
        Command::Relay(relay) => relay.run(session),
        Command::Found(found) => found.run(session),
        Command::Charter(charter) => charter.run(session),
        Command::Principles(principles) => principles.run(session),
        Command::Meeting(meeting) => meeting.run(session),
        Command::Inbox(inbox) => inbox.run(session),
        Command::Propose(propose) => propose.run(session),
        Command::Proposals(proposals) => proposals.run(session),
        Command::Proposal(proposal) => proposal.run(session),
        Command::Poll(poll) => poll.run(session),
        Command::Vote(vote) => vote.run(session),
        Command::Offices(offices) => offices.run(session),
        Command::Powers(powers) => powers.run(session),
        Command::Export(export) => export.run(session),
        Command::VerifyExport(verify) => verify.run(session),
        Command::Invite(invite) => invite.run(session),
        Command::Invites(invites) => invites.run(session),
        Command::Revoke(revoke) => revoke.run(session),
        Command::Join(join) => join.run(session),
        Command::Joins(joins) => joins.run(session),
        Command::Requests(requests) => requests.run(session),
        Command::Admit(admit) => admit.run(session),
        Command::Decline(decline) => decline.run(session),
        Command::Recognize(recognize) => recognize.run(session),
        Command::Replace(replace) => replace.run(session),
        Command::Rekey(rekey) => rekey.run(session),
        Command::Vouch(vouch) => vouch.run(session),
        Command::Promote(promote) => promote.run(session),
        Command::Demote(demote) => demote.run(session),
        Command::Suspend(suspend) => suspend.run(session),
        Command::Lift(lift) => lift.run(session),
        Command::Handover(handover) => handover.run(session),
        Command::Say(say) => say.run(session),
        Command::Read(read) => read.run(session),
        Command::Reply(reply) => reply.run(session),
        Command::React(react) => react.run(session),
        Command::Edit(edit) => edit.run(session),
        Command::Unsay(unsay) => unsay.run(session),
        Command::Pin(pin) => pin.run(session),
        Command::Pins(pins) => pins.run(session),
        Command::Vanish(vanish) => vanish.run(session),
        Command::Search(search) => search.run(session),
        Command::Mark(mark) => mark.run(session),
        Command::Mute(mute) => mute.run(session),
        Command::Draft(draft) => draft.run(session),
        Command::SendFile(send) => send.run(session),
        Command::Files(files) => files.run(session),
        Command::GetFile(get) => get.run(session),
        Command::Rooms(rooms) => rooms.run(session),
        Command::Dm(dm) => dm.run(session),
        Command::Open(open) => open.run(session),
        Command::People(people) => people.run(session),
        Command::Verify(verify) => verify.run(session),
        Command::Renew(renew) => renew.run(session),
        Command::Remove(remove) => remove.run(session),
        Command::Body(body) => body.run(session),
        Command::Successor(successor) => successor.run(session),
        Command::Leave(leave) => leave.run(session),
        Command::Link(link) => link.run(session),
        Command::Liaison(liaison) => liaison.run(session),
        Command::Map(map) => map.run(session),
        Command::Announce(announce) => announce.run(session),
        Command::Forward(forward) => forward.run(session),
        Command::Withdraw(withdraw) => withdraw.run(session),
        Command::Issued(issued) => issued.run(session),
        Command::Feed(feed) => feed.run(session),
        Command::Directives(directives) => directives.run(session),
        Command::Raise(raise) => raise.run(session),
        Command::Raised(raised) => raised.run(session),
        Command::Answer(answer) => answer.run(session),
        Command::Status(status) => status.run(session),
        Command::Lock(lock) => lock.run(session),
        Command::Unlock(unlock) => unlock.run(session),
        Command::Passphrase(passphrase) => passphrase.run(session),
        Command::Retention(retention) => retention.run(session),
        Command::Isolate(isolate) => isolate.run(session),
        Command::Notify(notify) => notify.run(session),
        Command::Backup(backup) => backup.run(session),
        Command::Restore(restore) => restore.run(session),
        Command::Destroy(destroy) => destroy.run(session),
        Command::Agent(agent) => agent.run(session),
        Command::Doctor(doctor) => doctor.run(session),
        Command::Completions(completions) => completions.run(session),
        Command::Man(man) => man.run(session),
    }
}

/// The home folder: as given, else `CAUCUS_HOME`, else `caucus` in the user's data folder.
fn home(given: Option<&Path>) -> Result<Home, Failure> {
    let set = |value: Option<OsString>| value.filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = given
        .map(Path::to_path_buf)
        .or_else(|| set(env::var_os("CAUCUS_HOME")))
        .or_else(|| {
            let data = set(env::var_os("XDG_DATA_HOME")).filter(|path| path.is_absolute());
            let data = data.or_else(|| Some(set(env::var_os("HOME"))?.join(".local/share")));
            data.map(|data| data.join("caucus"))
        })
        .filter(|folder| !folder.as_os_str().is_empty())
        .ok_or_else(|| {
            Failure::usage(
                "there is no home folder: neither --home nor CAUCUS_HOME nor HOME is set",
                "give one with --home DIR",
            )
        })?;
    Home::at(&folder).map_err(|error| Failure::Problem(error.into()))
}
