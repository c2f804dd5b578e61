//! Randomness enters here. Where the system has none, nothing is made: there is no fallback.

use getrandom::SysRng;
use hpke::rand_core::UnwrapErr;

use super::error::EngineError;

/// So many random bytes.
///
/// # Errors
/// `EngineError::Random` if the system's source fails, or gives nothing but zeros.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N], EngineError> {
    let mut out = [0; N];
    getrandom::fill(&mut out).map_err(|_| EngineError::Random)?;
    if N >= 8 && out.iter().all(|byte| *byte == 0) {
        return Err(EngineError::Random);
    }
    Ok(out)
}

/// Randomness for a library that draws its own.
pub(super) const fn source() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// A number below `limit`, close enough to even for delays.
///
/// # Errors
/// `EngineError::Random`.
pub(super) fn below(limit: u64) -> Result<u64, EngineError> {
    Ok(u64::from_be_bytes(bytes()?) % limit.max(1))
}
