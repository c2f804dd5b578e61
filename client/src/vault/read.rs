//! Reading records, with what an overlay holds laid over what is on disk.

use std::iter::empty;

use caucus_proto::codec;
use redb::{AccessGuard, ReadableDatabase, ReadableTable};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::error::{Damage, VaultError, engine};
use super::overlay::Pending;
use super::place::{Place, Table};
use super::record;
use super::store::{Inner, RECORDS, Vault};

/// A record's number and bytes.
pub(super) type Numbered = (u64, Zeroizing<Vec<u8>>);

type Stored<'a> = (AccessGuard<'a, &'static [u8]>, AccessGuard<'a, &'static [u8]>);

/// Which way a range goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

/// Numbers of one scope.
#[derive(Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) table: Table,
    pub(super) scope: &'a [u8],
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) way: Way,
}

impl<'a> Span<'a> {
    pub(super) const fn up(table: Table, scope: &'a [u8], from: u64) -> Self {
        Self {
            table,
            scope,
            first: from,
            last: u64::MAX,
            way: Way::Up,
        }
    }

    /// None where nothing can be before.
    pub(super) fn down(table: Table, scope: &'a [u8], before: u64) -> Option<Self> {
        Some(Self {
            table,
            scope,
            first: 0,
            last: before.checked_sub(1)?,
            way: Way::Down,
        })
    }
}

impl Vault {
    /// The bytes of a record, if there is one.
    ///
    /// # Errors
    /// `Damaged` if it does not open, `Failed`.
    pub fn get(&self, place: &Place) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        self.0.record(place)
    }

    /// A record's value, if there is one.
    ///
    /// # Errors
    /// As [`Vault::get`]; `Damaged` also if it is no such value in canonical form.
    pub fn get_value<T: DeserializeOwned + Serialize>(&self, place: &Place) -> Result<Option<T>, VaultError> {
        self.get(place)?.map(|bytes| decode(&bytes)).transpose()
    }

    /// The bytes of every record: all that one who knows the passphrase can have of the file.
    ///
    /// # Errors
    /// As [`Vault::get`].
    #[doc(hidden)]
    pub fn every_record(&self) -> Result<Vec<Zeroizing<Vec<u8>>>, VaultError> {
        let state = self.0.state()?;
        let transaction = state.database()?.begin_read().map_err(engine)?;
        let records = transaction.open_table(RECORDS).map_err(engine)?;
        let open = |item: Result<Stored<'_>, redb::StorageError>| {
            let (slot, sealed) = item.map_err(engine)?;
            Ok(record::open(&state.keys, slot.value(), sealed.value())?.bytes)
        };
        records.iter().map_err(engine)?.map(open).collect()
    }

    /// Records of a scope from a number on, ascending, at most `limit`.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn range(
        &self,
        table: Table,
        scope: &[u8],
        from: u64,
        limit: usize,
    ) -> Result<Vec<Numbered>, VaultError> {
        self.0
            .span(Span::up(table, scope, from), limit, &Pending::default())
    }

    /// All records of a scope from a number to before another, ascending.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn range_within(
        &self,
        table: Table,
        scope: &[u8],
        first: u64,
        before: u64,
    ) -> Result<Vec<Numbered>, VaultError> {
        let Some(last) = before.checked_sub(1) else {
            return Ok(Vec::new());
        };
        let span = Span {
            last,
            ..Span::up(table, scope, first)
        };
        self.0.span(span, usize::MAX, &Pending::default())
    }

    /// Records of a scope before a number, descending, at most `limit`.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn range_back(
        &self,
        table: Table,
        scope: &[u8],
        before: u64,
        limit: usize,
    ) -> Result<Vec<Numbered>, VaultError> {
        Span::down(table, scope, before).map_or(Ok(Vec::new()), |span| {
            self.0.span(span, limit, &Pending::default())
        })
    }
}

impl Inner {
    pub(super) fn record(&self, place: &Place) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let state = self.state()?;
        let read = || {
            let transaction = state.database()?.begin_read().map_err(engine)?;
            let records = transaction.open_table(RECORDS).map_err(engine)?;
            let slot = state.keys.slot(place.table.number(), &place.scope, place.number);
            let Some(sealed) = records.get(slot.as_slice()).map_err(engine)? else {
                return Ok(None);
            };
            Ok(Some(record::open(&state.keys, &slot, sealed.value())?.bytes))
        };
        self.watch(read())
    }

    /// Records of a span, those of an overlay before those on disk.
    pub(super) fn span(
        &self,
        span: Span<'_>,
        limit: usize,
        pending: &Pending,
    ) -> Result<Vec<Numbered>, VaultError> {
        let state = self.state()?;
        let read = || {
            let transaction = state.database()?.begin_read().map_err(engine)?;
            let records = transaction.open_table(RECORDS).map_err(engine)?;
            let (first, last) = state.keys.slots(span.table, span.scope, span.first, span.last);
            let open = |item: Result<Stored<'_>, redb::StorageError>| {
                let (slot, sealed) = item.map_err(engine)?;
                let opened = record::open(&state.keys, slot.value(), sealed.value())?;
                Ok((opened.number, opened.bytes))
            };
            let mine = pending.span(&span);
            if pending.is_wiped(span.table, span.scope) {
                return merge(empty(), mine, span.way, limit);
            }
            if span.first > span.last {
                return Ok(Vec::new());
            }
            let stored = records
                .range::<&[u8]>(first.as_slice()..=last.as_slice())
                .map_err(engine)?;
            match span.way {
                Way::Up => merge(stored.map(open), mine, span.way, limit),
                Way::Down => merge(stored.rev().map(open), mine, span.way, limit),
            }
        };
        self.watch(read())
    }
}

/// Merges two sequences that go the same way; at the same number ours wins, and none of ours hides theirs.
fn merge(
    stored: impl Iterator<Item = Result<Numbered, VaultError>>,
    ours: Vec<(u64, Option<&Zeroizing<Vec<u8>>>)>,
    way: Way,
    limit: usize,
) -> Result<Vec<Numbered>, VaultError> {
    let mut out = Vec::new();
    let mut stored = stored.peekable();
    let mut ours = ours.into_iter().peekable();
    while out.len() < limit {
        let theirs = match stored.peek() {
            Some(Ok((number, _))) => Some(*number),
            Some(Err(_)) => {
                stored.next().transpose()?;
                continue;
            }
            None => None,
        };
        let next = match (ours.peek().map(|(number, _)| *number), theirs) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(mine), Some(theirs)) if mine == theirs => {
                stored.next();
                true
            }
            (Some(mine), Some(theirs)) => (mine < theirs) == (way == Way::Up),
        };
        if next {
            if let Some((number, Some(bytes))) = ours.next() {
                out.push((number, bytes.clone()));
            }
        } else if let Some(item) = stored.next() {
            out.push(item?);
        }
    }
    Ok(out)
}

/// A value from a record's bytes.
pub(super) fn decode<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, VaultError> {
    codec::decode(bytes, record::LARGEST).map_err(|_| VaultError::Damaged(Damage::Value))
}
