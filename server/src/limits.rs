//! Every limit of a relay in one place. The defaults suit a virtual server with 1 GiB of memory.

use caucus_proto::wire::{CreationPolicy, RelayInfo, Retention, StoreKind, VERSION};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// What a relay allows. All numbers can be set under `[limits]` in `relay.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest life of plain entries: `day`, `week`, `month`, `quarter` or `year`.
    #[serde(deserialize_with = "retention")]
    pub plain: Retention,
    /// Longest life of flagged entries, which carry a room's membership.
    #[serde(deserialize_with = "retention")]
    pub flagged: Retention,
    /// Who may create channels: `open` or `pass`.
    #[serde(deserialize_with = "creation")]
    pub creation: CreationPolicy,
    /// Channels on the whole relay.
    pub channels: u64,
    /// Entries a channel may hold.
    pub channel_entries: u64,
    /// Bytes a channel may hold.
    pub channel_bytes: u64,
    /// Hundredths of a channel's entries and bytes that only control proofs may use.
    pub reserved_percent: u8,
    /// Requests that write, a second and a handle; a burst may be four times as many.
    pub appends_per_second: u32,
    /// The same for a whole channel, whoever appends. Cuts do not count.
    pub channel_appends_per_second: u32,
    /// Least milliseconds between two advances of a channel.
    pub advance_interval_ms: u32,
    /// Milliseconds in which advances that were told to wait draw lots, once the interval is over.
    pub advance_draw_ms: u32,
    /// New channels a second and connection; a burst may be sixteen times as many.
    pub creates_per_second: u32,
    /// Handles opened a second and connection; a burst may be sixteen times as many.
    pub opens_per_second: u32,
    /// Connections at once.
    pub connections: usize,
    /// Connections above which an address must prove itself (QUIC Retry) before it costs a handshake.
    pub retry_above: usize,
    /// Handshakes under way at once, half of them for addresses that have proved themselves: when the other half
    /// is taken, an address must do so first.
    pub handshakes: usize,
    /// Handles on a connection.
    pub handles: usize,
    /// Handles on the whole relay.
    pub open_handles: usize,
    /// Streams open at once on a connection: one for commands, the others for reading.
    pub streams: u32,
    /// Reading streams on the whole relay.
    pub readings: usize,
    /// Requests of a connection that are being carried out at once.
    pub requests_in_flight: usize,
    /// Bytes of requests on the whole relay: half for large ones that are not whole yet, half for those that are
    /// being carried out. One for which there is no room is answered with a time to wait.
    pub request_bytes: usize,
    /// Connections that have the windows below; all later ones have the narrow one, in both directions.
    pub wide_connections: usize,
    /// Bytes the relay may have on the way to one connection.
    pub send_window: u32,
    /// Bytes that may be on the way to the relay on one connection.
    pub receive_window: u32,
    /// The same for connections that are not wide, in either direction.
    pub narrow_window: u32,
    /// Bytes that readers' streams do not take, on the whole relay: a reader beyond it is dropped and reads again
    /// from where it was.
    pub stalled_bytes: usize,
    /// Bytes of fresh entries kept at hand for followers, on the whole relay.
    pub fresh_bytes: usize,
    /// Seconds until a connection must have said hello.
    pub hello_seconds: u32,
    /// Seconds in which a request that began must be there; one more for each 4 KiB of it that came.
    pub frame_seconds: u32,
    /// Seconds after which whoever does not take what is owed to him is dropped.
    pub stall_seconds: u32,
    /// Seconds of silence after which a connection is gone.
    pub idle_seconds: u32,
    /// Seconds in which a relay that goes away finishes what is in flight.
    pub drain_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            plain: Retention::Quarter,
            flagged: Retention::Year,
            creation: CreationPolicy::Open,
            channels: 200_000,
            channel_entries: 200_000,
            channel_bytes: 1 << 30,
            reserved_percent: 10,
            appends_per_second: 50,
            channel_appends_per_second: 200,
            advance_interval_ms: 2_000,
            advance_draw_ms: 150,
            creates_per_second: 4,
            opens_per_second: 256,
            connections: 4_096,
            retry_above: 2_048,
            handshakes: 256,
            handles: 4_096,
            open_handles: 98_304,
            streams: 72,
            readings: 8_192,
            requests_in_flight: 128,
            request_bytes: 48 << 20,
            wide_connections: 128,
            send_window: 384 * 1024,
            receive_window: 128 * 1024,
            narrow_window: 16 * 1024,
            stalled_bytes: 32 << 20,
            fresh_bytes: 32 << 20,
            hello_seconds: 10,
            frame_seconds: 10,
            stall_seconds: 15,
            idle_seconds: 60,
            drain_seconds: 5,
        }
    }
}

/// Why limits contradict themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum LimitsError {
    /// Flagged entries would end before plain ones.
    #[error("limits.flagged is shorter than limits.plain")]
    FlaggedShorter,
    /// Nothing would be left for ordinary appends.
    #[error("limits.reserved_percent is {0}, it must be from 0 to 50")]
    Reserved(u8),
    /// A number that may not be 0 is 0.
    #[error("limits.{0} is 0")]
    Zero(&'static str),
    /// A number that is out of its range.
    #[error("limits.{name} is {value}, it must be from {least} to {most}")]
    Range {
        /// Which.
        name: &'static str,
        /// As it was set.
        value: u64,
        /// Least.
        least: u64,
        /// Most.
        most: u64,
    },
}

/// A window below a few packets is none.
const LEAST_WINDOW: u64 = 8 * 1024;
const MOST_WINDOW: u64 = 1 << 30;
/// The largest frame must fit into its half.
const LEAST_REQUEST_BYTES: u64 = 1 << 20;

