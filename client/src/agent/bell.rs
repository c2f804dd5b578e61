//! What rings on a desktop: a notification that says that there is something new, and nothing of what.

use std::sync::Arc;

use crate::app::Bell;

/// The desktop's notifications; none where the program was built without them.
#[must_use]
pub fn bell() -> Option<Arc<dyn Bell>> {
    desktop()
}

#[cfg(not(feature = "notify"))]
fn desktop() -> Option<Arc<dyn Bell>> {
    None
}

#[cfg(feature = "notify")]
fn desktop() -> Option<Arc<dyn Bell>> {
    struct Desktop;

    impl Bell for Desktop {
        fn ring(&self) {
            // A desktop that is not there, or shows nothing, is no trouble of ours.
            let _ = notify_rust::Notification::new()
                .appname("Caucus")
                .summary("Caucus: something new")
                .show();
        }
    }

    Some(Arc::new(Desktop))
}
