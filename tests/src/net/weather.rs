//! What a way between a device and the relay does to datagrams.

use std::time::Duration;

/// The IPv4 and UDP headers in front of a datagram.
const HEADERS: usize = 28;

/// What happens to datagrams on a way, in both directions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// Of a hundred datagrams so many are lost.
    pub loss: u64,
    /// One way takes at least so long.
    pub near: Duration,
    /// One way takes at most so long. Where a way lies between the two is drawn when its weather is set.
    pub far: Duration,
    /// Of a hundred datagrams so many are overtaken by later ones.
    pub reordered: u64,
    /// Of a hundred datagrams so many arrive twice.
    pub doubled: u64,
    /// Larger packets of IP vanish without a word, in bytes.
    pub mtu: usize,
}

impl Weather {
    /// Nothing is lost; one way takes 5 ms.
    pub const CALM: Self = Self {
        loss: 0,
        near: Duration::from_millis(5),
        far: Duration::from_millis(5),
        reordered: 0,
        doubled: 0,
        mtu: 1_500,
    };

    /// The weather of case N-01: so many of a hundred are lost, a way takes 50 to 300 ms, of a hundred 10 are
    /// overtaken and 5 come twice.
    #[must_use]
    pub const fn rough(loss: u64) -> Self {
        Self {
            loss,
            near: Duration::from_millis(50),
            far: Duration::from_millis(300),
            reordered: 10,
            doubled: 5,
            mtu: 1_500,
        }
    }

    /// The same with a path on which only packets of IP up to 1,280 bytes come through (RFC 8200's least).
    #[must_use]
    pub const fn narrow(self) -> Self {
        Self { mtu: 1_280, ..self }
    }

    /// Whether a datagram of this size comes through.
    #[must_use]
    pub const fn carries(&self, payload: usize) -> bool {
        payload + HEADERS <= self.mtu
    }
}
