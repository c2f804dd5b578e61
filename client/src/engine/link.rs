//! The invite link: text and QR code. It names the relay and the card, and commits to the body without naming
//! it; a damaged or cut-off link is told from a wrong one by its checksum.

use core::fmt;
use core::str::FromStr;

use caucus_proto::codec;
use caucus_proto::id::{BodyId, ChannelId, Minutes};
use caucus_proto::label::{Label, hash};
use caucus_proto::wire::{Pass, RelayAddress};
use data_encoding::BASE64URL_NOPAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a link begins.
pub(super) const SCHEME: &str = "caucus-invite:";

/// Longest link in characters.
pub(super) const LONGEST: usize = 1024;

const CHECKSUM: usize = 4;
const FORMAT: u8 = 1;

/// What an invite link holds. Whoever has it may ask to join.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteLink {
    /// Where.
    pub relay: RelayAddress,
    /// The channel of the card.
    pub card: ChannelId,
    /// The secret that the card's and the drop's keys come from.
    pub secret: [u8; 16],
    /// Hash over the room's channel, the body and the secret.
    pub commitment: [u8; 32],
    /// Until when, by the inviter's clock.
    pub expires: Minutes,
    /// A creation pass for the reply drop, where the relay wants one.
    pub pass: Option<Pass>,
}

impl fmt::Debug for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteLink(..)")
    }
}

/// Why a text is no invite link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum LinkError {
    /// It does not begin with the scheme.
    #[error("such a link begins with {0}")]
    Scheme(&'static str),
    /// It is longer than any link.
    #[error("this is longer than any link")]
    TooLong,
    /// Characters are missing or changed.
    #[error("the link is cut off or mistyped")]
    Damaged,
    /// A newer program made it.
    #[error("the link was made by a newer program (format {0})")]
    Newer(u8),
}

impl InviteLink {
    /// Whether a text is an invite at this relay. Nobody's device goes to an address because somebody said so.
    #[must_use]
    pub fn leads_to(text: &str, relay: &RelayAddress) -> bool {
        text.parse::<Self>().is_ok_and(|link| link.relay == *relay)
    }

    /// What a link commits to.
    #[must_use]
    pub fn commit(channel: &ChannelId, body: &BodyId, secret: &[u8; 16]) -> [u8; 32] {
        hash(
            Label::InviteCommitment,
            &[channel.as_bytes(), body.as_bytes(), secret],
        )
    }
}

/// Writes a value as a link of a scheme.
pub(super) fn write_link<T: Serialize>(scheme: &str, value: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut bytes = vec![FORMAT];
    bytes.extend(codec::encode(value, LONGEST).map_err(|_| fmt::Error)?);
    let sum = hash(Label::InviteCommitment, &[b"checksum", &bytes]);
    bytes.extend(sum.iter().take(CHECKSUM));
    write!(f, "{scheme}{}", BASE64URL_NOPAD.encode(&bytes))
}

/// Reads what [`write_link`] wrote.
///
/// # Errors
/// `LinkError`.
pub(super) fn read_link<T: DeserializeOwned + Serialize>(
    scheme: &'static str,
    text: &str,
) -> Result<T, LinkError> {
    let text = text.trim();
    let rest = text.strip_prefix(scheme).ok_or(LinkError::Scheme(scheme))?;
    if text.len() > LONGEST {
        return Err(LinkError::TooLong);
    }
    let bytes = BASE64URL_NOPAD
        .decode(rest.as_bytes())
        .map_err(|_| LinkError::Damaged)?;
    let split = bytes.len().checked_sub(CHECKSUM).ok_or(LinkError::Damaged)?;
    let (signed, sum) = bytes.split_at(split);
    if !hash(Label::InviteCommitment, &[b"checksum", signed]).starts_with(sum) {
        return Err(LinkError::Damaged);
    }
    match signed.split_first() {
        Some((&FORMAT, body)) => codec::decode(body, LONGEST).map_err(|_| LinkError::Damaged),
        Some((format, _)) => Err(LinkError::Newer(*format)),
        None => Err(LinkError::Damaged),
    }
}

impl fmt::Display for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_link(SCHEME, self, f)
    }
}

impl FromStr for InviteLink {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        read_link(SCHEME, text)
    }
}

#[cfg(test)]
mod tests {
    use caucus_proto::wire::RelayKey;

    use super::*;

    fn link() -> InviteLink {
        InviteLink {
            relay: RelayAddress::new(RelayKey([3; 32]), "relay.example", 4433, false).unwrap(),
            card: ChannelId([4; 32]),
            secret: [5; 16],
            commitment: [6; 32],
            expires: Minutes(29_000_000),
            pass: Some(Pass::mint(&[1; 32], 20_000, [2; 16])),
        }
    }

    #[test]
    fn a_link_reads_back_and_fits_a_qr_code_on_a_terminal() {
        let text = link().to_string();
        assert!(text.len() < 360, "{}", text.len());
        assert_eq!(text.parse(), Ok(link()));
        assert_eq!(format!(" {text}\n").parse(), Ok(link()));
    }

    #[test]
    fn a_link_that_leads_to_another_relay_than_both_are_at_is_followed_by_nobody() {
        let here = link().relay;
        assert!(InviteLink::leads_to(&link().to_string(), &here));
        for (key, host, port) in [
            ([4; 32], "relay.example", 4433),
            ([3; 32], "169.254.169.254", 4433),
            ([3; 32], "localhost", 4433),
            ([3; 32], "relay.example", 443),
        ] {
            let elsewhere = InviteLink {
                relay: RelayAddress::new(RelayKey(key), host, port, false).unwrap(),
                ..link()
            };
            assert!(
                !InviteLink::leads_to(&elsewhere.to_string(), &here),
                "{host}:{port}"
            );
        }
        for text in ["", "caucus-invite:AAAA", here.to_string().as_str()] {
            assert!(!InviteLink::leads_to(text, &here));
        }
    }

    #[test]
    fn every_shortening_and_every_changed_character_is_noticed() {
        let text = link().to_string();
        for end in SCHEME.len()..text.len() {
            assert!(text[..end].parse::<InviteLink>().is_err());
        }
        for at in SCHEME.len()..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_ne!(changed.parse(), Ok(link()));
            assert!(changed.parse::<InviteLink>().is_err());
        }
    }

    #[test]
    fn what_is_no_link_says_so() {
        assert_eq!(
            "https://a.b".parse::<InviteLink>(),
            Err(LinkError::Scheme(SCHEME))
        );
        let long = format!("{SCHEME}{}", "A".repeat(LONGEST));
        assert_eq!(long.parse::<InviteLink>(), Err(LinkError::TooLong));
    }
}
