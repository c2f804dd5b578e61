//! How proposals, polls and offices come in and go out over the agent's door: their words in intents, their views in
//! answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is proposed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SubjectWord {
    /// What the text says.
    Text {},
    /// An amendment, put to the vote.
    Amendment {
        /// Of which proposal.
        proposal: u32,
        /// Which.
        amendment: u32,
    },
    /// Admits whoever asks to join by this name.
    Admit {
        /// Who.
        name: String,
    },
    /// Removes somebody.
    Remove {
        /// Whom.
        name: String,
    },
    /// Gives an office.
    Elect {
        /// What the body calls it.
        office: String,
        /// Who may be elected.
        names: Vec<String>,
    },
    /// Takes an office away.
    Recall {
        /// What the body calls it.
        office: String,
        /// From whom, where several hold it.
        #[serde(default)]
        name: Option<String>,
    },
    /// Another charter.
    Charter {
        /// As TOML.
        toml: String,
    },
    /// Other points of unity.
    Principles {
        /// The text by language tag.
        texts: BTreeMap<String, String>,
        /// Everybody has to accept them anew.
        #[serde(default)]
        substance: bool,
    },
    /// Accepts the offer of a link with another body.
    Link {
        /// The offer.
        offer: String,
    },
    /// Adopts a directive of another body; what is voted down is declined.
    Directive {
        /// Of which; needed where it could be several.
        #[serde(default)]
        from: Option<String>,
        /// Its number.
        number: u32,
    },
}

/// How a poll is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodWord {
    /// For or against.
    #[default]
    Majority,
    /// Pick some of several.
    Choice,
    /// Rank several: instant run-off.
    Ranked,
    /// Unless somebody blocks it.
    Consent,
    /// Score each of several.
    Score,
}

/// What one votes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub enum BallotWord {
    /// For it.
    Yes {},
    /// Against it.
    No {},
    /// Neither.
    Abstain {},
    /// Against it, so that it does not go through.
    Block {
        /// Why.
        reason: String,
    },
    /// These options, by their words or numbers.
    Pick {
        /// Which.
        options: Vec<String>,
    },
    /// These options, the best first.
    Rank {
        /// Which.
        options: Vec<String>,
    },
    /// A score for options; those that are left out get 0.
    Score {
        /// By option.
        scores: Vec<(String, u8)>,
    },
}

// What one votes stays out of logs.
impl core::fmt::Debug for BallotWord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BallotWord(..)")
    }
}

/// What is done with a proposal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum StepWord {
    /// Says something about it.
    Discuss {
        /// What.
        text: String,
    },
    /// Supports it.
    Support {},
    /// Another text for it: changes it, or suggests that.
    Amend {
        /// The text.
        text: String,
    },
    /// Takes an amendment over.
    Take {
        /// Its number.
        amendment: u32,
    },
    /// Takes it back.
    Withdraw {},
    /// Puts it to a poll.
    Open {
        /// How it is decided.
        #[serde(default)]
        method: MethodWord,
        /// What there is to choose from, where the candidates are not.
        #[serde(default)]
        options: Vec<String>,
        /// For how many minutes.
        minutes: u64,
        /// Ballots are sealed until it closes.
        #[serde(default)]
        sealed: bool,
        /// How many one may pick (choice; 1 if not given), or the highest score (10 if not given).
        #[serde(default)]
        most: Option<u8>,
        /// How many are chosen; 1 if not given.
        #[serde(default)]
        winners: Option<u8>,
    },
    /// Votes.
    Vote {
        /// What.
        ballot: BallotWord,
    },
    /// Closes the poll.
    Close {},
    /// Says that one's ballot is missing from what was counted.
    Missing {},
    /// Says what the decision means.
    Outcome {
        /// In words.
        text: String,
        /// In how many minutes to look at it again.
        #[serde(default)]
        review: Option<u64>,
    },
    /// Looked at it again.
    Reviewed {
        /// In how many minutes to do so once more.
        #[serde(default)]
        again: Option<u64>,
    },
}

