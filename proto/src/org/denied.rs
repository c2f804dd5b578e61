//! Why an entry changed nothing, in plain words.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why an act or a commit is a no-op. It is for views; no state depends on it.
#[derive(Clone, PartialEq, Eq, Debug, Error, Serialize, Deserialize)]
pub enum Denied {
    /// The author is not in the room, or is going.
    #[error("its author is not in the room")]
    NotPresent,
    /// The same intent was applied before.
    #[error("it was done already")]
    Repeated,
    /// It names a position that its author cannot have known.
    #[error("it was judged at a position that is not before its own")]
    FromTheFuture,
    /// It belongs to a feature above the room's floor (law 15).
    #[error("it needs feature {feature}, and the room is at {floor}")]
    AboveFloor {
        /// The act's.
        feature: u16,
        /// The room's.
        floor: u16,
    },
    /// The bytes are no act.
    #[error("it is malformed")]
    Malformed,
    /// The author lacks a power.
    #[error("it needs the power \"{power}\"")]
    Powerless {
        /// Its word.
        power: String,
    },
    /// No such invite, or it has ended.
    #[error("the invite is unknown or has been revoked")]
    NoInvite,
    /// The invite's time is over.
    #[error("the invite has expired")]
    InviteExpired,
    /// As many came by it as it allows.
    #[error("the invite is used up")]
    InviteUsedUp,
    /// The persona is known here already.
    #[error("this person has applied or is in the body already")]
    KnownPersona,
    /// Somebody has this name.
    #[error("somebody here has this name already")]
    NameTaken,
    /// Too many requests or invites wait.
    #[error("too many wait already")]
    TooManyWaiting,
    /// The body has as many people as its room holds.
    #[error("the room is full")]
    RoomFull,
    /// No such person in this standing.
    #[error("this person is not {0}")]
    NotStanding(WantedStanding),
    /// One does not remove oneself.
    #[error("nobody removes themselves: leave instead")]
    Oneself,
    /// The last one in the room cannot leave it.
    #[error("the last person in the room cannot leave it")]
    LastOne,
    /// The floor rises by one at a time.
    #[error("the feature floor cannot go there")]
    Floor,
    /// A text is too long or empty.
    #[error("the text is empty or too long")]
    Text,
    /// The commit adds somebody who is not admitted, or by another key package.
    #[error("the commit adds somebody who is not admitted")]
    AddsUnadmitted,
    /// The commit takes a seat from somebody who neither left nor was removed.
    #[error("the commit removes somebody who neither left nor was removed")]
    RemovesUnremoved,
    /// The commit does nothing, too much, or one thing twice.
    #[error("the commit does nothing, too much, or one thing twice")]
    OddCommit,
    /// MLS refused it, or it breaks the commit policy.
    #[error("it does not open, or is no commit that a room may hold")]
    Unprocessable,
    /// A flagged entry without an accepted commit, or a commit without a flag.
    #[error("its flag and its content do not belong together")]
    WrongFlag,
    /// It was judged before the oldest intent of its author that is still remembered was applied, so nobody
    /// can tell any more whether it was done already.
    #[error("it was judged too long ago: judge it again and send it with the position of now")]
    TooOld,
    /// Its position is not after the last one applied (law 1).
    #[error("it stands at a position that was applied already")]
    OutOfOrder,
    /// The room's floor is above this program (law 15).
    #[error("the room is at feature {floor}, which this program does not know: upgrade it")]
    Outdated {
        /// The room's floor.
        floor: u16,
    },
    /// They joined or were renewed after they signed the request.
    #[error("this person joined or was renewed since that was asked")]
    RenewedSince,
    /// There is no such request to be renewed.
    #[error("this person does not ask to be renewed, or asks by another key package")]
    NoRenewal,
    /// A commit of somebody whose other commit is complained of.
    #[error(
        "somebody could not process an earlier commit of its author, and that is not settled or was found void"
    )]
    Disputed,
    /// A request that belongs to another channel.
    #[error("it asks to be added in another channel")]
    AnotherChannel,
    /// Only whoever may hold the channel's controls makes a successor.
    #[error("only a keyholder makes a successor of the room")]
    NoKeyholder,
    /// One does not decide on oneself (law 13).
    #[error("nobody decides on themselves")]
    OwnCase,
    /// The charter asks for more vouches.
    #[error("the charter asks for vouches of others: {needed} here, and {have} count so far")]
    Vouches {
        /// As many as are needed now.
        needed: u16,
        /// As many as there are.
        have: u16,
    },
    /// The author's word does not count yet, or not now.
    #[error(
        "the charter lets those vouch who have been here long enough, in the sphere it names and in good standing"
    )]
    MayNotVouch,
    /// The author has vouched as often as the charter allows.
    #[error("the charter allows no more vouches of one person within thirty days")]
    VouchedEnough,
    /// There is no such step from where the person is.
    #[error("that is no step from where this person is")]
    NoSuchStep,
    /// Suspended, or without accepting the points of unity in time.
    #[error("this person is suspended, or has not accepted the points of unity in time")]
    NotGood,
    /// The charter asks for more time.
    #[error("the charter asks for {days} days in the sphere before")]
    TooEarly {
        /// So many.
        days: u16,
    },
    /// The points of unity are not accepted.
    #[error("this person has not accepted the points of unity")]
    NotAccepted,
    /// No review to end.
    #[error("this person is not suspended")]
    NotSuspended,
    /// There is nothing to accept.
    #[error("this body has no points of unity yet")]
    NoPrinciples,
    /// What was read is not what there is now.
    #[error("the text has changed since, or is not there in this language: read it again")]
    AnotherText,
    /// They do not hold this office.
    #[error("this person does not hold that office")]
    NoMandate,
    /// The mandate has not ended.
    #[error("the time of this mandate is not over: only its holder hands it over")]
    StillHeld,
    /// There is nobody to hand it to.
    #[error("there is nobody else who could hold that office")]
    NobodyElse,
    /// The charter has no such room, or it is not open.
    #[error("the body has no such room")]
    NoRoom,
    /// It is there.
    #[error("that room is open already")]
    RoomOpen,
    /// Only the governing room decides it.
    #[error("that is decided in the body's governing room, not here")]
    NotHere,
    /// Only who is in the governing room does it.
    #[error("only somebody who is in the body's governing room does that")]
    OutsideHere,
    /// The claim is not signed by a keyholder whom this room knows.
    #[error("the claim is not signed by a keyholder of the body's governing room")]
    NoAuthority,
    /// Another claim has come since.
    #[error("another claim has come since, or its number is too far ahead")]
    OldClaim,
    /// It says something else than what was decided.
    #[error("the claim says something else than what was decided")]
    FalseClaim,
    /// Nobody of the room has the name that is claimed.
    #[error("nobody in the room has the name that this request claims")]
    NobodyClaimed,
    /// The request does not claim to be this person.
    #[error("this request does not say that it is from that person")]
    NoClaim,
    /// It claims to be somebody, so it is no request to join.
    #[error(
        "this request is from somebody who says that they are in the body already: recognize and replace them, or decline"
    )]
    Claims,
    /// Whoever lost everything was heard since.
    #[error(
        "that person's own device was heard since this request: it is not lost, and nobody takes its place"
    )]
    Contradicted,
    /// A device that is not lost may still speak.
    #[error("the charter leaves {days} days in which that person's own device may still be heard")]
    MayStillObject {
        /// So many.
        days: u16,
    },
    /// The leaf is not certified by the key before yet.
    #[error("the last change of this person's key is not carried out yet")]
    KeyWaits,
    /// The key is somebody's.
    #[error("this key is, or was, somebody's here already")]
    KnownKey,
    /// The new key did not sign.
    #[error("the new key did not sign the change")]
    Unproven,
    /// A leaf that is certified by another key than its persona's of now.
    #[error("it brings in a leaf that is not certified by the present key of its persona")]
    AnotherKey,
    /// The charter has no such office.
    #[error("the charter has no such office")]
    NoOffice,
    /// The office is not given by election.
    #[error("that office goes round: nobody is elected into it")]
    GoesRound,
    /// Not people who could hold it.
    #[error("candidates are people of the room who may hold that office and do not stand aside, each once")]
    Candidates,
    /// Elected as often as the charter allows.
    #[error("the charter lets nobody be elected for more than {terms} terms in a row")]
    TermsOver {
        /// So often.
        terms: u16,
    },
    /// Suspended, or without accepting the points of unity in time.
    #[error("whoever is suspended, or has not accepted the points of unity in time, does not do that")]
    NotInGoodStanding,
    /// No such proposal or amendment.
    #[error("there is no such proposal or amendment")]
    NoProposal,
    /// It is voted on, or decided.
    #[error("that proposal is voted on or decided already")]
    NotOpen,
    /// Somebody else made it.
    #[error("only whoever made the proposal does that")]
    NotYours,
    /// The text has changed.
    #[error("the proposal's text has changed since: read it again")]
    OtherVersion,
    /// An amendment is voted on.
    #[error("an amendment of that proposal is voted on first")]
    AmendmentPolled,
    /// Neither the power nor enough support.
    #[error("it needs the power \"poll\", or the support of others: {needed} here, and {have} count so far")]
    Support {
        /// As many as are needed now.
        needed: u16,
        /// As many as there are.
        have: u16,
    },
    /// The method or its options do not fit.
    #[error("that way of voting, or its options, does not fit what is decided")]
    Method,
    /// Too short, or too long.
    #[error("the charter asks for polls of {days} days at least, and none is longer than a year")]
    PollTime {
        /// So many.
        days: u16,
    },
    /// No poll, or none that is open.
    #[error("there is no open poll on that proposal")]
    NoPoll,
    /// Not among the voters.
    #[error("its author is not among those who vote in that poll")]
    NoVoter,
    /// Its time is over.
    #[error("the time to vote is over")]
    PollOver,
    /// Its time is not over.
    #[error("the time to vote is not over, and not everybody has voted")]
    NotOver,
    /// No ballot of this poll.
    #[error("that is no ballot of this poll")]
    BadBallot,
    /// The close counts other ballots than there are.
    #[error("it counts other ballots than those that were cast")]
    OtherBallots,
    /// Only a teller opens sealed ballots.
    #[error("the ballots are sealed: a teller closes this poll, and until the grace is over nobody else")]
    StillSealed,
    /// Not the secret of the poll's key.
    #[error("that secret does not open the ballots of this poll")]
    WrongSecret,
    /// Too late to object.
    #[error("the time to say that one's ballot is missing is over")]
    GraceOver,
    /// It is there, or was missed before.
    #[error("that ballot is counted, or was said to be missing before")]
    NotMissing,
    /// Not final.
    #[error("that is not final yet: too few have been seen to have it")]
    NotFinal,
    /// Nothing to review.
    #[error("there is nothing to look at again")]
    NoReview,
    /// A date that is over.
    #[error("that date is over")]
    InThePast,
    /// No body could live by it.
    #[error("that is no charter a body could live by: {why}")]
    BadCharter {
        /// Why.
        why: String,
    },
    /// What a charter keeps.
    #[error("a body keeps its stages and its rooms: other rooms may be added, and everything else changed")]
    Unchangeable,
    /// No such meeting, or it is over.
    #[error("there is no such meeting, or it is over")]
    NoMeeting,
    /// Neither may facilitate nor called it.
    #[error(
        "only whoever guides the meeting does that: who may facilitate, or, while nobody of them is there, who called it"
    )]
    NotGuide,
    /// It has begun.
    #[error("that meeting has begun already")]
    MeetingBegun,
    /// It has not begun, or is closed.
    #[error("that meeting is not being held")]
    NotHeld,
    /// It is not closed.
    #[error("that meeting is not closed yet")]
    NotClosed,
    /// Not there.
    #[error("only somebody who is marked as being at the meeting does that")]
    NotAttending,
    /// Not in the queue.
    #[error("nobody speaks or takes it back who did not ask to speak")]
    NotAsked,
    /// No such point.
    #[error("the agenda has no such point")]
    NoPoint,
    /// Too many or too long, or something that was reached is gone.
    #[error("an agenda has at most 50 points of 200 bytes each, and what was reached stays where it is")]
    Agenda,
    /// No date for a meeting.
    #[error("a meeting is called for a date between yesterday and ten years from now")]
    MeetingDate,
    /// Nobody, or more than there are.
    #[error("a vote by hands counts somebody, and not more than those who are marked as being there: {here}")]
    TooManyHands {
        /// So many.
        here: u32,
    },
    /// No such vote by hands.
    #[error("there is no such vote by hands")]
    NoHands,
    /// One's own counts.
    #[error("whoever counted the hands does not confirm or contest it")]
    OwnCount,
    /// As many as are remembered.
    #[error("enough others have said so")]
    WitnessedEnough,
    /// No minutes.
    #[error("there are no minutes yet")]
    NoMinutes,
    /// One's own minutes.
    #[error("whoever wrote the minutes does not adopt or contest them")]
    OwnMinutes,
    /// Other minutes.
    #[error("the minutes have changed since: read them again")]
    OtherMinutes,
    /// What others said is, or is about to be, seen.
    #[error(
        "that ballot stands: the others' are seen, or everybody has voted and they are about to be opened"
    )]
    BallotStands,
    /// A file is larger than any that a message names.
    #[error("its file is larger than 1 GiB")]
    File,
    /// No root key.
    #[error("the body has no root key yet, or its author does not hold it")]
    NoRoot,
    /// No such link.
    #[error("there is no such link, or the other body has not accepted it yet")]
    NoLink,
    /// The link has ended.
    #[error("the link has ended")]
    LinkOver,
    /// There is a link already.
    #[error("a body is not linked with itself, and with another once")]
    LinkedAlready,
    /// Nobody took the offer in time.
    #[error("the offer has expired")]
    OfferOver,
    /// The offer is sealed to people who are no longer in the room.
    #[error("the keys of the room turned meanwhile: offer the link again")]
    OldSealing,
    /// A signature is not by whose it should be.
    #[error("it is not signed by the body that it names")]
    NotSigned,
    /// The link does not allow it.
    #[error("the terms of the link do not allow it")]
    NotInTerms,
    /// More letters than a day allows.
    #[error("the other body has written too much today")]
    TooManyLetters,
    /// It is not what comes next.
    #[error("it does not follow from how things stand")]
    NotNext,
    /// No such item.
    #[error("there is no such announcement or directive, or it is not for that body")]
    NoDirective,
    /// It was withdrawn, or another took its place.
    #[error("it was withdrawn, or another took its place")]
    DirectiveOver,
    /// A form or a report is wrong.
    #[error("a form has at most 16 fields with labels of 80 bytes, and a report fits the fields of its form")]
    Form,
    /// Dates are wrong.
    #[error("what is to be acknowledged is so before it is due, and an answer is owed within a year")]
    Dates,
    /// The wrong editors.
    #[error("those are not the editors by the mandates of now")]
    Editors,
    /// It is for everybody to decide.
    #[error("by the charter everybody decides that in a poll: propose it")]
    ByPoll,
    /// Nothing was raised.
    #[error("nothing of this number was raised")]
    NotRaised,
    /// No bulletin.
    #[error("the body has no bulletin yet")]
    NoBulletin,
    /// Not a relay of the charter.
    #[error("the charter does not name that relay among its alternates: propose a charter that does")]
    NoAlternate,
    /// An admission waits for its commit.
    #[error("somebody is being let in: wait until they are in the room, or remove them")]
    SomebodyComesIn,
    /// Moved a moment ago.
    #[error("the room was moved within the last day: wait until a day is over")]
    MovedToday,
    /// A remark about a message that is not there.
    #[error("it is about a message that is not here")]
    NoMessage,
    /// Somebody else's words.
    #[error("only whoever wrote a message edits or deletes it")]
    NotYourWords,
    /// Words about a proposal.
    #[error("what was said about a proposal stays with it as it was said")]
    OfDecision,
    /// More marks than there may be.
    #[error("there are too many marks on that message already: take one of yours away")]
    TooManyMarks,
    /// Pinned already, or not pinned.
    #[error("it is pinned already, or is not")]
    PinnedSo,
    /// More pins than there may be.
    #[error("sixteen messages are pinned already: take a pin away first")]
    TooManyPins,
    /// A wrong time after which words vanish.
    #[error("words vanish after an hour to a year, or not at all, and it must be another time than now")]
    Vanishing,
    /// As often as one may on one day.
    #[error("nobody asks others to talk alone more than 10 times a day: try again tomorrow")]
    WhisperedEnough,
    /// No such introduction, or it is over.
    #[error("there is no such introduction, or it is over")]
    NoIntroduction,
    /// Too few, too many, or one twice.
    #[error("an introduction brings people of two to eight other bodies together, each named once")]
    Introduces,
    /// Too short or too long.
    #[error("people have between one and 21 days to consent to an introduction")]
    IntroductionDays,
    /// It cannot be forwarded.
    #[error(
        "what is forwarded is another body's announcement that holds, and that it signed for all who hear it"
    )]
    NotForAll,
}

/// The standing that was needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum WantedStanding {
    /// Waiting for admission.
    Applied,
    /// In the room.
    Present,
}

impl core::fmt::Display for WantedStanding {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Applied => "waiting for admission",
            Self::Present => "in the room",
        })
    }
}
