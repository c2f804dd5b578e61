//! Introductions, on this device: who consents comes under a fresh persona, whose key only the root key of the body that
//! introduces opens; whoever holds that key says to each, sealed to the key that they come under, how to find the others.

use std::time::Duration;

use caucus_proto::id::{BodyId, IntentId, Minutes, RoomId};
use caucus_proto::label::Label;
use caucus_proto::org::between::{
    Asked, Introduction, Link, LinkStep, RootKey, Says, SignedIntroduction, SignedLetter,
};
use caucus_proto::org::whisper::SEALED_WORDS;
use caucus_proto::org::{Denied, Name, PersonaPublic, RelayName};
use caucus_proto::wire::RelayAddress;
use serde::{Deserialize, Serialize};

use super::keys::LinkKeys;
use super::offer::between;
use crate::engine::direct::{
    DirectRecord, Entering, Expected, Guest, IntroducedRecord, open_words, seal_words,
};
use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::link::InviteLink;
use crate::engine::live::{Fate, LiveRoom};
use crate::engine::random;
use crate::engine::record::SecretKey;
use crate::engine::room::Room;
use crate::mls::PersonaKeys;
use crate::vault::{Overlay, Place, Table};

/// Minutes for which the room of an introduction is open after the last day on which somebody may consent.
const AFTER: u64 = 7 * 24 * 60;

/// Where consents lie, after the room.
const CONSENTS: &[u8] = b"consent";

/// What somebody who consents says to the body that introduces.
#[derive(Serialize, Deserialize)]
struct Consented {
    /// The key that they come under.
    key: PersonaPublic,
    /// The invite of the room, by its host.
    link: Option<String>,
}

/// What the body that introduces says to each.
#[derive(Serialize, Deserialize)]
struct Brought {
    signed: SignedIntroduction,
    /// The invite of the room, for those who come to it.
    link: Option<String>,
}

/// A consent of this person's own, until they are introduced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct ConsentRecord {
    link: u32,
    number: u32,
    /// Secret of the key that they come under.
    persona_key: SecretKey,
    /// The room, where they are its host.
    hosted: Option<RoomId>,
    name: Name,
    record: DirectRecord,
    /// They are introduced: the others' keys, and the invite.
    brought: Option<(IntroducedRecord, Option<String>)>,
}

/// What binds words to an introduction: the link that they go over, and its number.
fn bound(link: &Link, number: u32) -> ([u8; 16], [u8; 4]) {
    (link.id.0, number.to_be_bytes())
}

impl Engine {
    /// Consents to an introduction, under a fresh persona. The host's device founds the room where the body that introduces
    /// is written to: every body of the introduction knows that relay, and nobody is led to another.
    ///
    /// # Errors
    /// `EngineError`; what the body's rules refuse is refused before anything is made.
    pub async fn consent(
        &self,
        live: &LiveRoom,
        (link, number): (u32, u32),
        (label, name): (Name, Name),
        patience: Duration,
    ) -> Result<Fate, EngineError> {
        let deed = |sealed| between(LinkStep::Consent { link, number, sealed });
        let (asked, over) = {
            let room = live.room();
            room.may_do(&deed(vec![0; SEALED_WORDS]))?;
            let between = &room.state().between;
            let asked = between
                .asked
                .get(&(link, number))
                .cloned()
                .ok_or(Denied::NoIntroduction)?;
            (asked, between.links.get(&link).cloned().ok_or(Denied::NoLink)?)
        };
        let peer = over.live().ok_or(Denied::NoLink)?;
        let card = &peer.card;
        let record = DirectRecord {
            label,
            guests: Vec::new(),
            until: Minutes(asked.until.0.saturating_add(AFTER)),
            introduced: None,
        };
        let (hosted, persona, invite) = if asked.host {
            let relay: RelayAddress = peer.relay().parse().map_err(|_| EngineError::NoRelay)?;
            let guests = u16::from(asked.parties.saturating_sub(1));
            let hosted = self.host(&relay, name.clone(), &record, guests).await?;
            let room = self.room(&hosted.room).ok_or(EngineError::NoRelay)?;
            let key = room.room().record().persona_key.clone();
            (
                Some(hosted.room),
                PersonaKeys::from_bytes(&key.0),
                Some(hosted.link),
            )
        } else {
            (None, PersonaKeys::generate()?, None)
        };
        let consented = Consented {
            key: persona.public(),
            link: invite,
        };
        let (id, order) = bound(&over, number);
        let sealed = seal_words(&card.root.key, Label::SealedConsent, &[&id, &order], &consented)?;
        let kept = ConsentRecord {
            link,
            number,
            persona_key: SecretKey(*persona.bytes()),
            hosted,
            name,
            record,
            brought: None,
        };
        let intent = IntentId(random::bytes()?);
        let landing = live.expect(intent);
        let submitted = live.room().submit_with(intent, &deed(sealed), |room, overlay| {
            overlay.put_value(room.consent_place(link, number), &kept)?;
            Ok(())
        });
        live.settle(intent, submitted, landing, patience).await
    }
}

