//! The requests of one connection that wait for their answers: pure bookkeeping, no bytes, no time.
//!
//! Its promise: every request ends exactly once, and one that ends without an answer knows whether it had
//! left. How many are open is bounded by the caller; how many were given up while the relay still owes an
//! answer is bounded here.

use std::collections::HashMap;

use caucus_proto::error::PeerFault;
use caucus_proto::wire::{Answer, Answered};
use tokio::sync::oneshot;

use super::error::{LinkError, Sent};

/// Requests that wait for an answer at a time.
pub(super) const OPEN_REQUESTS: usize = 256;

/// A relay that owes so many answers to requests that were given up does not work.
const OWED: usize = 256;

/// What a waiting caller gets.
pub(super) type Outcome = Result<Answer, LinkError>;

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// It broke, or one side closed it.
    Lost,
    /// The relay broke the protocol.
    Peer(PeerFault),
}

/// Open requests by tag.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    requests: HashMap<u32, Waiting>,
    last_tag: u32,
    owed: usize,
    draining: Option<u32>,
    ended: Option<Ended>,
}

#[derive(Debug)]
struct Waiting {
    sent: Sent,
    caller: Option<oneshot::Sender<Outcome>>,
}

impl Exchange {
    /// A tag for a new request, and where its outcome will come.
    ///
    /// # Errors
    /// The connection is over or the relay goes away: nothing may be sent any more.
    pub(super) fn begin(&mut self) -> Result<(u32, oneshot::Receiver<Outcome>), LinkError> {
        if let Some(error) = self.over(Sent::No) {
            return Err(error);
        }
        loop {
            self.last_tag = self.last_tag.checked_add(1).unwrap_or(1);
            if !self.requests.contains_key(&self.last_tag) {
                break;
            }
        }
        let (caller, outcome) = oneshot::channel();
        let waiting = Waiting {
            sent: Sent::No,
            caller: Some(caller),
        };
        self.requests.insert(self.last_tag, waiting);
        Ok((self.last_tag, outcome))
    }

    /// The request is about to be written. Not any more if its caller gave up: then it never leaves.
    pub(super) fn leaves(&mut self, tag: u32) -> bool {
        match self.requests.get_mut(&tag) {
            Some(waiting) => {
                waiting.sent = Sent::Maybe;
                true
            }
            None => false,
        }
    }

    /// The caller waits no longer. Says whether the request had left.
    pub(super) fn give_up(&mut self, tag: u32) -> Sent {
        let Some(waiting) = self.requests.get_mut(&tag) else {
            return Sent::No;
        };
        let sent = waiting.sent;
        match sent {
            Sent::No => {
                self.requests.remove(&tag);
            }
            // The tag stays taken: an answer that comes late must not meet another request.
            Sent::Maybe => {
                if waiting.caller.take().is_some() {
                    self.owed = self.owed.saturating_add(1);
                }
            }
        }
        sent
    }

    /// Whether the relay owes more answers than any that works.
    pub(super) fn owes_too_much(&self) -> bool {
        self.owed > OWED
    }

    /// An answer came.
    ///
    /// # Errors
    /// `PeerFault` if nobody asked.
    pub(super) fn answered(&mut self, answered: Answered) -> Result<(), PeerFault> {
        if answered.tag == 0 {
            let Answer::Draining { back_in_ms } = answered.answer else {
                return Err(PeerFault::Malformed);
            };
            self.draining = Some(back_in_ms);
            return Ok(());
        }
        let asked = |waiting: &Waiting| waiting.sent == Sent::Maybe;
        if !self.requests.get(&answered.tag).is_some_and(asked) {
            return Err(PeerFault::Malformed);
        }
        match self
            .requests
            .remove(&answered.tag)
            .and_then(|waiting| waiting.caller)
        {
            // A caller that is gone in this very moment does not miss its answer.
            Some(caller) => drop(caller.send(Ok(answered.answer))),
            None => self.owed = self.owed.saturating_sub(1),
        }
        Ok(())
    }

    /// The connection is over: every open request ends with what is known of it.
    pub(super) fn end(&mut self, how: Ended) {
        self.ended.get_or_insert(how);
        for (_, waiting) in self.requests.drain() {
            if let Some(caller) = waiting.caller {
                // The relay's farewell is no answer to a request that had left.
                let outcome = match (waiting.sent, self.draining) {
                    (Sent::No, Some(back_in_ms)) => LinkError::Draining { back_in_ms },
                    (sent, _) => how.error(sent),
                };
                drop(caller.send(Err(outcome)));
            }
        }
    }

