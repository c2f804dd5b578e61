//! What is done with meetings, and by whom. Whoever guides one gives the word to whom they choose of those who asked, and
//! everybody sees it: the order of asking is theirs to keep or to leave.

use crate::id::{IntentId, Minutes, PersonaId};
use crate::label::{Label, hash};
use crate::org::denied::Denied;
use crate::org::effect::Effect;
use crate::org::judge::bounded;
use crate::org::mandate::DAY;
use crate::org::meeting::{
    FARTHEST, LONGEST_MEETING, LONGEST_MINUTES, LONGEST_POINT, LONGEST_QUESTION, MOST_HANDS, MOST_POINTS,
    MOST_WITNESSES, Meeting, MeetingMoved, MeetingStage, MeetingStep, Minuted, OPEN_MEETINGS, Point,
};
use crate::org::proposal::LONGEST_TITLE;
use crate::org::state::State;

/// Hash of minutes, by which everybody means the same text.
#[must_use]
pub fn minutes_hash(text: &str) -> [u8; 32] {
    hash(Label::Minutes, &[text.as_bytes()])
}

fn fits(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.len() <= most
}

fn sound_agenda(items: &[String]) -> Result<(), Denied> {
    if items.len() <= MOST_POINTS && items.iter().all(|item| fits(item, LONGEST_POINT)) {
        Ok(())
    } else {
        Err(Denied::Agenda)
    }
}

/// The place of what people count from 1.
pub(super) fn place(number: u16) -> Option<usize> {
    usize::from(number).checked_sub(1)
}

impl State {
    pub(super) fn judge_call(
        &self,
        author: &PersonaId,
        id: IntentId,
        title: String,
        at: Minutes,
        agenda: Vec<String>,
    ) -> Result<Effect, Denied> {
        self.in_good_standing(author)?;
        if self.meetings.contains_key(&id) {
            return Err(Denied::Repeated);
        }
        if !fits(&title, LONGEST_TITLE) {
            return Err(Denied::Text);
        }
        sound_agenda(&agenda)?;
        let now = self.now();
        if at.0.saturating_add(DAY) < now.0 || at.0 > now.0.saturating_add(FARTHEST * DAY) {
            return Err(Denied::MeetingDate);
        }
        let open = |meeting: &&Meeting| meeting.is_open() && !meeting.has_lapsed(now);
        if self.meetings.values().filter(open).count() >= OPEN_MEETINGS {
            return Err(Denied::TooManyWaiting);
        }
        Ok(Effect::MeetingCalled {
            meeting: id,
            title,
            at,
            agenda,
        })
    }

    pub(super) fn judge_meeting(
        &self,
        author: &PersonaId,
        id: IntentId,
        step: MeetingStep,
    ) -> Result<Effect, Denied> {
        let meeting = self.meetings.get(&id).ok_or(Denied::NoMeeting)?;
        if !meeting.is_open() {
            return Err(Denied::NoMeeting);
        }
        let moved = match step {
            MeetingStep::Agenda { items } => self.judge_agenda(author, meeting, items),
            MeetingStep::Open => self.judge_begin(author, meeting),
            MeetingStep::Here { here } => Self::judge_presence(author, meeting, here),
            MeetingStep::Ask { ask } => Self::judge_asking(author, meeting, ask),
            MeetingStep::Give { persona } => self.judge_giving(author, meeting, persona),
            MeetingStep::Item { item } => self.judge_item(author, meeting, item),
            MeetingStep::Hands {
                question,
                yes,
                no,
                abstain,
            } => self.judge_hands(author, meeting, question, (yes, no, abstain)),
            MeetingStep::Witness { vote, right } => Self::judge_witness(author, meeting, vote, right),
            MeetingStep::Close => self.judge_end(author, meeting),
            MeetingStep::Minutes { text } => self.judge_minutes(author, meeting, text),
            MeetingStep::Adopt { version } => self.judge_adoption(author, meeting, version),
            MeetingStep::Contest { version, reason } => self.judge_contest(author, meeting, version, reason),
            MeetingStep::Cancel => {
                if meeting.by != *author {
                    self.guided(author, meeting)?;
                }
                match meeting.stage {
                    MeetingStage::Called => Ok(MeetingMoved::Cancelled),
                    _ => Err(Denied::MeetingBegun),
                }
            }
        };
        moved.map(|moved| Effect::Met { meeting: id, moved })
    }

