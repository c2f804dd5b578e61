//! `Open`: who shows a channel's key gets a handle.

use caucus_proto::id::{ChannelId, Hours};
use caucus_proto::wire::proof::{Binding, Purpose};
use caucus_proto::wire::{Proof, RefusedBecause, Role};
use x25519_dalek::StaticSecret;

use crate::relay::guard::Guard;

/// The relay's half of every proof on one connection.
#[derive(Clone, Copy)]
pub struct Verifier<'a> {
    /// The secret of this process's proof key.
    pub secret: &'a StaticSecret,
    /// What proofs on this connection are bound to.
    pub binding: &'a Binding,
}

impl Verifier<'_> {
    /// Whether a proof holds: one Diffie-Hellman, whatever the outcome.
    #[must_use]
    pub fn proves(&self, proof: &Proof, key: &[u8; 32], channel: &ChannelId, purpose: Purpose) -> bool {
        #[cfg(test)]
        PROVED.with(|proved| proved.set(proved.get() + 1));
        proof.holds(self.secret, key, channel, purpose, self.binding)
    }
}

#[cfg(test)]
thread_local! {
    /// Proofs that this thread looked at.
    pub(crate) static PROVED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Which channel.
    pub channel: ChannelId,
    /// What for.
    pub role: Role,
    /// The key it claims.
    pub key: [u8; 32],
    /// That its secret is held.
    pub proof: Proof,
}

/// Whether the handle is given, by one of the guards that the channel has: as it was written, and as time has
/// made it. An unknown channel, one whose time is over and a wrong key cost the same Diffie-Hellman and get the
/// same answer; what the look-ups before it took, the caller hides.
///
/// # Errors
/// `NotOpened`, always.
pub fn open<'a>(
    guards: impl IntoIterator<Item = &'a Guard>,
    asked: &Opening,
    verifier: Verifier<'_>,
    now: Hours,
) -> Result<(), RefusedBecause> {
    let purpose = Purpose::Open(asked.role);
    let proved = verifier.proves(&asked.proof, &asked.key, &asked.channel, purpose);
    let mut guards = guards.into_iter();
    let known = guards.any(|guard| guard.lives(now) && guard.opens(asked.role, &asked.key));
    if proved & known {
        Ok(())
    } else {
        Err(RefusedBecause::NotOpened)
    }
}
