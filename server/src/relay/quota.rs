//! A channel's share of the store, a part of which only control proofs may use: whoever fills a room cannot
//! freeze it.

use caucus_proto::wire::RefusedBecause;

use crate::limits::Limits;
use crate::store::ChannelUsage;

/// Whose share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Share {
    /// Everybody's.
    Ordinary,
    /// With a control proof: all of it.
    Control,
}

/// Whether so many more bytes fit as one entry.
///
/// # Errors
/// `ChannelFull`.
pub fn fits(usage: ChannelUsage, more: usize, share: Share, limits: &Limits) -> Result<(), RefusedBecause> {
    let part = |whole: u64| match share {
        Share::Control => whole,
        Share::Ordinary => {
            let kept = u128::from(whole) * u128::from(limits.reserved_percent) / 100;
            whole.saturating_sub(u64::try_from(kept).unwrap_or(whole))
        }
    };
    let more = u64::try_from(more).unwrap_or(u64::MAX);
    let entries = usage.entries < part(limits.channel_entries);
    let bytes = usage.bytes.saturating_add(more) <= part(limits.channel_bytes);
    if entries && bytes {
        Ok(())
    } else {
        Err(RefusedBecause::ChannelFull)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_channel_still_takes_a_cut() {
        let limits = Limits {
            channel_entries: 100,
            reserved_percent: 10,
            ..Limits::default()
        };
        let at = |entries| ChannelUsage { entries, bytes: 0 };
        assert_eq!(fits(at(89), 1024, Share::Ordinary, &limits), Ok(()));
        let full = Err(RefusedBecause::ChannelFull);
        assert_eq!(fits(at(90), 1024, Share::Ordinary, &limits), full);
        assert_eq!(fits(at(90), 1024, Share::Control, &limits), Ok(()));
        assert_eq!(fits(at(100), 1024, Share::Control, &limits), full);
    }

    #[test]
    fn bytes_count_as_well_as_entries() {
        let limits = Limits {
            channel_bytes: 10_000,
            reserved_percent: 10,
            ..Limits::default()
        };
        let usage = ChannelUsage {
            entries: 1,
            bytes: 8_000,
        };
        assert_eq!(fits(usage, 1_000, Share::Ordinary, &limits), Ok(()));
        assert!(fits(usage, 1_001, Share::Ordinary, &limits).is_err());
        assert_eq!(fits(usage, 2_000, Share::Control, &limits), Ok(()));
    }
}
