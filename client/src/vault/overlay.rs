//! Writes that are not committed yet: one transaction in memory, over the vault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use caucus_proto::codec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::error::{VaultError, engine};
use super::place::{Place, Table};
use super::read::{Numbered, Span, Way, decode};
use super::record;
use super::store::{FORGET_KEY, HEADER, RECORDS, State, Vault};

/// Writes over a vault. Reads see them at once through the overlay; others see nothing until
/// [`Overlay::commit`], and all of it after. Dropping it discards them. Of two overlays that write the same
/// place, the one that commits later stands: whoever needs more takes turns.
pub struct Overlay {
    vault: Vault,
    pending: Mutex<Pending>,
}

/// What an overlay held at some moment.
pub struct Mark(Pending);

/// What an overlay holds.
#[derive(Clone, Default)]
pub(super) struct Pending {
    /// Scopes of which nothing on disk counts.
    wiped: BTreeSet<(Table, Vec<u8>)>,
    /// New bytes, or none for what is deleted.
    writes: BTreeMap<Place, Option<Zeroizing<Vec<u8>>>>,
}

impl Overlay {
    pub(super) fn over(vault: Vault) -> Self {
        Self {
            vault,
            pending: Mutex::default(),
        }
    }

    /// Remembers what is held now, for [`Overlay::rollback`].
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.pending().clone())
    }

    /// Takes back everything written since a mark.
    pub fn rollback(&self, mark: Mark) {
        *self.pending() = mark.0;
    }

    /// The bytes of a record, if there is one.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn get(&self, place: &Place) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let pending = self.pending();
        if let Some(write) = pending.writes.get(place) {
            return Ok(write.clone());
        }
        if pending.is_wiped(place.table, &place.scope) {
            return Ok(None);
        }
        self.vault.get(place)
    }

    /// A record's value, if there is one.
    ///
    /// # Errors
    /// As [`Vault::get_value`].
    pub fn get_value<T: DeserializeOwned + Serialize>(&self, place: &Place) -> Result<Option<T>, VaultError> {
        self.get(place)?.map(|bytes| decode(&bytes)).transpose()
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
        let span = Span::up(table, scope, from);
        self.vault.0.span(span, limit, &self.pending())
    }

    /// The values of a scope from a number on, ascending.
    ///
    /// # Errors
    /// As [`Vault::get_value`].
    pub fn values<T: DeserializeOwned + Serialize>(
        &self,
        table: Table,
        scope: &[u8],
        from: u64,
    ) -> Result<Vec<(u64, T)>, VaultError> {
        let rows = self.range(table, scope, from, usize::MAX)?;
        rows.into_iter()
            .map(|(number, bytes)| Ok((number, decode(&bytes)?)))
            .collect()
    }

    /// The number after the last of a scope; 1 where there is none.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn next_number(&self, table: Table, scope: &[u8]) -> Result<u64, VaultError> {
        let last = self.range_back(table, scope, u64::MAX, 1)?;
        Ok(last.first().map_or(1, |(last, _)| last.saturating_add(1)))
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
            self.vault.0.span(span, limit, &self.pending())
        })
    }

    /// Writes a record, in place of the one that is there.
    ///
    /// # Errors
    /// `TooLarge` for more than 64 MiB, or a scope of more than 1 KiB.
    pub fn put(&self, place: Place, bytes: impl Into<Vec<u8>>) -> Result<(), VaultError> {
        let bytes = Zeroizing::new(bytes.into());
        record::lengths(&place.scope, &bytes)?;
        self.pending().writes.insert(place, Some(bytes));
        Ok(())
    }

    /// Writes a value as a record.
    ///
    /// # Errors
    /// As [`Overlay::put`].
    pub fn put_value<T: Serialize>(&self, place: Place, value: &T) -> Result<(), VaultError> {
        let bytes = codec::encode(value, record::LARGEST).map_err(|_| VaultError::TooLarge {
            size: usize::MAX,
            limit: record::LARGEST,
        })?;
        self.put(place, bytes)
    }

    /// Deletes a record, if there is one.
    pub fn delete(&self, place: Place) {
        self.pending().writes.insert(place, None);
    }

    /// Deletes all records of a scope.
    pub fn delete_scope(&self, table: Table, scope: &[u8]) {
        let mut pending = self.pending();
        pending
            .writes
            .retain(|place, _| place.table != table || place.scope != scope);
        pending.wiped.insert((table, scope.to_vec()));
    }

    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    /// Writes everything in one transaction, which is on the disk when this returns.
    ///
    /// # Errors
    /// As [`Overlay::flush`].
    pub fn commit(self) -> Result<(), VaultError> {
        self.flush()
    }

    /// Like [`Overlay::commit`], but the overlay stays: empty where it succeeded, else with all it held, so
    /// that it can be tried again.
    ///
    /// # Errors
    /// `Full`, `ReadOnly`, `Failed`, `Damaged`. Where the disk failed in the last moment the writes may still
    /// be found done, all of them, when the vault is read again; trying again is right in either case.
    pub fn flush(&self) -> Result<(), VaultError> {
        let mut pending = self.pending();
        if pending.is_empty() {
            return Ok(());
        }
        let inner = &self.vault.0;
        let state = inner.state()?;
        if !state.published.load(Ordering::SeqCst) {
            inner.folder.sync()?;
            state.published.store(true, Ordering::SeqCst);
        }
        let written = self.write(&state, &pending);
        drop(state);
        inner.watch(written)?;
        *pending = Pending::default();
        Ok(())
    }

    /// Forgets the writes.
    pub fn discard(self) {}

    fn write(&self, state: &State, pending: &Pending) -> Result<(), VaultError> {
        let faults = self.vault.faults();
        let transaction = state.database()?.begin_write().map_err(engine)?;
        let mut forget = false;
        {
            let mut records = transaction.open_table(RECORDS).map_err(engine)?;
            for (table, scope) in &pending.wiped {
                let (first, last) = state.keys.slots(*table, scope, 0, u64::MAX);
                records
                    .retain_in::<&[u8], _>(first.as_slice()..=last.as_slice(), |_, _| {
                        forget = true;
                        false
                    })
                    .map_err(engine)?;
            }
            for (place, bytes) in &pending.writes {
                let (table, scope, number) = (place.table.number(), &place.scope, place.number);
                let before = match bytes {
                    Some(bytes) => {
                        let (slot, sealed) = record::seal(&state.keys, table, scope, number, bytes)?;
                        records
                            .insert(slot.as_slice(), sealed.as_slice())
                            .map_err(engine)?
                    }
                    None => {
                        let slot = state.keys.slot(table, scope, number);
                        records.remove(slot.as_slice()).map_err(engine)?
                    }
                };
                forget |= before.is_some();
            }
        }
        if forget && !state.forget.load(Ordering::SeqCst) {
            transaction
                .open_table(HEADER)
                .map_err(engine)?
                .insert(FORGET_KEY, [].as_slice())
                .map_err(engine)?;
        }
        faults.before_commit()?;
        transaction.commit().map_err(engine)?;
        faults.committed();
        state.forget.fetch_or(forget, Ordering::SeqCst);
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Overlay(..)")
    }
}

impl Pending {
    pub(super) fn is_wiped(&self, table: Table, scope: &[u8]) -> bool {
        !self.wiped.is_empty() && self.wiped.contains(&(table, scope.to_vec()))
    }

    /// The writes of a span, the way it goes.
    pub(super) fn span(&self, span: &Span<'_>) -> Vec<(u64, Option<&Zeroizing<Vec<u8>>>)> {
        if self.writes.is_empty() || span.first > span.last {
            return Vec::new();
        }
        let first = Place::new(span.table, span.scope, span.first);
        let last = Place::new(span.table, span.scope, span.last);
        let mut out: Vec<_> = self
            .writes
            .range(first..=last)
            .map(|(place, bytes)| (place.number, bytes.as_ref()))
            .collect();
        if span.way == Way::Down {
            out.reverse();
        }
        out
    }

    fn is_empty(&self) -> bool {
        self.wiped.is_empty() && self.writes.is_empty()
    }
}
