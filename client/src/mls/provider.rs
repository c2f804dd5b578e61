//! What the library gets from us for one operation: cryptography, randomness, and storage in an overlay.

use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;

use crate::mls::error::MlsError;
use crate::mls::records::Records;
use crate::mls::witness::Witness;
use crate::vault::Overlay;

/// Made anew for each operation.
pub(super) struct Provider<'a> {
    crypto: Witness,
    records: Records<'a>,
}

impl<'a> Provider<'a> {
    /// Over an overlay.
    pub(super) fn over(overlay: &'a Overlay) -> Self {
        Self {
            crypto: Witness::default(),
            records: Records::over(overlay),
        }
    }

    /// The outcome of an operation, unless the vault failed in it: the library hides some of these.
    pub(super) fn outcome<T>(&self, outcome: Result<T, MlsError>) -> Result<T, MlsError> {
        match self.records.fault() {
            Some(fault) => Err(fault.into()),
            None => outcome,
        }
    }
}

impl<'a> OpenMlsProvider for Provider<'a> {
    type CryptoProvider = Witness;
    type RandProvider = RustCrypto;
    type StorageProvider = Records<'a>;

    fn storage(&self) -> &Self::StorageProvider {
        &self.records
    }

    fn crypto(&self) -> &Self::CryptoProvider {
        &self.crypto
    }

    fn rand(&self) -> &Self::RandProvider {
        &self.crypto.inner
    }
}
