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

/// Whether the handle is given. An unknown channel, one whose time is over and a wrong key cost the same
/// Diffie-Hellman and get the same answer; what the look-ups before it took, the caller hides.
///
/// # Errors
/// `NotOpened`, always.
pub fn open(
    guard: Option<&Guard>,
    asked: &Opening,
    verifier: Verifier<'_>,
    now: Hours,
) -> Result<(), RefusedBecause> {
    let proved = asked.proof.holds(
        verifier.secret,
        &asked.key,
        &asked.channel,
        Purpose::Open(asked.role),
        verifier.binding,
    );
    let known = guard.is_some_and(|guard| guard.lives(now) && guard.opens(asked.role, &asked.key));
    if proved & known {
        Ok(())
    } else {
        Err(RefusedBecause::NotOpened)
    }
}
