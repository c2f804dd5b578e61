//! One record as it lies on disk. Inside the seal stand its whole place, its length, its bytes and zeros up
//! to a step of 64; outside, its slot is the associated data. So a record that was moved does not open, and
//! a rewrite under other keys knows every record's place.
//!
//! ```text
//! sealed = nonce 24 | ciphertext of plain | tag 16
//! plain  = table 1 | number 8 | scope length 2 | bytes' length 4 | scope | bytes | zeros
//! ```

use zeroize::Zeroizing;

use super::error::{Damage, VaultError};
use super::key::{Keys, Slot};

/// Largest record in bytes.
pub(super) const LARGEST: usize = caucus_proto::codec::LOCAL_LIMIT;
/// Largest scope in bytes.
const LARGEST_SCOPE: usize = 1024;
const HEAD: usize = 1 + 8 + 2 + 4;
const STEP: usize = 64;

/// A record that was opened.
pub(super) struct Opened {
    pub(super) table: u8,
    pub(super) scope: Vec<u8>,
    pub(super) number: u64,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// Slot and sealed bytes of a record.
pub(super) fn seal(
    keys: &Keys,
    table: u8,
    scope: &[u8],
    number: u64,
    bytes: &[u8],
) -> Result<(Slot, Vec<u8>), VaultError> {
    let (scope_length, length) = lengths(scope, bytes)?;
    let slot = keys.slot(table, scope, number);
    let size = HEAD.saturating_add(scope.len()).saturating_add(bytes.len());
    let padded = size.next_multiple_of(STEP);
    let mut plain = Vec::with_capacity(padded);
    plain.push(table);
    plain.extend_from_slice(&number.to_be_bytes());
    plain.extend_from_slice(&scope_length.to_be_bytes());
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(scope);
    plain.extend_from_slice(bytes);
    plain.resize(padded, 0);
    Ok((slot, keys.seal(&slot, plain)?))
}

/// The lengths as they are written, or that they are too large.
pub(super) fn lengths(scope: &[u8], bytes: &[u8]) -> Result<(u16, u32), VaultError> {
    let too_large = |size, limit| VaultError::TooLarge { size, limit };
    let scope_length = u16::try_from(scope.len())
        .ok()
        .filter(|_| scope.len() <= LARGEST_SCOPE)
        .ok_or_else(|| too_large(scope.len(), LARGEST_SCOPE))?;
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= LARGEST)
        .ok_or_else(|| too_large(bytes.len(), LARGEST))?;
    Ok((scope_length, length))
}

/// Opens a record at its slot.
pub(super) fn open(keys: &Keys, slot: &[u8], sealed: &[u8]) -> Result<Opened, VaultError> {
    let damaged = || VaultError::Damaged(Damage::Record);
    let slot: &Slot = slot.try_into().map_err(|_| damaged())?;
    let plain = keys.open(slot, sealed).ok_or_else(damaged)?;
    let opened = parse(plain).ok_or_else(damaged)?;
    if keys.slot(opened.table, &opened.scope, opened.number) != *slot {
        return Err(damaged());
    }
    Ok(opened)
}

fn parse(mut plain: Zeroizing<Vec<u8>>) -> Option<Opened> {
    let (table, rest) = plain.split_first()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (scope_length, rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (scope, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*scope_length)))?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (_, padding) = rest.split_at_checked(length)?;
    if padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    let (table, scope, number) = (*table, scope.to_vec(), u64::from_be_bytes(*number));
    let start = HEAD.checked_add(scope.len())?;
    plain.drain(..start);
    plain.truncate(length);
    Some(Opened {
        table,
        scope,
        number,
        bytes: plain,
    })
}
