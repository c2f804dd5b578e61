//! Asking a relay with patience: what it refuses for a moment is asked again.

use std::future::Future;
use std::time::Duration;

use caucus_proto::wire::RefusedBecause;

use crate::relay::LinkError;

/// How long a refusal for a moment is waited out, in all.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// Asks again while the relay says "too fast" or "held", up to a quarter of a minute.
///
/// # Errors
/// As the request itself.
pub(super) async fn patiently<T, F, R>(request: F) -> Result<T, LinkError>
where
    F: Fn() -> R,
    R: Future<Output = Result<T, LinkError>>,
{
    patiently_for(PATIENCE, request).await
}

/// As [`patiently`], waiting no longer than this in all. How long the relay takes to answer does not count.
///
/// # Errors
/// As the request itself.
pub(super) async fn patiently_for<T, F, R>(patience: Duration, request: F) -> Result<T, LinkError>
where
    F: Fn() -> R,
    R: Future<Output = Result<T, LinkError>>,
{
    let mut waited = Duration::ZERO;
    loop {
        let error = match request().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let pause = match &error {
            LinkError::Refused(RefusedBecause::TooFast { retry_ms } | RefusedBecause::Held { retry_ms }) => {
                Duration::from_millis(u64::from(*retry_ms).max(10))
            }
            _ => return Err(error),
        };
        if waited + pause > patience {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}
