//! What an honest person's agent wants to send, given what it read.
//!
//! An agent has one request at a time. The request is written into its vault before it goes onto the wire, and stays there
//! until the agent has read its own entry or a counter past the one that the request names; a crash between loses only what
//! was on the wire and the answer. Intents (a message, an act) stand beside it and outlive it.

use super::people::{Law, PEOPLE, Person, Reader, Set, View};
use super::relay::{Body, Entry, Flag, Op, Relay};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Wire,
    /// After a crash: stored or not, the agent does not know.
    Unsure,
    Acknowledged,
    /// The relay said that the counter moved, or that the handle is dead.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) segment: u8,
    pub(crate) entry: Entry,
    pub(crate) place: Place,
}

/// What somebody who cannot follow a cut posts in the refuge of the secret before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Post {
    /// "The keys in force are not mine."
    Stuck,
    /// The same, with a request for renewal.
    Asks,
}

/// The durable state of one honest person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Agent {
    pub(crate) read: u8,
    pub(crate) request: Option<Request>,
    pub(crate) keeps_message: bool,
    pub(crate) keeps_act: bool,
    pub(crate) refuge: Option<Post>,
}

/// When an agent forgets an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Forget {
    /// Later than the run.
    Never,
    Acknowledged,
    /// Once heads of more than half attest it.
    Attested,
}

/// One configuration: who there is, what is to be done, what may go wrong, and which rules hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) honest: Set,
    pub(crate) keyholders: Set,
    /// Who has a message to send, and who an act that needs a commit.
    pub(crate) messages: Set,
    pub(crate) acts: Set,
    /// A decision to put the insider out is to be executed, by the first person.
    pub(crate) removal: bool,
    /// How many right cuts are to be made; after the removal, where there is one.
    pub(crate) turns: u8,
    pub(crate) insider: super::insider::Insider,
    pub(crate) crashes: u8,
    pub(crate) forget: Forget,
    pub(crate) relay: super::relay::RelayRules,
    pub(crate) law: Law,
    /// Who cannot follow a cut is heard in the refuge.
    pub(crate) refuge: bool,
    /// A keyholder answers wrong keys with a cut of its own.
    pub(crate) answers: bool,
}