/// A proposal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProposalView {
    /// Of which body.
    pub body: String,
    /// Its number.
    pub number: u32,
    /// In a few words.
    pub title: String,
    /// In more; empty once it is decided and nothing of it stays.
    pub text: String,
    /// Which version of the text.
    pub version: u32,
    /// Who made it.
    pub by: String,
    /// When (minutes since 1970-01-01T00:00Z).
    pub at: u64,
    /// What is carried out: `text`, `amendment`, `admission`, `removal`, `election`, `recall`, `charter`, `principles`,
    /// `link`, `directive`.
    pub kind: String,
    /// That in words.
    pub aim: String,
    /// What changes, line by line, where it is about rules.
    pub changes: Vec<String>,
    /// `open`, `polled`, `closed` or `decided`.
    pub stage: String,
    /// Who supports it besides.
    pub supporters: Vec<String>,
    /// How many are needed for whoever made it to open a poll.
    pub support_needed: u16,
    /// Other texts that somebody would have.
    pub amendments: Vec<AmendmentView>,
    /// The poll.
    pub poll: Option<PollView>,
    /// What came out.
    pub result: Option<ResultView>,
    /// What it means.
    pub outcome: Option<OutcomeView>,
}

/// Another text for a proposal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AmendmentView {
    /// Its number.
    pub number: u32,
    /// Who would have it.
    pub by: String,
    /// The text.
    pub text: String,
}

/// A poll that is open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PollView {
    /// `majority`, `choice`, `ranked`, `consent` or `score`.
    pub method: String,
    /// What it takes, in words.
    pub rule: String,
    /// What there is to choose from.
    pub options: Vec<String>,
    /// Until when.
    pub until: u64,
    /// Ballots are sealed until it closes; tellers could look earlier.
    pub sealed: bool,
    /// All who may vote.
    pub voters: u32,
    /// How many have.
    pub voted: u32,
    /// This person may vote.
    pub may_vote: bool,
    /// This person's ballot, in words, if there is one.
    pub mine: Option<String>,
    /// Open ballots: who, and what.
    pub ballots: Vec<(String, String)>,
}

/// What a poll came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ResultView {
    /// The counts, in words.
    pub counts: String,
    /// It is decided.
    pub passed: bool,
    /// The options that are chosen.
    pub chosen: Vec<String>,
    /// Since when it is closed.
    pub closed: u64,
    /// Until when somebody may say that their ballot is missing.
    pub grace: u64,
    /// Everybody can rely on it: enough have been seen to have it.
    pub is_final: bool,
    /// Until then: how many have, of whose devices that is waited for.
    pub seen: Option<(u32, u32)>,
    /// What was decided is done.
    pub carried: bool,
}

/// What a decision means.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutcomeView {
    /// Who says so.
    pub by: String,
    /// What.
    pub text: String,
    /// When to look at it again.
    pub review: Option<u64>,
}

/// Something that was said about a proposal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WordView {
    /// Who.
    pub author: String,
    /// When.
    pub time: Option<u64>,
    /// What.
    pub text: String,
    /// Who handed it over, where it was said before this person came: it is their word, and verified by nothing.
    #[serde(default)]
    pub handed_by: Option<String>,
}

/// An office of a body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OfficeLine {
    /// What the body calls it.
    pub office: String,
    /// `rotation` or `election`.
    pub filling: String,
    /// How many hold it.
    pub seats: u16,
    /// Who holds it.
    pub holders: Vec<HolderView>,
    /// Who is next, in order.
    pub next: Vec<String>,
    /// Whom it passes by.
    pub aside: Vec<String>,
    /// What it may do.
    pub powers: Vec<String>,
}

/// Who holds an office.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HolderView {
    /// Who.
    pub name: String,
    /// Since when.
    pub since: u64,
    /// Until when; none: until it is handed over.
    pub until: Option<u64>,
    /// That time is over.
    pub lapsed: bool,
}

/// What may be done, and by whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PowerLine {
    /// The power.
    pub power: String,
    /// What it is for.
    pub what: String,
    /// Who has it now, and by which office.
    pub holders: Vec<(String, String)>,
    /// This person has it.
    pub mine: bool,
}
