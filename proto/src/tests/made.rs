//! Makes a value of any type that can be decoded, by asking the type itself what it is made of.

use serde::de::value::{Error, U32Deserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Where choices come from.
pub(super) struct Maker {
    state: u64,
    /// Numbers and lengths are chosen, not counted up.
    random: bool,
    /// The variant of the first enum that is met.
    variant: Option<u32>,
    /// How many variants that enum has.
    pub(super) variants: usize,
}

impl Maker {
    /// Every value different.
    pub(super) fn random(seed: u64) -> Self {
        Self {
            state: seed,
            random: true,
            variant: None,
            variants: 0,
        }
    }

    /// The same value for ever, with this variant of the first enum in it.
    pub(super) fn counting(variant: u32) -> Self {
        Self {
            state: 0,
            random: false,
            variant: Some(variant),
            variants: 0,
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        if !self.random {
            self.state += 1;
            return self.state;
        }
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// An integer of every width that the encoding has.
    fn number(&mut self) -> u64 {
        let number = self.next();
        if !self.random {
            return number;
        }
        match number % 8 {
            0 => number >> 32,
            1 => number >> 48,
            2 => 250 + (number >> 61),
            3 => u64::MAX - (number >> 60),
            4 => 1 << (number >> 58),
            _ => number >> 57,
        }
    }

    fn len(&mut self) -> usize {
        if self.random { self.below(4) } else { 2 }
    }

    fn text(&mut self) -> String {
        if !self.random {
            return "Ana".to_owned();
        }
        let len = 1 + self.below(12);
        (0..len)
            .map(|_| ['a', 'Z', '7', 'é', 'Ж', '語', '.'][self.below(7)])
            .collect()
    }

    /// A value; none if the type refused what it was offered.
    pub(super) fn make<T: DeserializeOwned>(&mut self) -> Option<T> {
        T::deserialize(&mut *self).ok()
    }
}

macro_rules! numbers {
    ($($ask:ident => $give:ident as $int:ty,)*) => {
        $(fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.number();
            visitor.$give(number as $int)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Maker {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        deserialize_u8 => visit_u8 as u8,
        deserialize_u16 => visit_u16 as u16,
        deserialize_u32 => visit_u32 as u32,
        deserialize_u64 => visit_u64 as u64,
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let yes = self.next() % 2 == 1;
        visitor.visit_bool(yes)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text();
        visitor.visit_string(text)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let bytes = (0..self.len()).map(|_| self.next() as u8).collect();
        visitor.visit_byte_buf(bytes)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.random && self.below(2) == 0 {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.len();
        visitor.visit_seq(Few { maker: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Few { maker: self, left })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Few { maker: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Few {
            maker: self,
            left: fields.len(),
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.len();
        visitor.visit_map(Few { maker: self, left })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let chosen = match self.variant.take() {
            Some(variant) => {
                self.variants = variants.len();
                variant
            }
            None if self.random => u32::try_from(self.below(variants.len())).unwrap(),
            None => 0,
        };
        visitor.visit_enum(Chosen { maker: self, chosen })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no type from the network asks for anything"))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 f64 char str bytes unit unit_struct identifier ignored_any
    }
}

struct Few<'a> {
    maker: &'a mut Maker,
    left: usize,
}

impl<'de> SeqAccess<'de> for Few<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.maker).map(Some)
    }
}

impl<'de> MapAccess<'de> for Few<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(&mut *self.maker)
    }
}

struct Chosen<'a> {
    maker: &'a mut Maker,
    chosen: u32,
}

impl<'de> EnumAccess<'de> for Chosen<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let index: U32Deserializer<Error> = self.chosen.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.maker)
    }

    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Few {
            maker: self.maker,
            left,
        })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Few {
            maker: self.maker,
            left: fields.len(),
        })
    }
}

/// Calls a macro with every type that is sent, signed or kept.
macro_rules! every_type {
    ($call:ident) => {
        $call! {
            crate::wire::Hello, crate::wire::Greeting, crate::wire::Asked, crate::wire::Request,
            crate::wire::Answered, crate::wire::Answer, crate::wire::Read, crate::wire::Served,
            crate::wire::RefusedBecause, crate::wire::RelayInfo, crate::wire::Waiting, crate::wire::Entry,
            crate::wire::Flag, crate::wire::Role, crate::wire::Retention, crate::wire::StoreKind,
            crate::wire::CreationPolicy, crate::wire::ChannelSpec, crate::wire::Access, crate::wire::Change,
            crate::wire::ChangeId, crate::wire::SegmentReader, crate::wire::Proof, crate::wire::Pass,
            crate::wire::RelayAddress, crate::wire::RelayKey,
            crate::envelope::Content, crate::envelope::Body, crate::envelope::PartOf, crate::envelope::Copied,
            crate::envelope::AccessSecret, crate::envelope::EnvelopeKey, crate::envelope::SealingSeed,
            crate::org::Act, crate::org::Deed, crate::org::SeatAdded, crate::org::SeatKept,
            crate::org::CommitOps,
            crate::org::Application, crate::org::ReplyDrop, crate::org::Denied, crate::org::Genesis,
            crate::org::Kind, crate::org::SuiteChoice, crate::org::Head, crate::org::SignedHead,
            crate::org::Running, crate::org::Name, crate::org::Notice, crate::org::NoticeKind,
            crate::org::SignedNotice, crate::org::Intent, crate::org::Person, crate::org::Standing,
            crate::org::Power, crate::org::PersonaPublic, crate::org::Signature, crate::org::Invite,
            crate::org::State, crate::org::Subject, crate::org::Step, crate::org::Proposal,
            crate::org::Stage, crate::org::Ballot, crate::org::Method, crate::org::Votes,
            crate::org::Voter, crate::org::Meeting, crate::org::MeetingStage,
            crate::org::MeetingStep, crate::org::Hands, crate::org::Office, crate::org::Share,
            crate::org::Claim, crate::org::SignedClaim, crate::org::SignedHistory, crate::org::OpenRoom,
            crate::org::between::LinkStep, crate::org::between::Says, crate::org::between::SignedIntroduction,
            crate::org::Annex, crate::org::Attachment, crate::org::FileName, crate::org::FileSecret,
            crate::org::Charter, crate::org::witness::Clock, crate::org::denied::WantedStanding,
            crate::org::Remark, crate::org::Mark, crate::org::Marks,
        }
    };
}
pub(super) use every_type;
