//! Whether machine and interpreter agree about offices, charter, proposals, polls and what is final.

use caucus_proto::id::PersonaId;
use caucus_proto::org::{
    Count, Decided, Meeting, MeetingStage, Poll, Stage, State, Subject, Votes, minutes_hash,
};

use super::cast::charter_by;
use super::compare::{Difference, same};
use super::decisions::{Motion, Phase, Shut, Vote};
use super::interpreter::Model;
use super::mandates::{Place, Seat};
use super::meetings::{Gathering, How, sayers};
use super::rules::Rules;
use super::tally::{Came, Told};

pub(super) fn offices(state: &State, model: &Model) -> Result<(), Difference> {
    let seats: Vec<_> = (state.mandates.iter())
        .map(|mandate| Seat {
            office: mandate.office,
            holder: mandate.holder,
            start: mandate.start.0,
            end: mandate.end.map(|end| end.0),
            from: mandate.from.0,
            terms: mandate.terms,
        })
        .collect();
    same!(seats, model.seats);
    same!(state.begun, model.begun);
    for office in caucus_proto::org::Office::ALL {
        let last = state
            .turns
            .get(&office)
            .map(|turn| -> Place { (turn.0.0, turn.1) });
        same!(last, model.last_place(office));
        same!(
            state.served.get(&office).cloned().unwrap_or_default(),
            model.served(office)
        );
        same!(state.eligible(office), model.willing(office));
    }
    Ok(())
}

pub(super) fn charter(before: &State, state: &State, model: &Model) -> Result<(), Difference> {
    same!(state.charter_version(), model.charters);
    let from = state.amended.as_ref().map_or(0, |amended| amended.from.0);
    same!(from, model.charter_from);
    // It is another only where something was decided.
    if before.charter_version() != state.charter_version() {
        same!(*state.charter(), charter_by(&model.rules));
    }
    Ok(())
}

/// Proposals, those who may vote on them, and what waits to be final.
pub(super) fn decisions(before: &State, state: &State, model: &Model) -> Result<(), Difference> {
    let finality = &state.finality;
    same!(
        (
            finality.last.0,
            finality.next.map(|next| next.0),
            finality.seated.0
        ),
        (model.last_final, model.next_final, model.seated)
    );
    same!(finality.waiting, model.waiting);
    same!(state.next_proposal, model.motions_ever + 1);
    same!(state.proposals.len(), model.motions.len());
    let voters: usize = model.motions.iter().map(|motion| motion.roll.len()).sum();
    same!(state.voters.len(), voters);
    for motion in &model.motions {
        let ours = state.proposal(&motion.id).ok_or("a proposal is not there")?;
        // What was not touched was looked at before.
        if before.proposal(&motion.id) == Some(ours) && !matches!(ours.stage, Stage::Polled(_)) {
            continue;
        }
        same!(
            (ours.number, ours.by, ours.at.0, ours.position.0, ours.version),
            (
                motion.number,
                motion.by,
                motion.at,
                motion.position,
                motion.version
            )
        );
        same!((&ours.title, &ours.text), (&motion.title, &motion.text));
        same!(ours.subject == motion.subject, true);
        let others: Vec<_> = (ours.amendments.iter())
            .map(|other| (other.number, other.by, other.text.clone()))
            .collect();
        same!((&ours.supporters, &others), (&motion.backers, &motion.others));
        same!(ours.next_amendment, motion.others_ever + 1);
        stages(&ours.stage, &motion.phase)?;
        roll(state, motion)?;
        if ours.is_open() {
            let (have, needed) = state.support(ours);
            same!(have >= needed, model.is_wanted(motion));
        }
    }
    Ok(())
}

fn roll(state: &State, motion: &Motion) -> Result<(), Difference> {
    let ours: Vec<_> = (state.voters_of(motion.number))
        .map(|(who, voter)| (*who, voter.ballot.clone(), voter.missed))
        .collect();
    let mut theirs: Vec<_> = (motion.roll.iter())
        .map(|voice| {
            let said = voice.said.as_ref().map(|(outside, _)| outside.clone());
            (voice.who, said, voice.missed)
        })
        .collect();
    theirs.sort_by_key(|(who, ..)| *who);
    same!(ours, theirs);
    Ok(())
}

