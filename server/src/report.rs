//! What a relay tells its operator while it runs: totals over all of it, whether it lives and is ready. As text for
//! Prometheus (exposition format 0.0.4) and by HTTP on a port of the loopback, which is off by default.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::attend::attend;

/// Bytes of a request, connections at once, and how long one may take.
const REQUEST: usize = 1024;
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a relay takes entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// It does.
    Ready,
    /// It has no room for more; reading goes on.
    Full,
    /// It goes away.
    Draining,
    /// Its store failed.
    Failed,
}

impl Readiness {
    /// As a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Full => "full: reading goes on, nothing more is stored",
            Self::Draining => "draining",
            Self::Failed => "the store failed",
        }
    }
}

/// Totals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Whether it takes entries.
    pub readiness: Readiness,
    /// Connections now.
    pub connections: u64,
    /// Channels now.
    pub channels: u64,
    /// Bytes of the store now.
    pub stored_bytes: u64,
    /// How often an entry was left out because it is damaged, since the start.
    pub damaged: u64,
    /// Entries stored since the start.
    pub appends: u64,
    /// Entries written to readers since the start.
    pub deliveries: u64,
    /// Requests refused since the start, by kind.
    pub refusals: Vec<(&'static str, u64)>,
}

/// Gives the report of this moment.
pub type Reporter = Arc<dyn Fn() -> Report + Send + Sync>;

impl Report {
    /// As Prometheus reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut one = |name: &str, kind: &str, help: &str, value: u64| {
            // Writing into a string cannot fail.
            let _ = writeln!(
                out,
                "# HELP caucus_relay_{name} {help}\n# TYPE caucus_relay_{name} {kind}"
            );
            let _ = writeln!(out, "caucus_relay_{name} {value}");
        };
        let ready = u64::from(self.readiness == Readiness::Ready);
        one("ready", "gauge", "Whether entries are stored.", ready);
        one("connections", "gauge", "Connections now.", self.connections);
        one("channels", "gauge", "Channels now.", self.channels);
        one(
            "stored_bytes",
            "gauge",
            "Bytes of the store now.",
            self.stored_bytes,
        );
        one(
            "damaged_total",
            "counter",
            "Reads that left out a damaged entry.",
            self.damaged,
        );
        one("appends_total", "counter", "Entries stored.", self.appends);
        one(
            "deliveries_total",
            "counter",
            "Entries written to readers.",
            self.deliveries,
        );
        if let Some(bytes) = resident() {
            one(
                "resident_bytes",
                "gauge",
                "Resident memory of the process.",
                bytes,
            );
        }
        let name = "caucus_relay_refusals_total";
        let _ = writeln!(
            out,
            "# HELP {name} Requests refused, by kind.\n# TYPE {name} counter"
        );
        for (kind, count) in &self.refusals {
            let _ = writeln!(out, "{name}{{kind=\"{kind}\"}} {count}");
        }
        out
    }
}

/// proc_pid_statm(5): pages of four KiB.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// Answers `GET /metrics`, `/healthz` and `/readyz` until it is dropped.
pub async fn serve(listener: TcpListener, reporter: Reporter) {
    let comes = |cx: &mut Context<'_>| listener.poll_accept(cx).map_ok(|(stream, _)| stream);
    attend(AT_ONCE, comes, |stream| {
        let reporter = Arc::clone(&reporter);
        async move {
            // Whoever is too slow, or has gone, gets no answer.
            let _ = timeout(PATIENCE, answer(stream, &reporter)).await;
        }
    })
    .await;
}

async fn answer(mut stream: TcpStream, reporter: &Reporter) -> io::Result<()> {
    let mut request = Vec::with_capacity(REQUEST);
    let mut limited = (&mut stream).take(REQUEST as u64);
    while !request.ends_with(b"\r\n\r\n") {
        if limited.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, text) = match line.strip_prefix(b"GET ") {
        Some(rest) if rest.starts_with(b"/metrics ") => ("200 OK", reporter().text()),
        Some(rest) if rest.starts_with(b"/healthz ") => ("200 OK", "alive\n".to_owned()),
        Some(rest) if rest.starts_with(b"/readyz ") => {
            let readiness = reporter().readiness;
            let status = match readiness {
                Readiness::Ready => "200 OK",
                _ => "503 Service Unavailable",
            };
            (status, format!("{}\n", readiness.word()))
        }
        Some(_) => ("404 Not Found", "/metrics, /healthz, /readyz\n".to_owned()),
        None => ("405 Method Not Allowed", "only GET\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn report(readiness: Readiness) -> Report {
        Report {
            readiness,
            connections: 3,
            channels: 4,
            stored_bytes: 5,
            damaged: 0,
            appends: 6,
            deliveries: 7,
            refusals: vec![("too_much", 8)],
        }
    }

    async fn asked(readiness: Readiness, request: &[u8]) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let place = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, Arc::new(move || report(readiness))));
        let mut stream = TcpStream::connect(place).await.unwrap();
        stream.write_all(request).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        serving.abort();
        text
    }

    #[tokio::test]
    async fn totals_health_and_readiness_are_told_and_nothing_else() {
        let metrics = asked(Readiness::Ready, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
        assert!(metrics.contains("\ncaucus_relay_appends_total 6\n"), "{metrics}");
        assert!(
            metrics.contains("\ncaucus_relay_refusals_total{kind=\"too_much\"} 8\n"),
            "{metrics}"
        );
        for (readiness, path, status) in [
            (Readiness::Ready, "/readyz", "200"),
            (Readiness::Full, "/readyz", "503"),
            (Readiness::Draining, "/readyz", "503"),
            (Readiness::Failed, "/readyz", "503"),
            (Readiness::Failed, "/healthz", "200"),
            (Readiness::Ready, "/", "404"),
        ] {
            let told = asked(readiness, format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await;
            assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {told}");
        }
    }

    #[tokio::test]
    async fn what_is_no_request_or_too_long_is_refused() {
        for request in [
            b"POST /metrics HTTP/1.1\r\n\r\n".to_vec(),
            b"\x00\xff".to_vec(),
            Vec::new(),
            [b"HEAD /".as_slice(), &[b'a'; 900]].concat(),
        ] {
            let told = asked(Readiness::Ready, &request).await;
            assert!(told.starts_with("HTTP/1.1 405 "), "{told}");
        }
    }
}
