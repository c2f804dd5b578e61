//! What whoever runs a relay may ask of it while it runs.

use std::future::Future;
use std::pin::Pin;

use caucus_proto::id::ChannelId;

use crate::limits::Limits;
use crate::report::Report;
use crate::store::{Export, StoreError};

/// Something that takes its time.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A relay that runs, for whoever runs it.
pub trait Operator: Send + Sync {
    /// Totals of this moment.
    fn report(&self) -> Report;

    /// Puts limits into force, for what is asked from now on; handles that are open keep their rates. Gives the names of
    /// those that a relay takes only when it is started.
    fn reload(&self, limits: &Limits) -> Vec<&'static str>;

    /// Deletes a channel as its own members could; whether there was one.
    fn delete(&self, channel: ChannelId) -> Asked<'_, bool>;

    /// The store as it is now; none if it is in memory.
    fn export(&self) -> Asked<'_, Option<Box<dyn Export>>>;
}
