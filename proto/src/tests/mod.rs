//! What holds for all types at once: one encoding, bounded decoding, stable bytes, silent secrets, labels.

mod bytes;
mod canonical;
mod history;
mod labels;
mod made;
mod silence;
mod timing;