impl Limits {
    /// What a relay with these limits promises its clients.
    #[must_use]
    pub fn info(&self, store: StoreKind) -> RelayInfo {
        RelayInfo {
            software: concat!("caucus-relay ", env!("CARGO_PKG_VERSION")).to_owned(),
            versions: vec![VERSION],
            store,
            plain: self.plain,
            flagged: self.flagged,
            channel_entries: self.channel_entries,
            channel_bytes: self.channel_bytes,
            appends_per_second: self.appends_per_second,
            advance_interval_ms: self.advance_interval_ms,
            creation: self.creation,
        }
    }

    /// These limits as far as a relay that runs under `self` takes them; and the names of those that it takes only when
    /// it is started again.
    #[must_use]
    pub fn taken_from(&self, wanted: &Self) -> (Self, Vec<&'static str>) {
        let mut taken = wanted.clone();
        let mut later = Vec::new();
        macro_rules! fixed {
            ($($name:ident)*) => {$(
                if taken.$name != self.$name {
                    taken.$name = self.$name;
                    later.push(stringify!($name));
                }
            )*};
        }
        fixed!(
            connections retry_above handshakes open_handles readings requests_in_flight request_bytes streams
            wide_connections send_window receive_window narrow_window stalled_bytes fresh_bytes idle_seconds
        );
        (taken, later)
    }

    /// The same, if they make sense together.
    ///
    /// # Errors
    /// `LimitsError` names the one that does not.
    pub fn checked(self) -> Result<Self, LimitsError> {
        if self.flagged < self.plain {
            return Err(LimitsError::FlaggedShorter);
        }
        if self.reserved_percent > 50 {
            return Err(LimitsError::Reserved(self.reserved_percent));
        }
        let positive = [
            ("channels", self.channels),
            ("channel_entries", self.channel_entries),
            ("channel_bytes", self.channel_bytes),
            ("appends_per_second", u64::from(self.appends_per_second)),
            (
                "channel_appends_per_second",
                u64::from(self.channel_appends_per_second),
            ),
            ("creates_per_second", u64::from(self.creates_per_second)),
            ("opens_per_second", u64::from(self.opens_per_second)),
            ("connections", self.connections as u64),
            ("handshakes", self.handshakes as u64),
            ("handles", self.handles as u64),
            ("open_handles", self.open_handles as u64),
            ("readings", self.readings as u64),
            ("requests_in_flight", self.requests_in_flight as u64),
            ("hello_seconds", u64::from(self.hello_seconds)),
            ("frame_seconds", u64::from(self.frame_seconds)),
            ("stall_seconds", u64::from(self.stall_seconds)),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(LimitsError::Zero(name));
        }
        let window = |name, bytes| (name, u64::from(bytes), LEAST_WINDOW, MOST_WINDOW);
        let ranges = [
            ("streams", u64::from(self.streams), 2, 65_536),
            ("requests_in_flight", self.requests_in_flight as u64, 1, 4_096),
            window("send_window", self.send_window),
            window("receive_window", self.receive_window),
            window("narrow_window", self.narrow_window),
            (
                "request_bytes",
                self.request_bytes as u64,
                LEAST_REQUEST_BYTES,
                1 << 31,
            ),
            ("stalled_bytes", self.stalled_bytes as u64, 1, 1 << 31),
            ("idle_seconds", u64::from(self.idle_seconds), 5, 3_600),
            (
                "advance_interval_ms",
                u64::from(self.advance_interval_ms),
                0,
                600_000,
            ),
            ("advance_draw_ms", u64::from(self.advance_draw_ms), 0, 5_000),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(LimitsError::Range {
                    name,
                    value,
                    least,
                    most,
                });
            }
        }
        Ok(self)
    }
}

fn retention<'de, D: Deserializer<'de>>(from: D) -> Result<Retention, D::Error> {
    let word = String::deserialize(from)?;
    match word.as_str() {
        "day" => Ok(Retention::Day),
        "week" => Ok(Retention::Week),
        "month" => Ok(Retention::Month),
        "quarter" => Ok(Retention::Quarter),
        "year" => Ok(Retention::Year),
        _ => Err(serde::de::Error::unknown_variant(
            &word,
            &["day", "week", "month", "quarter", "year"],
        )),
    }
}

fn creation<'de, D: Deserializer<'de>>(from: D) -> Result<CreationPolicy, D::Error> {
    let word = String::deserialize(from)?;
    match word.as_str() {
        "open" => Ok(CreationPolicy::Open),
        "pass" => Ok(CreationPolicy::Pass),
        _ => Err(serde::de::Error::unknown_variant(&word, &["open", "pass"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_sense() {
        assert!(Limits::default().checked().is_ok());
    }

    #[test]
    fn what_a_running_relay_cannot_change_stays_and_is_named() {
        let wanted = Limits {
            appends_per_second: 7,
            connections: 9,
            ..Limits::default()
        };
        let (taken, later) = Limits::default().taken_from(&wanted);
        assert_eq!(taken.appends_per_second, 7);
        assert_eq!(taken.connections, Limits::default().connections);
        assert_eq!(later, ["connections"]);
    }

    #[test]
    fn limits_that_contradict_themselves_are_named() {
        let flagged = Limits {
            flagged: Retention::Day,
            ..Limits::default()
        };
        assert_eq!(flagged.checked().unwrap_err(), LimitsError::FlaggedShorter);
        let none = Limits {
            handles: 0,
            ..Limits::default()
        };
        assert_eq!(none.checked().unwrap_err(), LimitsError::Zero("handles"));
    }
}
