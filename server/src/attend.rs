//! Whoever comes to one of the operator's own doors is attended to, a few at a time.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Semaphore;

/// How long it waits where nobody can be let in, such as for too many open files: it may pass.
const PAUSE: Duration = Duration::from_secs(5);

/// Takes in who comes and serves at most so many at once, until it is dropped.
pub(crate) async fn attend<T, F>(
    at_once: usize,
    mut comes: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
    serve: impl Fn(T) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(at_once));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok(one) = poll_fn(&mut comes).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let serving = serve(one);
        tokio::spawn(async move {
            serving.await;
            drop(place);
        });
    }
}