    fn guided(&self, author: &PersonaId, meeting: &Meeting) -> Result<(), Denied> {
        if self.guides(meeting, author) {
            Ok(())
        } else {
            Err(Denied::NotGuide)
        }
    }

    fn held(meeting: &Meeting) -> Result<(), Denied> {
        match meeting.stage {
            MeetingStage::Held => Ok(()),
            _ => Err(Denied::NotHeld),
        }
    }

    /// What was reached stays where it is: turns and votes refer to it.
    fn judge_agenda(
        &self,
        author: &PersonaId,
        meeting: &Meeting,
        items: Vec<String>,
    ) -> Result<MeetingMoved, Denied> {
        self.guided(author, meeting)?;
        if meeting.stage == MeetingStage::Closed {
            return Err(Denied::NotHeld);
        }
        sound_agenda(&items)?;
        let stays =
            |(at, point): (usize, &Point)| point.reached.is_none() || items.get(at) == Some(&point.text);
        if !meeting.agenda.iter().enumerate().all(stays) {
            return Err(Denied::Agenda);
        }
        Ok(MeetingMoved::Planned { items })
    }

    fn judge_begin(&self, author: &PersonaId, meeting: &Meeting) -> Result<MeetingMoved, Denied> {
        self.guided(author, meeting)?;
        match meeting.stage {
            MeetingStage::Called => Ok(MeetingMoved::Opened),
            _ => Err(Denied::MeetingBegun),
        }
    }

    fn judge_presence(author: &PersonaId, meeting: &Meeting, here: bool) -> Result<MeetingMoved, Denied> {
        Self::held(meeting)?;
        if meeting.is_here(author) == here {
            return Err(Denied::Repeated);
        }
        Ok(if here {
            MeetingMoved::Came
        } else {
            MeetingMoved::Left
        })
    }

    fn judge_asking(author: &PersonaId, meeting: &Meeting, ask: bool) -> Result<MeetingMoved, Denied> {
        Self::held(meeting)?;
        if !meeting.is_here(author) {
            return Err(Denied::NotAttending);
        }
        let asks = meeting.queue.contains(author);
        match ask {
            true if asks => Err(Denied::Repeated),
            true => Ok(MeetingMoved::Asked),
            false if asks || meeting.speaker == Some(*author) => Ok(MeetingMoved::TookBack),
            false => Err(Denied::NotAsked),
        }
    }

    fn judge_giving(
        &self,
        author: &PersonaId,
        meeting: &Meeting,
        persona: PersonaId,
    ) -> Result<MeetingMoved, Denied> {
        self.guided(author, meeting)?;
        Self::held(meeting)?;
        if !self.speakers(meeting).contains(&persona) {
            return Err(Denied::NotAsked);
        }
        Ok(MeetingMoved::Given { persona })
    }

    fn judge_item(&self, author: &PersonaId, meeting: &Meeting, item: u16) -> Result<MeetingMoved, Denied> {
        self.guided(author, meeting)?;
        Self::held(meeting)?;
        place(item)
            .and_then(|place| meeting.agenda.get(place))
            .ok_or(Denied::NoPoint)?;
        if meeting.item == Some(item) {
            return Err(Denied::Repeated);
        }
        Ok(MeetingMoved::Reached { item })
    }

    fn judge_hands(
        &self,
        author: &PersonaId,
        meeting: &Meeting,
        question: String,
        (yes, no, abstain): (u16, u16, u16),
    ) -> Result<MeetingMoved, Denied> {
        self.guided(author, meeting)?;
        Self::held(meeting)?;
        if !fits(&question, LONGEST_QUESTION) {
            return Err(Denied::Text);
        }
        if meeting.hands.len() >= MOST_HANDS {
            return Err(Denied::TooManyWaiting);
        }
        let here = self.here(meeting).len();
        let counted = usize::from(yes) + usize::from(no) + usize::from(abstain);
        if counted == 0 || counted > here {
            return Err(Denied::TooManyHands {
                here: u32::try_from(here).unwrap_or(u32::MAX),
            });
        }
        Ok(MeetingMoved::Counted {
            question,
            yes,
            no,
            abstain,
        })
    }