fn stages(ours: &Stage, theirs: &Phase) -> Result<(), Difference> {
    match (ours, theirs) {
        (Stage::Open, Phase::Talk) => Ok(()),
        (Stage::Polled(poll), Phase::Vote(vote)) => polls(poll, vote),
        (Stage::Closed(closed), Phase::Shut(shut)) => closed_alike(closed, shut),
        (Stage::Decided(decided), Phase::Done(done)) => {
            let Decided {
                closed,
                position,
                at,
                carried,
                outcome,
            } = &**decided;
            same!(
                (position.0, at.0, *carried),
                (done.position, done.at, done.carried)
            );
            let said = (outcome.as_ref()).map(|outcome| {
                let review = outcome.review.map(|date| date.0);
                (outcome.by, outcome.text.clone(), review)
            });
            same!(said, done.outcome);
            closed_alike(closed, &done.shut)
        }
        _ => Err(format!("a proposal is {ours:?} and not {theirs:?}")),
    }
}

fn polls(poll: &Poll, vote: &Vote) -> Result<(), Difference> {
    same!(
        (
            poll.by,
            poll.opened.0,
            poll.position.0,
            poll.until.0,
            poll.reopened
        ),
        (vote.by, vote.opened, vote.position, vote.until, vote.reopened)
    );
    same!((poll.method, poll.seal), (vote.method, vote.seal));
    same!((&poll.options, &poll.candidates), (&vote.options, &vote.names));
    same!(poll.voters as usize, vote.voters);
    let rules = Rules {
        words: vote.rule,
        ..vote.rules.clone()
    };
    let charter = charter_by(&rules);
    same!(poll.rule, charter.polls.ordinary);
    let kept = poll.kept;
    same!(
        (kept.absent, kept.grace, kept.leavers, kept.suspended, kept.silent),
        (
            charter.absent,
            charter.polls.grace,
            charter.polls.leavers,
            charter.polls.suspended,
            charter.polls.silent
        )
    );
    Ok(())
}

fn closed_alike(closed: &caucus_proto::org::Closed, shut: &Shut) -> Result<(), Difference> {
    same!(
        (closed.by, closed.at.0, closed.position.0),
        (shut.by, shut.at, shut.position)
    );
    polls(&closed.poll, &shut.vote)?;
    same!(counted(&closed.count), shut.came);
    Ok(())
}

fn counted(count: &Count) -> Came {
    let wide = |number: &u32| *number as usize;
    Came {
        voters: wide(&count.voters),
        cast: wide(&count.cast),
        abstained: wide(&count.abstained),
        spoiled: wide(&count.spoiled),
        told: match &count.votes {
            Votes::ForOrAgainst { yes, no } => Told::Two(wide(yes), wide(no)),
            Votes::Each(each) => Told::Each(each.iter().map(wide).collect()),
            Votes::Rounds(rounds) => {
                let round =
                    |round: &Vec<Option<u32>>| round.iter().map(|votes| votes.as_ref().map(wide)).collect();
                Told::Rounds(rounds.iter().map(round).collect())
            }
        },
        quorum: count.quorum,
        passed: count.passed,
        chosen: count.chosen.clone(),
    }
}

/// Nobody votes twice or on themselves, and what is decided is done once (laws 8 and 13).
pub(super) fn nobody_decides_on_themselves(before: &State, state: &State) -> Result<(), Difference> {
    for (id, proposal) in state.proposals.iter() {
        if let Some(poll) = proposal.poll()
            && before.proposal(id).is_none_or(|was| was.poll().is_none())
        {
            let about = match &proposal.subject {
                Subject::Remove { persona } => Some(persona),
                Subject::Recall { holder, .. } => Some(holder),
                _ => None,
            };
            let voters: Vec<&PersonaId> = state.voters_of(proposal.number).map(|(who, _)| who).collect();
            same!(voters.len(), poll.voters as usize);
            let alone = state.present().count() == 1;
            same!(
                about.is_some_and(|about| voters.contains(&about)) && !alone,
                false
            );
        }
        // Decided stays decided, and as it was counted.
        if let Some(was) = before.proposal(id).and_then(|was| was.decided()) {
            let is = proposal.decided().ok_or("a decision is open again")?;
            same!((&was.closed, was.carried), (&is.closed, is.carried));
        }
    }
    Ok(())
}

