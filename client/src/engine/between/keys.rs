//! The keys that a body speaks by, as far as this device has them, and what follows from them.

use caucus_proto::codec;
use caucus_proto::envelope::EnvelopeKey;
use caucus_proto::id::ChannelId;
use caucus_proto::label::{Label, derive};
use caucus_proto::org::between::{LinkSecret, LinkStep, RootKey};
use caucus_proto::wire::Access;
use serde::{Deserialize, Serialize};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::engine::error::EngineError;
use crate::engine::random;
use crate::engine::record::SecretKey;
use crate::engine::room::Room;
use crate::engine::sealed::{Recipient, seal};
use crate::mls::PersonaKeys;
use crate::vault::{Overlay, Table};

/// Number of the keys among the records of a room.
const KEYS: u64 = 1;

/// Root keys from before that are kept: the bulletin's control is theirs until it is changed.
const ROOTS: usize = 4;

/// What this device has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct LinkKeys {
    /// Root keys, the latest last.
    roots: Vec<RootSecret>,
    /// What the root key is sealed to for this device.
    custody: Option<SecretKey>,
    /// What this person publishes by.
    editor: Option<SecretKey>,
}

/// A root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct RootSecret {
    number: u32,
    seed: SecretKey,
}

impl RootSecret {
    pub(super) fn draw(number: u32) -> Result<Self, EngineError> {
        let seed = SecretKey(random::bytes()?);
        Ok(Self { number, seed })
    }

    pub(super) fn keys(&self) -> PersonaKeys {
        PersonaKeys::from_bytes(&self.seed.0)
    }

    pub(super) fn public(&self) -> RootKey {
        RootKey {
            number: self.number,
            key: self.keys().public(),
        }
    }

    /// The control key of the bulletin that was opened, or taken over, under this root key.
    pub(super) fn control(&self) -> StaticSecret {
        derive(Label::Bulletin, &self.seed.0, &[b"control"]).into()
    }
}

impl LinkKeys {
    /// The root key of now, if this device has it.
    pub(super) fn root(&self, of: &RootKey) -> Option<&RootSecret> {
        self.roots.iter().find(|root| root.public() == *of)
    }

    /// The root key of a number, as far as this device has it.
    pub(super) fn numbered(&self, number: u32) -> Option<&RootSecret> {
        self.roots.iter().rev().find(|root| root.number == number)
    }

    /// All, the latest first.
    pub(super) fn roots(&self) -> impl Iterator<Item = &RootSecret> {
        self.roots.iter().rev()
    }

    pub(super) fn custody(&self) -> Option<Recipient> {
        self.custody.as_ref().map(|seed| Recipient::new(seed.0))
    }

    pub(super) fn editor(&self) -> Option<PersonaKeys> {
        self.editor.as_ref().map(|seed| PersonaKeys::from_bytes(&seed.0))
    }

    fn take(&mut self, root: RootSecret) {
        self.roots.retain(|known| *known != root);
        self.roots.push(root);
        let excess = self.roots.len().saturating_sub(ROOTS);
        self.roots.drain(..excess);
    }
}

impl Room {
    /// The keys that this device has.
    pub(in crate::engine) fn link_keys(&self) -> Result<LinkKeys, EngineError> {
        let place = self.place(Table::Between, KEYS);
        Ok(self.vault.overlay().get_value(&place)?.unwrap_or_default())
    }

    fn keep_link_keys(&mut self, keys: &LinkKeys) -> Result<(), EngineError> {
        self.transact(|room, overlay| {
            overlay.put_value(room.place(Table::Between, KEYS), keys)?;
            Ok(())
        })
    }

    pub(super) fn keep_root(&mut self, root: RootSecret) -> Result<(), EngineError> {
        let mut keys = self.link_keys()?;
        keys.take(root);
        self.keep_link_keys(&keys)
    }

    /// The keys, with those drawn that every holder draws for themselves.
    pub(super) fn drawn_keys(&mut self) -> Result<LinkKeys, EngineError> {
        let mut keys = self.link_keys()?;
        if keys.custody.is_none() || keys.editor.is_none() {
            keys.custody = Some(SecretKey(random::bytes()?));
            keys.editor = Some(SecretKey(random::bytes()?));
            self.keep_link_keys(&keys)?;
        }
        Ok(keys)
    }

    /// Seals the root keys that this device has to another holder.
    pub(super) fn seal_roots(&self, keys: &LinkKeys, sealing: &[u8]) -> Result<Vec<u8>, EngineError> {
        let sealed = seal(sealing, Label::SealedRoot, &self.record.channel, &keys.roots);
        sealed.map_err(|error| EngineError::RoomState(error.to_string()))
    }