/// What an introduction has to say to whoever consented to it.
struct Expectation<'a> {
    body: BodyId,
    root: RootKey,
    /// Where the body is written to, where it was at first, and where it may have gone as it says itself: the host may have
    /// heard less of its moves, or more.
    relays: Vec<&'a str>,
    number: u32,
    asked: &'a Asked,
    /// The key that they come under.
    mine: PersonaPublic,
}

impl Expectation<'_> {
    fn is(&self, signed: &SignedIntroduction, link: Option<&str>) -> bool {
        let said = &signed.introduction;
        let place = said.keys.iter().position(|key| *key == self.mine);
        let leads = |link: &str| {
            let mut relays = self.relays.iter().filter_map(|relay| relay.parse().ok());
            relays.any(|relay: RelayAddress| InviteLink::leads_to(link, &relay))
        };
        said.body == self.body
            && said.number == self.number
            && said.about == self.asked.about
            && said.keys.len() == usize::from(self.asked.parties)
            && place.is_some_and(|place| (place == 0) == self.asked.host)
            && link.is_none() == self.asked.host
            && link.is_none_or(leads)
            && signed.is_signed_by(&self.root).is_ok()
    }
}

/// Does what follows once this person is introduced: the host's device lets in whom it was told of, and nobody else; the
/// others' devices go where they were told.
pub(super) fn go_on(engine: &Engine, live: &LiveRoom) -> Result<(), EngineError> {
    let consents = live.room().consents()?;
    for (place, consent) in consents {
        let Some((introduced, link)) = consent.brought else {
            continue;
        };
        match (consent.hosted, link) {
            (Some(hosted), _) => {
                let Some(hosted) = engine.room(&hosted) else {
                    continue;
                };
                let others = introduced.signed.introduction.keys.iter().skip(1);
                let guests = others.map(|key| Guest::new(Expected::Key(*key))).collect();
                hosted.room().change_direct(|record| {
                    record.guests = guests;
                    record.introduced = Some(introduced);
                })?;
                live.room().forget_consent(&place)?;
                engine.changed();
            }
            (None, Some(link)) => {
                let Some(host) = introduced.signed.introduction.keys.first().copied() else {
                    continue;
                };
                engine.begin_join(&consent.name, |overlay, join| {
                    join.link = link;
                    join.persona_key = consent.persona_key;
                    let introduced = Some(introduced);
                    join.direct = Some(Entering {
                        host,
                        record: DirectRecord {
                            introduced,
                            ..consent.record
                        },
                    });
                    overlay.delete(place);
                    Ok(())
                })?;
            }
            (None, None) => live.room().forget_consent(&place)?,
        }
    }
    Ok(())
}

impl Room {
    fn consent_scope(&self) -> Vec<u8> {
        [self.record.room.as_bytes(), CONSENTS].concat()
    }

    fn consent_place(&self, link: u32, number: u32) -> Place {
        let order = (u64::from(link) << 32) | u64::from(number);
        Place::new(Table::Direct, self.consent_scope(), order)
    }

