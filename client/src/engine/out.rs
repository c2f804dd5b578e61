//! Who was removed while their device could not read the room asks for ever to be renewed: a keyholder's device tells
//! them. It is that person's word, shown as such: it ends nothing, since an answer that leads in is taken all the same.

use caucus_proto::id::{ChannelId, PersonaId, RoomId};
use caucus_proto::label::{Label, hash};
use caucus_proto::org::{NoticeKind, SignedNotice, Standing};

use super::answer::Reply;
use super::error::EngineError;
use super::jobs::ANSWERS;
use super::record::{Job, RenewalRecord};
use super::room::Room;
use crate::mls::PersonaKeys;
use crate::vault::Overlay;

/// What a keyholder signs: that this persona, whose answers go to this drop, is not in this room.
fn digest(room: &RoomId, persona: &PersonaId, reply: &ChannelId) -> [u8; 32] {
    hash(
        Label::ToldOut,
        &[room.as_bytes(), persona.as_bytes(), reply.as_bytes()],
    )
}

impl Room {
    /// Keeps the job that answers a request to be renewed of one who is out; nothing where it was answered already.
    pub(super) fn tell_out(&self, overlay: &Overlay, request: &SignedNotice) -> Result<(), EngineError> {
        let NoticeKind::Renewal { reply, .. } = &request.notice.kind else {
            return Ok(());
        };
        let persona = PersonaKeys::from_bytes(&self.record.persona_key.0);
        let job = Job::TellOut {
            persona: request.author,
            reply: reply.clone(),
            answer: Reply::Out {
                by: self.record.persona,
                signature: persona.sign(&digest(&self.record.room, &request.author, &reply.channel)),
            },
        };
        self.keep_job(overlay, &job)
    }

    /// Whether somebody who is out asks here to be renewed, whom this device has not answered.
    pub(super) fn asks_from_outside(&self, notice: &SignedNotice) -> bool {
        let gone = self
            .state
            .person(&notice.author)
            .is_some_and(|person| matches!(person.standing, Standing::Gone { .. }));
        let NoticeKind::Renewal { reply, .. } = &notice.notice.kind else {
            return false;
        };
        gone && notice.author != self.record.persona
            && self.rank().is_some()
            && self.plan.told.len() < ANSWERS
            && !self.plan.told.contains(&reply.channel)
            && self.is_signed(notice)
    }

    /// Answers one who is out and asks to be renewed.
    pub(super) fn answer_outside(&mut self, notice: &SignedNotice) -> Result<(), EngineError> {
        if let NoticeKind::Renewal { reply, .. } = &notice.notice.kind {
            self.plan.told.insert(reply.channel);
        }
        self.transact(|room, overlay| room.tell_out(overlay, notice))
    }

    /// Who says that this person is out, among the answers to their request.
    pub(super) fn told_out(&self, request: &RenewalRecord) -> Option<String> {
        let reply = request.reply()?;
        let digest = digest(&self.record.room, &self.record.persona, &reply.channel);
        request.answers.iter().find_map(|answer| {
            let Reply::Out { by, signature } = answer else {
                return None;
            };
            let person = self.state.person(by).filter(|person| person.is_present())?;
            person.key.verify(&digest, signature).ok()?;
            (*by != self.record.persona).then(|| {
                format!(
                    "{} says that you are not in this room any more, which this device could not read: ask them why. \
                     What you have of it stays here to be read",
                    person.name
                )
            })
        })
    }
}
