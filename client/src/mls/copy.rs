//! A copy of a group as it was before a commit that may yet be found void.

use core::fmt;

use caucus_proto::id::RoomId;
use openmls_traits::OpenMlsProvider;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::mls::error::MlsError;
use crate::mls::group::{Group, group_id};
use crate::mls::provider::Provider;
use crate::mls::records::CopiedRecord;
use crate::vault::Overlay;

/// Everything that is kept of a group. It holds the secrets of its epoch.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCopy(Vec<CopiedRecord>);

impl Group {
    /// Copies the group of a room as the overlay holds it.
    ///
    /// # Errors
    /// `Storage`, `Library`.
    pub fn copy(overlay: &Overlay, room: &RoomId) -> Result<GroupCopy, MlsError> {
        let provider = Provider::over(overlay);
        let copied = provider.storage().copy(&group_id(room));
        provider.outcome(
            copied
                .map(GroupCopy)
                .map_err(|_| MlsError::Library("copy a group")),
        )
    }

    /// Puts the group of a room back as it was copied, and loads it.
    ///
    /// # Errors
    /// `Storage`, `Library`.
    pub fn put_back(overlay: &Overlay, room: &RoomId, copy: &GroupCopy) -> Result<Option<Self>, MlsError> {
        {
            let provider = Provider::over(overlay);
            let put = provider.storage().put_back(&group_id(room), &copy.0);
            provider.outcome(put.map_err(|_| MlsError::Library("put a group back")))?;
        }
        Self::load(overlay, room)
    }
}

impl Drop for GroupCopy {
    fn drop(&mut self) {
        for (_, _, bytes) in &mut self.0 {
            bytes.zeroize();
        }
    }
}

impl fmt::Debug for GroupCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupCopy(..)")
    }
}