    /// Takes what was sealed to this device: root keys, and to whom this person is introduced.
    pub(in crate::engine) fn follow_between(
        &self,
        overlay: &Overlay,
        step: &LinkStep,
        void: bool,
    ) -> Result<(), EngineError> {
        let (to, sealed) = match step {
            LinkStep::Entrust { to, sealed, .. } => (to, sealed),
            LinkStep::Hear { link, signed } if !void => {
                return self.follow_introduction(overlay, *link, signed);
            }
            LinkStep::HearAll { letters } => {
                let mut letters = letters.iter();
                return letters
                    .try_for_each(|(link, signed)| self.follow_introduction(overlay, *link, signed));
            }
            _ => return Ok(()),
        };
        let Some(house) = self.state.between.house() else {
            return Ok(());
        };
        let place = self.place(Table::Between, KEYS);
        let mut keys: LinkKeys = overlay.get_value(&place)?.unwrap_or_default();
        let Some(custody) = keys.custody().filter(|_| *to == self.record.persona) else {
            return Ok(());
        };
        let opened = custody.open::<Vec<RootSecret>>(Label::SealedRoot, &self.record.channel, sealed);
        // What is not the root key of now is not kept: its holder asks again.
        if let Ok(roots) = opened
            && roots.iter().any(|root| root.public() == house.root)
        {
            let excess = roots.len().saturating_sub(ROOTS);
            roots.into_iter().skip(excess).for_each(|root| keys.take(root));
            overlay.put_value(place, &keys)?;
        }
        Ok(())
    }

    /// Who letters of other bodies are sealed to, the latest first.
    pub(super) fn letter_recipients(&self) -> Vec<Recipient> {
        let older = self.cursor.older.iter().rev();
        let all = std::iter::once(&self.cursor.access).chain(older);
        all.map(|access| Recipient::new(*access.letters().bytes()))
            .collect()
    }
}

/// What opens the channel of a bulletin, of one generation of its keys.
#[must_use]
pub fn read_key(reading: &LinkSecret) -> StaticSecret {
    derive(Label::Bulletin, &reading.0, &[b"read"]).into()
}

/// Key of its entries.
#[must_use]
pub fn entry_key(reading: &LinkSecret) -> EnvelopeKey {
    EnvelopeKey::from_bytes(derive(Label::Bulletin, &reading.0, &[b"entries"]))
}

/// What editors append by.
pub(super) fn append_key(publishing: &LinkSecret) -> StaticSecret {
    derive(Label::Bulletin, &publishing.0, &[b"append"]).into()
}

/// The public halves, as the relay gets them.
pub(super) fn access(reading: &LinkSecret, publishing: &LinkSecret) -> Access {
    Access {
        append: PublicKey::from(&append_key(publishing)).to_bytes(),
        read: PublicKey::from(&read_key(reading)).to_bytes(),
    }
}

/// What letters over a link are appended by, or read by.
pub(super) fn drop_key(secret: &LinkSecret) -> StaticSecret {
    StaticSecret::from(secret.0)
}

/// The secrets of a drop: what it is appended by, read by, and its public halves.
pub(super) fn draw_drop() -> Result<(LinkSecret, LinkSecret, Access), EngineError> {
    let (append, read) = (LinkSecret(random::bytes()?), LinkSecret(random::bytes()?));
    let access = Access {
        append: PublicKey::from(&drop_key(&append)).to_bytes(),
        read: PublicKey::from(&drop_key(&read)).to_bytes(),
    };
    Ok((append, read, access))
}

/// Bytes of what is posted, as it lies in the channel.
pub(super) fn sealed_post(
    key: &EnvelopeKey,
    channel: &ChannelId,
    counter: caucus_proto::id::Counter,
    posted: &caucus_proto::org::between::Posted,
) -> Result<Vec<u8>, EngineError> {
    let content = codec::encode(posted, codec::LIMIT)?;
    Ok(caucus_proto::envelope::seal_bytes(
        key,
        channel,
        counter,
        random::bytes()?,
        &content,
    )?)
}

#[cfg(test)]
mod tests {
    use caucus_proto::codec;

    use super::*;
    use crate::engine::lie::hex;

    #[test]
    fn the_keys_of_a_body_have_these_bytes_in_the_vault() {
        let keys = LinkKeys {
            roots: vec![RootSecret {
                number: 1,
                seed: SecretKey([2; 32]),
            }],
            custody: Some(SecretKey([3; 32])),
            editor: None,
        };
        let bytes = codec::encode(&keys, codec::LIMIT).unwrap();
        insta::assert_snapshot!("keys", hex(&bytes));
    }
}