impl Setup {
    pub(crate) fn reader<'a>(&self, relay: &'a Relay, who: Person, upto: u8) -> Reader<'a> {
        Reader {
            relay,
            law: self.law,
            honest: self.honest,
            who,
            upto,
        }
    }

    /// How far a person gets from where they are: entry by entry as the relay serves them, or past a gap by a welcome.
    pub(crate) fn reads_to(&self, relay: &Relay, who: Person, from: u8) -> u8 {
        let mut at = from;
        while at < relay.len() {
            if relay.serves(who, self.keyholders.has(who), at) {
                at += 1;
                continue;
            }
            let welcome = (at..relay.len()).find(|p| {
                let e = &relay.log[usize::from(*p)];
                let mine = matches!(e.body, Body::Commit { op: Op::Renew(r), .. } if r == who);
                mine && self.honest.has(e.by)
            });
            match welcome {
                Some(position) => at = position + 1,
                None => break,
            }
        }
        at
    }

    /// What the agent of `who`, who read all it can, may send next.
    pub(crate) fn wants(
        &self,
        relay: &Relay,
        agents: &[Agent; PEOPLE as usize],
        who: Person,
    ) -> Vec<Request> {
        let agent = &agents[usize::from(who)];
        let reader = self.reader(relay, who, agent.read);
        let view = reader.judge();
        // What was skipped while holding gives nobody keys: only the segment of the held commit, or of an answer, is one's own.
        let own = |held: u8| view.segment <= relay.segment_of(held) || reader.independent(held, view.segment);
        let follows = relay.opens(who, view.segment, agent.read)
            && !view.is_wrong(view.segment)
            && (!self.law.stops || view.stopped.is_none_or(own));
        let mut wants = Vec::new();
        if follows {
            self.notices(&reader, agents, &view, &mut wants);
            self.commits_and_messages(&reader, agent, &view, &mut wants);
        }
        if self.keyholders.has(who) {
            wants.extend(self.cut(&reader, agents, &view, follows));
        }
        let request = |(flag, body, signer): (Flag, Body, Option<(u8, u8)>)| {
            let (head, read) = signer.unwrap_or((view.epoch, agent.read));
            let entry = Entry {
                flag,
                counter: view.counter,
                by: who,
                head,
                read,
                body,
            };
            Request {
                segment: view.segment,
                entry,
                place: Place::Wire,
            }
        };
        wants.into_iter().map(request).collect()
    }

    fn notices(
        &self,
        reader: &Reader<'_>,
        agents: &[Agent; PEOPLE as usize],
        view: &View,
        wants: &mut Vec<Want>,
    ) {
        let asking = reader.asking();
        let me = reader.who;
        if view.out && !asking.has(me) {
            wants.push((Flag::Plain, Body::Notice { of: me, asks: true }, None));
        }
        let behind = |position: u8| reader.attested_to(me, position) <= position;
        let heard = |d: u8| behind(d) && reader.common(d, reader.upto);
        let disputed =
            view.holds.is_some_and(heard) || (0..reader.upto).any(|d| heard(d) && reader.complaint(d));
        let unattested = self.forget == Forget::Attested
            && view.settled()
            && (0..reader.upto)
                .any(|p| behind(p) && matches!(reader.relay.log[usize::from(p)].body, Body::Say { .. }));
        if disputed || unattested {
            wants.push((Flag::Plain, Body::Notice { of: me, asks: false }, None));
        }
        for other in self.honest.without(me).iter() {
            let theirs = &agents[usize::from(other)];
            let carried = (0..reader.upto).any(|p| {
                let e = &reader.relay.log[usize::from(p)];
                e.body
                    == Body::Notice {
                        of: other,
                        asks: true,
                    }
                    && e.by != other
                    && e.read == theirs.read
            });
            if theirs.refuge == Some(Post::Asks) && !carried && !asking.has(other) {
                let head = self.reader(reader.relay, other, theirs.read).judge().epoch;
                wants.push((
                    Flag::Plain,
                    Body::Notice {
                        of: other,
                        asks: true,
                    },
                    Some((head, theirs.read)),
                ));
            }
        }
    }

    fn commits_and_messages(&self, reader: &Reader<'_>, agent: &Agent, view: &View, wants: &mut Vec<Want>) {
        let me = reader.who;
        let commit = |op| Body::Commit {
            from: view.epoch,
            op,
            can: Set::ALL,
            keys: true,
        };
        let provisional = view.holds.is_some_and(|disputed| {
            let (_, old, counted, _) = reader.heads(disputed);
            old * 2 >= counted
        });
        if view.settled() || provisional {
            for other in reader.asking().without(me).iter() {
                wants.push((Flag::Advance, commit(Op::Renew(other)), None));
            }
        }
        if !view.settled() {
            return;
        }
        if agent.keeps_act && view.acted[usize::from(me)] == 0 {
            wants.push((Flag::Advance, commit(Op::Act(me)), None));
        }
        if self.removal && me == 0 && !view.removed {
            wants.push((Flag::Advance, commit(Op::Remove), None));
        }
        if agent.keeps_message && view.said[usize::from(me)] == 0 {
            wants.push((Flag::Plain, Body::Say { from: view.epoch }, None));
        }
    }

    fn cut(
        &self,
        reader: &Reader<'_>,
        agents: &[Agent; PEOPLE as usize],
        view: &View,
        follows: bool,
    ) -> Option<Want> {
        let me = reader.who;
        if follows && view.settled() {
            let due = view.turns < self.turns && (view.removed || !self.removal);
            let body = Body::Commit {
                from: view.epoch,
                op: Op::Turn,
                can: Set::ALL,
                keys: true,
            };
            return due.then_some((Flag::Cut, body, None));
        }
        let nobody_follows = !follows
            && (view.stopped.is_some()
                || self
                    .honest
                    .without(me)
                    .iter()
                    .all(|p| agents[usize::from(p)].refuge.is_some()));
        if !self.answers || !(view.is_wrong(view.segment) || nobody_follows) {
            return None;
        }
        let before = |s: u8| view.stopped.is_none_or(|held| s <= reader.relay.segment_of(held));
        let right = |s: &u8| reader.relay.opens(me, *s, reader.upto) && !view.is_wrong(*s) && before(*s);
        let base = (0..view.segment).rev().find(right)?;
        Some((Flag::Cut, Body::Answer { base }, None))
    }

    /// What somebody who read all they can and does not hold the keys in force posts in the refuge.
    pub(crate) fn post(&self, relay: &Relay, agent: &Agent, who: Person) -> Option<Post> {
        let view = self.reader(relay, who, agent.read).judge();
        let reader = self.reader(relay, who, agent.read);
        let own = |at: u8| relay.segment() <= relay.segment_of(at) || reader.independent(at, relay.segment());
        let follows = relay.opens(who, relay.segment(), agent.read)
            && (!self.law.stops || view.stopped.is_none_or(own));
        if !self.refuge || follows || agent.refuge.is_some() {
            return None;
        }
        let judged = view.settled() && view.is_wrong(relay.segment());
        Some(if judged { Post::Stuck } else { Post::Asks })
    }

    /// Whether heads of more than half attest the message of `who` as applied.
    pub(crate) fn attested(&self, relay: &Relay, agent: &Agent, who: Person) -> bool {
        let reader = self.reader(relay, who, agent.read);
        let view = reader.judge();
        let own = (0..agent.read).find_map(|p| match relay.log[usize::from(p)] {
            Entry {
                by,
                body: Body::Say { from },
                ..
            } if by == who && relay.descends(view.epoch, from) => Some((p, from)),
            _ => None,
        });
        let Some((position, from)) = own else { return false };
        let shows = |p: &Person| {
            let mut latest = None;
            for at in 0..agent.read {
                let e = &relay.log[usize::from(at)];
                if e.by == *p && e.body != Body::Junk {
                    latest = Some(e);
                }
            }
            latest.is_some_and(|e| e.read > position && relay.descends(e.head, from))
        };
        let people = if view.removed { self.honest } else { Set::ALL };
        people.iter().filter(shows).count() as u32 * 2 > people.len() && view.said[usize::from(who)] > 0
    }
}

type Want = (Flag, Body, Option<(u8, u8)>);
