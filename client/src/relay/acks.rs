//! Acknowledgements that may wait: every follower of a busy room would otherwise acknowledge each entry by a packet of
//! its own, which costs the relay as much as sending the entry did, and the follower's radio too.
//!
//! A relay that knows the extension (draft-ietf-quic-ack-frequency-07) asks a client to acknowledge after so many
//! packets or so long. quinn asks for no more than 25 milliseconds or a round trip, and never for less than the
//! client says it needs (`min_ack_delay`): so the client says that it needs [`DELAY`]. What was lost in the middle is
//! noticed as early as before; only a lost last packet is sent again so much later.
//!
//! quinn has no setting for the two transport parameters. They are changed where they are handed to TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use quinn::ConnectError;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::crypto::{ClientConfig, Session};
use quinn_proto::coding::Codec;
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{Side, VarInt};

/// How long an acknowledgement may wait.
pub(super) const DELAY: Duration = Duration::from_millis(100);

/// RFC 9000, section 18.2: milliseconds.
const MAX_ACK_DELAY: VarInt = VarInt::from_u32(0x0b);
/// draft-ietf-quic-ack-frequency-07, section 3: microseconds.
const MIN_ACK_DELAY: VarInt = VarInt::from_u32(0xff04_de1b);

/// TLS that tells a relay how long acknowledgements may wait.
pub(super) struct LazyAcks(pub(super) Arc<QuicClientConfig>);

impl ClientConfig for LazyAcks {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        // Parameters that cannot be read back are sent as they are: they only cost the relay more.
        let lazy = lazy(params);
        Arc::clone(&self.0).start_session(version, server_name, lazy.as_ref().unwrap_or(params))
    }
}

/// The same parameters with the two delays.
fn lazy(params: &TransportParameters) -> Option<TransportParameters> {
    let mut old = Vec::new();
    params.write(&mut old);
    let mut old = old.as_slice();
    let mut new = Vec::new();
    while old.has_remaining() {
        let (id, size) = (VarInt::decode(&mut old).ok()?, VarInt::decode(&mut old).ok()?);
        let (value, rest) = old.split_at_checked(usize::try_from(size.into_inner()).ok()?)?;
        old = rest;
        if id != MAX_ACK_DELAY && id != MIN_ACK_DELAY {
            put(&mut new, id, value);
        }
    }
    for (id, delay) in [
        (MAX_ACK_DELAY, DELAY.as_millis()),
        (MIN_ACK_DELAY, DELAY.as_micros()),
    ] {
        let mut value = Vec::new();
        VarInt::try_from(delay).ok()?.encode(&mut value);
        put(&mut new, id, &value);
    }
    TransportParameters::read(Side::Server, &mut new.as_slice()).ok()
}

fn put(out: &mut Vec<u8>, id: VarInt, value: &[u8]) {
    id.encode(out);
    // A value of parameters that were read: far smaller than any bound.
    VarInt::try_from(value.len()).unwrap_or(VarInt::MAX).encode(out);
    out.put_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(params: &TransportParameters) -> Vec<(VarInt, Vec<u8>)> {
        let mut bytes = Vec::new();
        params.write(&mut bytes);
        let mut bytes = bytes.as_slice();
        let mut all = Vec::new();
        while bytes.has_remaining() {
            let (id, size) = (
                VarInt::decode(&mut bytes).unwrap(),
                VarInt::decode(&mut bytes).unwrap(),
            );
            let (value, rest) = bytes.split_at(size.into_inner() as usize);
            bytes = rest;
            all.push((id, value.to_vec()));
        }
        all.sort();
        all
    }

    #[test]
    fn only_the_two_delays_change() {
        // initial_max_data, min_ack_delay of a millisecond, active_connection_id_limit.
        let mut bytes = Vec::new();
        put(&mut bytes, VarInt::from_u32(0x04), &[0x80, 0x01, 0x00, 0x00]);
        put(&mut bytes, MIN_ACK_DELAY, &[0x43, 0xe8]);
        put(&mut bytes, VarInt::from_u32(0x0e), &[5]);
        let params = TransportParameters::read(Side::Server, &mut bytes.as_slice()).unwrap();
        assert_eq!(
            written(&lazy(&params).unwrap()),
            [
                (VarInt::from_u32(0x04), vec![0x80, 0x01, 0x00, 0x00]),
                (MAX_ACK_DELAY, vec![0x40, 100]),
                (VarInt::from_u32(0x0e), vec![5]),
                (MIN_ACK_DELAY, vec![0x80, 0x01, 0x86, 0xa0]),
            ]
        );
    }
}