    fn consents(&self) -> Result<Vec<(Place, ConsentRecord)>, EngineError> {
        let overlay = self.vault.overlay();
        let scope = self.consent_scope();
        let consents = overlay.values(Table::Direct, &scope, 0)?;
        let placed = |(order, consent)| (Place::new(Table::Direct, scope.clone(), order), consent);
        Ok(consents.into_iter().map(placed).collect())
    }

    fn forget_consent(&mut self, place: &Place) -> Result<(), EngineError> {
        self.transact(|_, overlay| {
            overlay.delete(place.clone());
            Ok(())
        })
    }

    /// A letter counts: if it introduces this person, what it says is kept.
    pub(super) fn follow_introduction(
        &self,
        overlay: &Overlay,
        link: u32,
        letter: &SignedLetter,
    ) -> Result<(), EngineError> {
        let Says::Introduced { number, sealed } = &letter.letter.says else {
            return Ok(());
        };
        let between = &self.state.between;
        let asked = between.asked.get(&(link, *number));
        let mine = asked.filter(|asked| asked.consented == Some(self.record.persona));
        let (Some(asked), Some(over)) = (mine, between.links.get(&link)) else {
            return Ok(());
        };
        let place = self.consent_place(link, *number);
        let (Some(mut consent), Some(peer)) = (overlay.get_value::<ConsentRecord>(&place)?, over.live())
        else {
            return Ok(());
        };
        let keys = PersonaKeys::from_bytes(&consent.persona_key.0);
        let (id, order) = bound(over, *number);
        let words: Option<Brought> = open_words(&keys, Label::SealedIntroduction, &[&id, &order], sealed);
        // What does not open, or says something else than was consented to, introduces nobody.
        let Some(Brought { signed, link }) = words else {
            return Ok(());
        };
        let expected = Expectation {
            body: peer.card.body,
            root: peer.card.root,
            relays: [peer.relay(), &peer.card.relay]
                .into_iter()
                .chain(peer.alternates.iter().map(RelayName::as_str))
                .collect(),
            number: *number,
            asked,
            mine: keys.public(),
        };
        if !expected.is(&signed, link.as_deref()) {
            return Ok(());
        }
        let introduced = IntroducedRecord {
            by: peer.card.name.clone(),
            root: peer.card.root,
            signed,
        };
        consent.brought = Some((introduced, link));
        overlay.put_value(place, &consent)?;
        Ok(())
    }

    /// The step that tells those who consented how to find each other; none where what one of them said does not open, or
    /// leads nowhere.
    pub(super) fn bringing(&self, keys: &LinkKeys, number: u32) -> Result<Option<LinkStep>, EngineError> {
        let between = &self.state.between;
        let (Some(made), Some(house)) = (between.introducing.get(&number), between.house()) else {
            return Ok(None);
        };
        let Some(root) = keys.root(&house.root) else {
            return Ok(None);
        };
        let mut parties = Vec::new();
        let mut invite = None;
        for link in &made.links {
            let (Some(over), Some(sealed)) = (between.links.get(link), made.consents.get(link)) else {
                return Ok(None);
            };
            let (id, order) = bound(over, number);
            let open = |root: &super::keys::RootSecret| {
                open_words::<Consented>(&root.keys(), Label::SealedConsent, &[&id, &order], sealed)
            };
            let Some(consented) = keys.roots().find_map(open) else {
                return Ok(None);
            };
            if parties.is_empty() {
                invite = consented.link.filter(|link| link.parse::<InviteLink>().is_ok());
            }
            if parties.iter().any(|(_, key)| *key == consented.key) {
                return Ok(None);
            }
            parties.push((over, consented.key));
        }
        let Some(invite) = invite else {
            return Ok(None);
        };
        let introduction = Introduction {
            body: self.record.body,
            number,
            about: made.about.clone(),
            keys: parties.iter().map(|(_, key)| *key).collect(),
            at: self.state.now(),
        };
        let signature = root.keys().sign(&SignedIntroduction::digest(&introduction)?);
        let signed = SignedIntroduction {
            introduction,
            signature,
        };
        let mut sealed = Vec::new();
        for (place, (over, key)) in parties.into_iter().enumerate() {
            let words = Brought {
                signed: signed.clone(),
                link: (place > 0).then(|| invite.clone()),
            };
            let (id, order) = bound(over, number);
            sealed.push(seal_words(
                &key,
                Label::SealedIntroduction,
                &[&id, &order],
                &words,
            )?);
        }
        Ok(Some(LinkStep::Bring { number, sealed }))
    }
}

