//! The log of a room as this device keeps it.

use caucus_proto::codec;
use caucus_proto::id::{Minutes, Position};

use super::error::EngineError;
use super::record::LogRecord;
use super::room::Room;
use crate::vault::Table;

/// Entries among which somebody else is looked for.
const HEARD: usize = 64;

impl Room {
    /// The log record at a position, if this device has it.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn log_at(&self, position: Position) -> Result<Option<LogRecord>, EngineError> {
        Ok(self
            .vault
            .overlay()
            .get_value(&self.place(Table::Log, position.0))?)
    }

    /// Log records after a position, in order, at most so many.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn log_after(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, LogRecord)>, EngineError> {
        let rows = self.vault.range(
            Table::Log,
            self.record.room.as_bytes(),
            after.0.saturating_add(1),
            limit,
        )?;
        Ok(decode_rows(&rows))
    }

    /// The latest log records before a position, in order, at most so many.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn log_before(
        &self,
        before: Position,
        limit: usize,
    ) -> Result<Vec<(Position, LogRecord)>, EngineError> {
        let rows = self
            .vault
            .range_back(Table::Log, self.record.room.as_bytes(), before.0, limit)?;
        let mut records = decode_rows(&rows);
        records.reverse();
        Ok(records)
    }

    /// When somebody else was heard last, by their clock, as far as the latest entries tell.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn heard(&self) -> Result<Option<Minutes>, EngineError> {
        let latest = self.log_before(self.cursor.position.next(), HEARD)?;
        let others = |record: &&LogRecord| record.author.is_some_and(|author| author != self.record.persona);
        let last = latest.iter().rev().map(|(_, record)| record).find(others);
        Ok(last.and_then(|record| record.time))
    }
}

pub(super) fn decode_rows(rows: &[(u64, zeroize::Zeroizing<Vec<u8>>)]) -> Vec<(Position, LogRecord)> {
    rows.iter()
        .filter_map(|(number, bytes)| {
            codec::decode(bytes, codec::LOCAL_LIMIT)
                .ok()
                .map(|record| (Position(*number), record))
        })
        .collect()
}
