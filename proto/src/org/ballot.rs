//! Ballots: what one says in a poll, open or sealed to the poll's key.
//!
//! A sealed ballot is an HPKE message (RFC 9180: X25519, HKDF-SHA-256, ChaCha20-Poly1305) to the key that a teller made
//! for this poll, bound to the poll and to who votes, so that it is no ballot of anybody else. With the close the
//! teller publishes the secret: then everybody opens and counts them.

use core::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::CryptoRng;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal_with_rng,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec;
use crate::error::{Misuse, PeerFault};
use crate::id::{IntentId, PersonaId};
use crate::label::Label;

/// Most options of a poll.
pub const MOST_OPTIONS: usize = 32;

/// Highest score.
pub const HIGHEST_SCORE: u8 = 10;

/// Longest reason of a block, in bytes.
pub const LONGEST_REASON: usize = 480;

/// Every sealed ballot has this size inside, so that its length does not tell what it says.
const SEALED_CONTENT: usize = 512;

type Curve = X25519HkdfSha256;

const ENCAPSULATED: usize = 32;

/// Length of a sealed ballot.
pub const SEALED_LENGTH: usize = ENCAPSULATED + SEALED_CONTENT + 16;

/// How a poll is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Method {
    /// For or against, by the charter's threshold.
    Majority,
    /// Each picks up to `most` options; the `winners` with the most votes are chosen.
    Choice {
        /// How many one may pick.
        most: u8,
        /// How many are chosen.
        winners: u8,
    },
    /// Each ranks options; instant run-off.
    Ranked,
    /// It goes through unless somebody blocks it, with a reason.
    Consent,
    /// Each scores every option from 0 to `top`; the `winners` with the highest sums are chosen.
    Score {
        /// The highest score.
        top: u8,
        /// How many are chosen.
        winners: u8,
    },
}

/// What one says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ballot {
    /// Nothing: counts for the quorum.
    Abstain,
    /// For it.
    Yes,
    /// Against it.
    No,
    /// Against it, so that it does not go through (consent).
    Block {
        /// Why.
        reason: String,
    },
    /// These options (choice), in ascending order.
    Picks(Vec<u8>),
    /// These options, the best first (ranked); what is left out comes after all of them.
    Ranks(Vec<u8>),
    /// A score for each option (score).
    Scores(Vec<u8>),
    /// Another ballot, to the poll's key.
    Sealed(Vec<u8>),
}

// What one votes stays out of logs.
impl fmt::Debug for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ballot(..)")
    }
}

impl Method {
    /// Whether it is for or against one thing, without options.
    #[must_use]
    pub const fn is_for_or_against(self) -> bool {
        matches!(self, Self::Majority | Self::Consent)
    }

    /// How many may be chosen.
    #[must_use]
    pub const fn winners(self) -> u8 {
        match self {
            Self::Majority | Self::Ranked | Self::Consent => 1,
            Self::Choice { winners, .. } | Self::Score { winners, .. } => winners,
        }
    }

    /// Whether it makes sense with so many options.
    #[must_use]
    pub fn fits(self, options: usize) -> bool {
        let some = (2..=MOST_OPTIONS).contains(&options);
        let chooses = |winners: u8| winners >= 1 && usize::from(winners) <= options;
        match self {
            Self::Majority | Self::Consent => options == 0,
            Self::Ranked => some,
            Self::Choice { most, winners } => {
                some && most >= 1 && usize::from(most) <= options && chooses(winners)
            }
            Self::Score { top, winners } => some && (1..=HIGHEST_SCORE).contains(&top) && chooses(winners),
        }
    }

    /// In words, for views.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::Choice { .. } => "choice",
            Self::Ranked => "ranked",
            Self::Consent => "consent",
            Self::Score { .. } => "score",
        }
    }
}

impl Ballot {
    /// Whether it is a ballot of this method with so many options; a sealed one is none.
    #[must_use]
    pub fn fits(&self, method: Method, options: usize) -> bool {
        let known = |option: &u8| usize::from(*option) < options;
        match (self, method) {
            (Self::Abstain, _)
            | (Self::Yes, Method::Majority | Method::Consent)
            | (Self::No, Method::Majority) => true,
            (Self::Block { reason }, Method::Consent) => {
                !reason.trim().is_empty() && reason.len() <= LONGEST_REASON
            }
            (Self::Picks(picks), Method::Choice { most, .. }) => {
                (1..=usize::from(most)).contains(&picks.len())
                    && picks.is_sorted_by(|a, b| a < b)
                    && picks.iter().all(known)
            }
            (Self::Ranks(ranks), Method::Ranked) => {
                let twice =
                    |(place, option): (usize, &u8)| ranks.iter().take(place).any(|other| other == option);
                (1..=options).contains(&ranks.len())
                    && ranks.iter().all(known)
                    && !ranks.iter().enumerate().any(twice)
            }
            (Self::Scores(scores), Method::Score { top, .. }) => {
                scores.len() == options && scores.iter().all(|score| *score <= top)
            }
            _ => false,
        }
    }