impl IntroducedRecord {
    /// Whether the root key of the body that introduced, as this person's own body knew it, signed it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed.is_signed_by(&self.root).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use caucus_proto::id::ChannelId;
    use caucus_proto::wire::RelayKey;

    use super::*;

    #[test]
    fn an_introduction_that_says_another_thing_than_was_consented_to_introduces_nobody() {
        let [root, host, guest, mallory] = [1, 2, 3, 4].map(|seed| PersonaKeys::from_bytes(&[seed; 32]));
        let relay_at = |host| RelayAddress::new(RelayKey([9; 32]), host, 4433, false).unwrap();
        let (relay, elsewhere) = (relay_at("relay.example"), relay_at("relay.invalid"));
        let at = |relay: &RelayAddress| {
            let link = InviteLink {
                relay: relay.clone(),
                card: ChannelId([5; 32]),
                secret: [6; 16],
                commitment: [7; 32],
                expires: Minutes(9),
                pass: None,
            };
            link.to_string()
        };
        let said = Introduction {
            body: BodyId([8; 32]),
            number: 3,
            about: "The harbour strike".to_owned(),
            keys: vec![host.public(), guest.public()],
            at: Minutes(9),
        };
        let signed_by = |root: &PersonaKeys, change: &dyn Fn(&mut Introduction)| {
            let mut introduction = said.clone();
            change(&mut introduction);
            let signature = root.sign(&SignedIntroduction::digest(&introduction).unwrap());
            SignedIntroduction {
                introduction,
                signature,
            }
        };
        let asked = |host| Asked {
            about: said.about.clone(),
            until: Minutes(9),
            host,
            parties: 2,
            consented: None,
            ended: None,
        };
        let (hosts, comes) = (asked(true), asked(false));
        let written = relay.to_string();
        let takes = |mine: &PersonaKeys, signed: &SignedIntroduction, link: Option<&str>| {
            let expectation = Expectation {
                body: said.body,
                root: RootKey {
                    number: 1,
                    key: root.public(),
                },
                relays: vec!["", written.as_str()],
                number: 3,
                asked: if mine.public() == host.public() {
                    &hosts
                } else {
                    &comes
                },
                mine: mine.public(),
            };
            expectation.is(signed, link)
        };
        let good = signed_by(&root, &|_| ());
        assert!(takes(&host, &good, None) && takes(&guest, &good, Some(&at(&relay))));
        // Signed by another, or about something else.
        let changes: [&dyn Fn(&mut Introduction); 6] = [
            &|said| said.body.0[0] ^= 1,
            &|said| said.number = 4,
            &|said| said.about.push('!'),
            &|said| said.keys.reverse(),
            &|said| said.keys.truncate(1),
            &|said| said.keys.push(mallory.public()),
        ];
        for change in changes {
            let other = signed_by(&root, change);
            assert!(!takes(&host, &other, None) && !takes(&guest, &other, Some(&at(&relay))));
        }
        let forged = signed_by(&mallory, &|_| ());
        assert!(!takes(&host, &forged, None) && !takes(&guest, &forged, Some(&at(&relay))));
        // Who is not named is not introduced; a host has no link, and whoever comes has one, to the relay that all are at.
        assert!(!takes(&mallory, &good, Some(&at(&relay))));
        assert!(!takes(&host, &good, Some(&at(&relay))) && !takes(&guest, &good, None));
        for link in [at(&elsewhere), relay.to_string(), String::new()] {
            assert!(!takes(&guest, &good, Some(&link)), "{link}");
        }
    }
}
