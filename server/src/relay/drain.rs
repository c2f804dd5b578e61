//! When clients of a relay that goes away come back: spread out, so that whoever starts it again is not met by all of
//! them at once.

/// The least milliseconds: a relay that is started again needs about as long.
const LEAST: u64 = 1_000;
/// Milliseconds of spread by connection: a handshake costs about one of them.
const BY_CONNECTION: u64 = 2;
/// Spread for a few.
const NARROWEST: u64 = 1_000;
/// Nobody stays away longer than this.
const WIDEST: u64 = 60_000;

/// Milliseconds after which one of so many should come back, given a random number.
#[must_use]
pub fn back_in_ms(connections: usize, random: u64) -> u32 {
    let spread = (connections as u64)
        .saturating_mul(BY_CONNECTION)
        .clamp(NARROWEST, WIDEST);
    u32::try_from(LEAST + random % spread).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_come_back_soon_and_many_spread_out() {
        for (connections, most) in [
            (0, 2_000),
            (1, 2_000),
            (500, 2_000),
            (4_000, 9_000),
            (1 << 40, 61_000),
        ] {
            let draws: Vec<_> = (0..10_000_u64)
                .map(|n| back_in_ms(connections, n.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
                .collect();
            assert!(
                draws.iter().all(|back| (1_000..most).contains(back)),
                "{connections}"
            );
            let half = draws.iter().filter(|back| **back < (1_000 + most) / 2).count();
            assert!(
                (4_000..6_000).contains(&half),
                "{connections}: {half} in the first half"
            );
        }
    }
}