    /// What the relay said when it announced that it goes away: milliseconds.
    pub(super) fn draining(&self) -> Option<u32> {
        self.draining
    }

    /// Why nothing more can be asked, if so.
    pub(super) fn over(&self, sent: Sent) -> Option<LinkError> {
        match (self.draining, self.ended) {
            (_, Some(how @ Ended::Peer(_))) => Some(how.error(sent)),
            (Some(back_in_ms), _) => Some(LinkError::Draining { back_in_ms }),
            (None, Some(how)) => Some(how.error(sent)),
            (None, None) => None,
        }
    }

    /// Whether the connection is over.
    pub(super) fn ended(&self) -> bool {
        self.ended.is_some()
    }
}

impl Ended {
    fn error(self, sent: Sent) -> LinkError {
        match self {
            Self::Lost => LinkError::Lost { sent },
            Self::Peer(fault) => LinkError::Peer { fault, sent },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(tag: u32) -> Answered {
        Answered {
            tag,
            answer: Answer::Done,
        }
    }

    #[test]
    fn a_request_that_had_not_left_is_known_not_to_be_done() {
        let mut exchange = Exchange::default();
        let (first, mut first_outcome) = exchange.begin().unwrap();
        let (_, mut second_outcome) = exchange.begin().unwrap();
        assert!(exchange.leaves(first));
        exchange.end(Ended::Lost);
        let lost = |sent| Ok(Err(LinkError::Lost { sent }));
        assert_eq!(first_outcome.try_recv(), lost(Sent::Maybe));
        assert_eq!(second_outcome.try_recv(), lost(Sent::No));
        assert_eq!(exchange.begin().unwrap_err(), LinkError::Lost { sent: Sent::No });
    }

    #[test]
    fn a_request_given_up_before_it_left_never_leaves() {
        let mut exchange = Exchange::default();
        let (tag, _outcome) = exchange.begin().unwrap();
        assert_eq!(exchange.give_up(tag), Sent::No);
        assert!(!exchange.leaves(tag));
    }

    #[test]
    fn an_answer_to_a_request_given_up_is_no_fault_but_one_to_nothing_is() {
        let mut exchange = Exchange::default();
        let (tag, _outcome) = exchange.begin().unwrap();
        assert!(exchange.leaves(tag));
        assert_eq!(exchange.give_up(tag), Sent::Maybe);
        assert_eq!(exchange.answered(done(tag)), Ok(()));
        assert_eq!(exchange.answered(done(tag)), Err(PeerFault::Malformed));
        assert_eq!(exchange.answered(done(0)), Err(PeerFault::Malformed));
    }

    #[test]
    fn an_answer_that_comes_before_its_request_left_is_a_fault() {
        let mut exchange = Exchange::default();
        let (tag, _outcome) = exchange.begin().unwrap();
        assert_eq!(exchange.answered(done(tag)), Err(PeerFault::Malformed));
    }

    #[test]
    fn tags_go_around_without_meeting_an_open_one() {
        let mut exchange = Exchange::default();
        let (first, _outcome) = exchange.begin().unwrap();
        exchange.last_tag = u32::MAX;
        let (next, _other) = exchange.begin().unwrap();
        assert_eq!((first, next), (1, 2));
    }

    #[test]
    fn a_relay_that_goes_away_is_asked_nothing_new_but_still_answers() {
        let mut exchange = Exchange::default();
        let (tag, mut outcome) = exchange.begin().unwrap();
        assert!(exchange.leaves(tag));
        let farewell = Answer::Draining { back_in_ms: 700 };
        exchange
            .answered(Answered {
                tag: 0,
                answer: farewell,
            })
            .unwrap();
        assert_eq!(
            exchange.begin().unwrap_err(),
            LinkError::Draining { back_in_ms: 700 }
        );
        exchange.answered(done(tag)).unwrap();
        assert_eq!(outcome.try_recv(), Ok(Ok(Answer::Done)));
    }

    #[test]
    fn answers_owed_are_counted_until_it_is_too_much() {
        let mut exchange = Exchange::default();
        for _ in 0..=OWED {
            assert!(!exchange.owes_too_much());
            let (tag, _outcome) = exchange.begin().unwrap();
            assert!(exchange.leaves(tag));
            assert_eq!(exchange.give_up(tag), Sent::Maybe);
        }
        assert!(exchange.owes_too_much());
    }
}