    fn judge_witness(
        author: &PersonaId,
        meeting: &Meeting,
        vote: u16,
        right: bool,
    ) -> Result<MeetingMoved, Denied> {
        let hands = place(vote).and_then(|place| meeting.hands.get(place));
        let hands = hands.ok_or(Denied::NoHands)?;
        if !meeting.is_here(author) {
            return Err(Denied::NotAttending);
        }
        if hands.by == *author {
            return Err(Denied::OwnCount);
        }
        let said = if right { &hands.right } else { &hands.wrong };
        if said.contains(author) {
            return Err(Denied::Repeated);
        }
        if said.len() >= MOST_WITNESSES {
            return Err(Denied::WitnessedEnough);
        }
        Ok(MeetingMoved::Witnessed { vote, right })
    }

    fn judge_end(&self, author: &PersonaId, meeting: &Meeting) -> Result<MeetingMoved, Denied> {
        Self::held(meeting)?;
        let opened = meeting.opened.map_or(meeting.called, |opened| opened.at);
        let long = self.now().0 >= opened.0.saturating_add(LONGEST_MEETING);
        if !(long && meeting.is_here(author)) {
            self.guided(author, meeting)?;
        }
        Ok(MeetingMoved::Closed)
    }

    fn judge_minutes(
        &self,
        author: &PersonaId,
        meeting: &Meeting,
        text: String,
    ) -> Result<MeetingMoved, Denied> {
        if meeting.by != *author {
            self.guided(author, meeting)?;
        }
        if meeting.stage != MeetingStage::Closed {
            return Err(Denied::NotClosed);
        }
        if !fits(&text, LONGEST_MINUTES) {
            return Err(Denied::Text);
        }
        let before = meeting.minutes.as_ref();
        let hash = minutes_hash(&text);
        if before.is_some_and(|minutes| minutes.hash == hash) {
            return Err(Denied::Repeated);
        }
        let version = before.map_or(0, |minutes| minutes.version).saturating_add(1);
        Ok(MeetingMoved::Minuted { text, version, hash })
    }

    /// The minutes, if the author may say something about them.
    fn minutes_for<'a>(
        &self,
        author: &PersonaId,
        meeting: &'a Meeting,
        version: u32,
    ) -> Result<(&'a Minuted, Vec<PersonaId>, usize), Denied> {
        let minutes = meeting.minutes.as_ref().ok_or(Denied::NoMinutes)?;
        if minutes.by == *author {
            return Err(Denied::OwnMinutes);
        }
        let (adopters, enough) = self.adopters(meeting);
        if !adopters.contains(author) {
            return Err(Denied::NotAttending);
        }
        if minutes.version != version {
            return Err(Denied::OtherMinutes);
        }
        Ok((minutes, adopters, enough))
    }

    fn judge_adoption(
        &self,
        author: &PersonaId,
        meeting: &Meeting,
        version: u32,
    ) -> Result<MeetingMoved, Denied> {
        let (minutes, adopters, enough) = self.minutes_for(author, meeting, version)?;
        let adopts = |id: &&PersonaId| *id == author || minutes.adopted.contains(id);
        let done = adopters.iter().filter(adopts).count() >= enough;
        // Where others have left since, who adopted them before may say so again.
        if minutes.adopted.contains(author) && !done {
            return Err(Denied::Repeated);
        }
        Ok(MeetingMoved::Adopted { done })
    }

    fn judge_contest(
        &self,
        author: &PersonaId,
        meeting: &Meeting,
        version: u32,
        reason: String,
    ) -> Result<MeetingMoved, Denied> {
        let (minutes, ..) = self.minutes_for(author, meeting, version)?;
        if minutes.contested.contains(author) {
            return Err(Denied::Repeated);
        }
        if reason.trim().is_empty() {
            return Err(Denied::Text);
        }
        let reason = bounded(reason)?;
        Ok(MeetingMoved::Contested { reason })
    }
}
