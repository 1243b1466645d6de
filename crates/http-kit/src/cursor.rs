//! Cursors: where a page ended, as text that callers give back. A cursor is signed, together with the question it belongs to, so
//! that none but ours, for this very question, is taken. It says nothing that its page did not.

use auth::digest::hmac_sha256;
use auth::keyring::KeyRing;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of the signature that a cursor carries.
const SIGNATURE: usize = 16;

/// Makes and reads cursors of one kind. A rotation of the key leaves those in use valid.
#[derive(Clone, Debug)]
pub struct Cursors {
    ring: KeyRing,
    purpose: &'static str,
}

impl Cursors {
    /// Cursors under `ring`. The purpose keeps their signatures apart from all others under the same key: name service and list.
    pub fn new(ring: KeyRing, purpose: &'static str) -> Self {
        Self { ring, purpose }
    }

    /// The cursor of the page that ended at `place`, for a question of these parameters.
    pub fn write<N: AsRef<str>, V: AsRef<str>>(&self, place: &[u8], question: &[(N, V)]) -> String {
        let signature = hmac_sha256(self.ring.current().as_bytes(), &self.signed(place, question));
        let mut cursor = place.to_vec();
        cursor.extend(signature.iter().take(SIGNATURE));
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// Where the page ended; `None` for what is no cursor of ours, or one of another question.
    pub fn read<N: AsRef<str>, V: AsRef<str>>(&self, cursor: &str, question: &[(N, V)]) -> Option<Vec<u8>> {
        let cursor = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (place, signature) = cursor.split_at_checked(cursor.len().checked_sub(SIGNATURE)?)?;
        let signed = self.signed(place, question);
        let ours = self.ring.all().any(|key| {
            let expected = hmac_sha256(key.as_bytes(), &signed);
            auth::digest::equal(signature, expected.get(..SIGNATURE).unwrap_or_default())
        });
        ours.then(|| place.to_vec())
    }

    /// What a signature covers. Each part has its length before it, so that no two questions read alike.
    fn signed<N: AsRef<str>, V: AsRef<str>>(&self, place: &[u8], question: &[(N, V)]) -> Vec<u8> {
        let texts = question.iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]);
        let mut bytes = Vec::new();
        for part in [self.purpose.as_bytes(), place].into_iter().chain(texts.map(str::as_bytes)) {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }
}