    /// Seals it for a poll's key, as this voter's.
    ///
    /// # Errors
    /// `Misuse` if the key is none, or the ballot is too large.
    pub fn seal(
        &self,
        key: &[u8; 32],
        poll: &IntentId,
        voter: &PersonaId,
        random: &mut impl CryptoRng,
    ) -> Result<Self, Misuse> {
        let mut content = codec::encode(self, SEALED_CONTENT - 2)?;
        let length = u16::try_from(content.len()).unwrap_or_default();
        content.splice(0..0, length.to_be_bytes());
        content.resize(SEALED_CONTENT, 0);
        let content = Zeroizing::new(content);
        let key = <Curve as Kem>::PublicKey::from_bytes(key).map_err(|_| Misuse::LowOrderKey)?;
        let (encapsulated, sealed) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Curve>(
            &OpModeS::Base,
            &key,
            Label::SealedBallot.text().as_bytes(),
            &content,
            &bound(poll, voter),
            random,
        )
        .map_err(|_| Misuse::LowOrderKey)?;
        let mut bytes = encapsulated.to_bytes().to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(Self::Sealed(bytes))
    }

    /// Opens a sealed one with the poll's secret.
    ///
    /// # Errors
    /// `PeerFault`.
    pub fn open(
        sealed: &[u8],
        secret: &[u8; 32],
        poll: &IntentId,
        voter: &PersonaId,
    ) -> Result<Self, PeerFault> {
        let (encapsulated, sealed) = sealed
            .split_at_checked(ENCAPSULATED)
            .ok_or(PeerFault::Malformed)?;
        let secret = <Curve as Kem>::PrivateKey::from_bytes(secret).map_err(|_| PeerFault::Malformed)?;
        let encapsulated =
            <Curve as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| PeerFault::Malformed)?;
        let content = single_shot_open::<ChaCha20Poly1305, HkdfSha256, Curve>(
            &OpModeR::Base,
            &secret,
            &encapsulated,
            Label::SealedBallot.text().as_bytes(),
            sealed,
            &bound(poll, voter),
        )
        .map_err(|_| PeerFault::Sealed)?;
        let content = Zeroizing::new(content);
        let (length, rest) = content.split_at_checked(2).ok_or(PeerFault::Malformed)?;
        let length = match length {
            [high, low] => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return Err(PeerFault::Malformed),
        };
        codec::decode(rest.get(..length).ok_or(PeerFault::Malformed)?, SEALED_CONTENT)
    }
}

/// The key of a poll's sealed ballots, from its secret.
///
/// # Errors
/// `PeerFault::Malformed`.
pub fn ballot_key(secret: &[u8; 32]) -> Result<[u8; 32], PeerFault> {
    let secret = <Curve as Kem>::PrivateKey::from_bytes(secret).map_err(|_| PeerFault::Malformed)?;
    let public = Curve::sk_to_pk(&secret).to_bytes();
    Ok(public.into())
}

fn bound(poll: &IntentId, voter: &PersonaId) -> Vec<u8> {
    [poll.as_bytes(), voter.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::org::tests::world::{Same, persona};

    #[test]
    fn a_sealed_ballot_opens_for_its_poll_and_its_voter_and_for_no_other() {
        let (secret, poll) = ([7; 32], IntentId([1; 16]));
        let key = ballot_key(&secret).unwrap();
        let ballot = Ballot::Ranks(vec![2, 0, 1]);
        let Ballot::Sealed(sealed) = ballot.seal(&key, &poll, &persona(1), &mut Same(3)).unwrap() else {
            panic!()
        };
        assert_eq!(sealed.len(), SEALED_LENGTH);
        assert_eq!(Ballot::open(&sealed, &secret, &poll, &persona(1)), Ok(ballot));
        for (secret, poll, voter) in [
            ([8; 32], poll, persona(1)),
            (secret, IntentId([2; 16]), persona(1)),
            (secret, poll, persona(2)),
        ] {
            assert_eq!(
                Ballot::open(&sealed, &secret, &poll, &voter),
                Err(PeerFault::Sealed)
            );
        }
        for cut in [0, 31, 32, sealed.len() - 1] {
            assert!(Ballot::open(&sealed[..cut], &secret, &poll, &persona(1)).is_err());
        }
    }

    #[test]
    fn a_ballot_says_one_thing_once_and_nothing_that_is_not_asked() {
        let choice = Method::Choice { most: 2, winners: 1 };
        let score = Method::Score { top: 5, winners: 1 };
        for (ballot, method, fits) in [
            (Ballot::Picks(vec![0, 2]), choice, true),
            (Ballot::Picks(vec![2, 0]), choice, false),
            (Ballot::Picks(vec![1, 1]), choice, false),
            (Ballot::Picks(vec![0, 1, 2]), choice, false),
            (Ballot::Picks(vec![3]), choice, false),
            (Ballot::Picks(vec![]), choice, false),
            (Ballot::Ranks(vec![2, 0, 1]), Method::Ranked, true),
            (Ballot::Ranks(vec![1]), Method::Ranked, true),
            (Ballot::Ranks(vec![1, 1]), Method::Ranked, false),
            (Ballot::Ranks(vec![0, 3]), Method::Ranked, false),
            (Ballot::Scores(vec![0, 5, 3]), score, true),
            (Ballot::Scores(vec![0, 6, 3]), score, false),
            (Ballot::Scores(vec![0, 5]), score, false),
            (Ballot::Yes, choice, false),
            (Ballot::Abstain, choice, true),
            (Ballot::Sealed(vec![0; SEALED_LENGTH]), choice, false),
        ] {
            assert_eq!(ballot.fits(method, 3), fits);
        }
        let block = |reason: &str| Ballot::Block {
            reason: reason.to_owned(),
        };
        assert!(Ballot::Yes.fits(Method::Consent, 0) && !Ballot::No.fits(Method::Consent, 0));
        assert!(block("it harms us").fits(Method::Consent, 0));
        assert!(!block(" ").fits(Method::Consent, 0) && !block("x").fits(Method::Majority, 0));
    }
}