/// Meetings, and who guides them and adopts their minutes.
pub(super) fn meetings(before: &State, state: &State, model: &Model) -> Result<(), Difference> {
    same!(state.next_meeting, model.gatherings_ever + 1);
    same!(state.meetings.len(), model.gatherings.len());
    for gathering in &model.gatherings {
        let ours = state.meeting(&gathering.id).ok_or("a meeting is not there")?;
        if gathering.is_open() {
            same!(state.here(ours).len(), model.those_there(gathering).len());
            let (mut adopters, needed) = model.who_adopts(gathering);
            let (mut others, enough) = state.adopters(ours);
            adopters.sort();
            others.sort();
            same!((others, enough), (adopters, needed));
        }
        // What was not touched was looked at before.
        if before.meeting(&gathering.id) != Some(ours) {
            meeting(ours, gathering)?;
        }
    }
    Ok(())
}

fn meeting(ours: &Meeting, gathering: &Gathering) -> Result<(), Difference> {
    same!(
        (ours.number, ours.by, ours.called.0, &ours.title, ours.at.0),
        (
            gathering.number,
            gathering.by,
            gathering.called,
            &gathering.title,
            gathering.at
        )
    );
    let how = match ours.stage {
        MeetingStage::Called => How::Called,
        MeetingStage::Held => How::Held,
        MeetingStage::Closed => How::Closed,
        MeetingStage::Adopted => How::Adopted,
        MeetingStage::Cancelled => How::Cancelled,
        MeetingStage::Lapsed => How::Lapsed,
    };
    same!(how, gathering.how);
    let moments = [ours.opened, ours.closed].map(|moment| moment.map(|at| (at.at.0, at.position.0)));
    same!(moments, [gathering.began, gathering.ended]);
    same!(ours.attended as usize, gathering.came.len());
    same!((&ours.speaker, &ours.queue), (&gathering.word, &gathering.asked));
    let minutes = ours.minutes.as_ref().map(|minutes| {
        let written = (minutes.written.at.0, minutes.written.position.0);
        (
            minutes.by,
            minutes.version as usize,
            minutes.hash,
            minutes.length as usize,
            written,
        )
    });
    let paper = gathering.papers.last().map(|paper| {
        let hash = minutes_hash(&paper.text);
        (
            paper.by,
            gathering.papers.len(),
            hash,
            paper.text.len(),
            paper.written,
        )
    });
    same!(minutes, paper);
    // Of a meeting that is over nothing else is kept.
    let kept = if gathering.is_open() {
        Some(gathering)
    } else {
        None
    };
    let points: Vec<_> = ours
        .agenda
        .iter()
        .map(|point| (point.text.clone(), point.reached.map(|at| at.0)))
        .collect();
    same!(points, kept.map_or_else(Vec::new, |kept| kept.points.clone()));
    let mut came = kept.map_or_else(Vec::new, |kept| kept.came.clone());
    came.sort();
    let people: Vec<_> = (ours.people.iter())
        .map(|(id, there)| (*id, there.came.0, there.left.map(|left| left.0)))
        .collect();
    same!(people, came);
    let turns: Vec<_> = ours
        .turns
        .iter()
        .map(|turn| (turn.to, turn.item, turn.at.0))
        .collect();
    same!(
        (ours.item, turns),
        kept.map_or((None, vec![]), |kept| (kept.point, kept.given.clone()))
    );
    same!(ours.hands.len(), kept.map_or(0, |kept| kept.hands.len()));
    for (ours, theirs) in ours.hands.iter().zip(&gathering.hands) {
        same!(
            (
                ours.by,
                ours.at.0,
                ours.item,
                &ours.question,
                (ours.yes, ours.no, ours.abstain)
            ),
            (
                theirs.by,
                theirs.at,
                theirs.point,
                &theirs.question,
                theirs.counts
            )
        );
        same!(
            (&ours.right, &ours.wrong),
            (&sayers(&theirs.said, true), &sayers(&theirs.said, false))
        );
    }
    let said = ours
        .minutes
        .as_ref()
        .map(|minutes| (minutes.adopted.clone(), minutes.contested.clone()));
    let says = gathering.papers.last().map(|paper| match kept {
        Some(_) => (sayers(&paper.said, true), sayers(&paper.said, false)),
        None => (vec![], vec![]),
    });
    same!(said, says);
    Ok(())
}
