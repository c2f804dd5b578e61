//! The registry of domain labels: every hash, key derivation, signature and exporter call names one of
//! these, and no two share a text, so bytes made for one purpose never verify for another.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// What bytes are hashed, derived or signed for.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Label { $($(#[$doc])* $name,)* }

        impl Label {
            /// Every label, for the check that no two are alike.
            pub const ALL: &[Label] = &[$(Label::$name,)*];

            /// The text that goes into the computation.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Label::$name => concat!("caucus 1 ", $text),)* }
            }
        }
    };
}

labels! {
    /// `ChannelId`.
    ChannelId => "channel id",
    /// `PersonaId`.
    PersonaId => "persona id",
    /// `BodyId`.
    BodyId => "body id",
    /// `RoomId`.
    RoomId => "room id",
    /// Hash of an entry's bytes.
    Entry => "entry",
    /// Running hash over a channel's entries.
    Running => "running hash",
    /// A leaf of the state tree.
    StateLeaf => "state leaf",
    /// A node of the state tree.
    StateNode => "state node",
    /// The root over all tables.
    StateRoot => "state root",
    /// Proof of a channel key towards a relay.
    Proof => "proof",
    /// TLS exporter that a proof is bound to.
    ProofExporter => "proof exporter",
    /// A creation pass.
    Pass => "creation pass",
    /// A relay's key of stateless resets (RFC 9000, section 10.3).
    StatelessReset => "stateless reset",
    /// MLS exporter: the access secret of a segment.
    AccessSecret => "access secret",
    /// Append key from the access secret.
    AppendKey => "append key",
    /// Read key from the access secret.
    ReadKey => "read key",
    /// Envelope key from the access secret.
    EnvelopeKey => "envelope key",
    /// Sealing key of an invite from the access secret.
    InviteSealingKey => "invite sealing key",
    /// Keys of an invite's drop from the access secret.
    InviteDropKey => "invite drop key",
    /// Access secret of the segment after a cut that answers wrong keys.
    AnswerSecret => "answer secret",
    /// Id and keys of the refuge from the access secret.
    Refuge => "refuge",
    /// Signed head.
    Head => "head",
    /// Signed notice.
    Notice => "notice",
    /// A claim of a room\'s roster.
    Claim => "claim",
    /// Certificate of a leaf key by the persona key.
    LeafCertificate => "leaf certificate",
    /// Hash that an invite link commits to.
    InviteCommitment => "invite commitment",
    /// HPKE: application to join.
    SealedApplication => "sealed application",
    /// HPKE: answer to an application.
    SealedAnswer => "sealed answer",
    /// Signature of the applicant over the application.
    Application => "application",
    /// Blob chunk key.
    BlobKey => "blob chunk",
    /// Safety code of two personas.
    SafetyCode => "safety code",
    /// A key package named by its hash.
    KeyPackage => "key package",
    /// Points of unity in one language.
    Principles => "principles",
    /// A record of the vault: its place.
    VaultPlace => "vault place",
    /// A record of the vault: its key.
    VaultRecord => "vault record",
    /// Hash of a Controls, Delete, Trim or retention change that waits for a second keyholder.
    ControlChange => "control change",
    /// The body of an entry, as its head names it.
    Body => "entry body",
    /// Epoch authenticator as it appears in heads.
    EpochAuthenticator => "epoch authenticator",
    /// Signature of a keyholder who tells somebody that they are out.
    ToldOut => "told out",
    /// Code of a request, which its author reads out.
    RequestCode => "request code",
    /// Signature of a new persona key over the change to it.
    Rekey => "rekey",
    /// The ballots of a poll.
    Ballots => "ballots",
    /// HPKE: a ballot to a poll's key.
    SealedBallot => "sealed ballot",
    /// The key that a person signs exports by, from their persona key.
    ExportKey => "export key",
    /// The secret of a poll's sealed ballots, from its teller's own.
    BallotSecret => "ballot secret",
    /// Minutes of a meeting.
    Minutes => "minutes",
    /// Key of a file's chunks, from its secret.
    FileKey => "file key",
    /// A chunk of a file.
    FileChunk => "file chunk",
    /// A file: the hashes of its chunks.
    File => "file",
    /// A root key of a body, as it and the one before sign it.
    RootKey => "root key",
    /// HPKE: the root key, to another of its holders.
    SealedRoot => "sealed root key",
    /// Who may publish for a body.
    Masthead => "masthead",
    /// An entry of a bulletin.
    FeedEntry => "bulletin entry",
    /// That a bulletin has nothing newer.
    Fresh => "bulletin as of",
    /// Keys of a bulletin, from what its readers and its editors have.
    Bulletin => "bulletin",
    /// The offer of a link between bodies.
    LinkOffer => "link offer",
    /// A letter between bodies.
    Letter => "letter",
    /// HPKE: a letter, to the body that it is for.
    SealedLetter => "sealed letter",
    /// Seed of the key that letters to a body are sealed to, from the access secret.
    LetterSealingKey => "letter sealing key",
    /// What a room's channel at another relay is made from.
    Site => "site",
    /// What was said before somebody came, as it is handed to them.
    History => "history",
    /// HPKE: words to one person of a room.
    Whisper => "whisper",
    /// HPKE: under which key somebody comes, to the body that introduces them.
    SealedConsent => "sealed consent",
    /// HPKE: whom somebody is introduced to.
    SealedIntroduction => "sealed introduction",
    /// An introduction of people of other bodies.
    Introduction => "introduction",
    /// Id and keys of the copy of a segment at another relay, from the access secret.
    Copy => "copy",
}

/// SHA-256 over the label and the parts, each with its length before it, so no two inputs collide.
#[must_use]
pub fn hash(label: Label, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    feed(&mut hasher, label.text().as_bytes());
    for part in parts {
        feed(&mut hasher, part);
    }
    hasher.finalize().into()
}

fn feed(hasher: &mut Sha256, part: &[u8]) {
    hasher.update((part.len() as u64).to_be_bytes());
    hasher.update(part);
}

/// HKDF-SHA-256 (RFC 5869): 32 bytes from a secret, with the label as salt and the parts as info.
#[must_use]
pub fn derive(label: Label, secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let kdf = Hkdf::<Sha256>::new(Some(label.text().as_bytes()), secret);
    let info = hash(label, parts);
    let mut out = [0; 32];
    // 32 bytes are always within HKDF's limit of 255 blocks, so this cannot fail.
    let _ = kdf.expand(&info, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_labels_share_a_text() {
        let mut texts: Vec<_> = Label::ALL.iter().map(|l| l.text()).collect();
        texts.sort_unstable();
        let before = texts.len();
        texts.dedup();
        assert_eq!(before, texts.len());
    }

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(
            hash(Label::Entry, &[b"ab", b"c"]),
            hash(Label::Entry, &[b"a", b"bc"])
        );
    }
}
