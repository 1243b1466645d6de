//! How an entry's bytes are stored: payload and disclosures as one value, packed. What is unpacked is what was packed, byte for byte.
//!
//! The first byte names the format, and a format is for ever: its dictionary is never changed, for it is needed to read what was
//! packed with it. A better one gets a new byte.
//!
//! Dictionary 1 was trained with zstd 1.5.7 (16 KiB) on 1,476 shortened entries of a demonstration with made-up people: 400 of each of
//! the frequent actions, and up to 12 of each other action, outcome and reason.

use std::sync::LazyLock;

use contract::ids::EntryId;
use db::Frames;

use super::entry::digest_of;

/// The two texts as they are, a line each. Migrations write it, too.
const PLAIN: u8 = b'0';
/// The two texts shortened, a line each, as a zstd frame by dictionary 1 and without its first four bytes, which never differ.
const DICTIONARY_1: u8 = b'1';

/// Bytes that are packed, and so unpacked, at most: twice what one append may bring.
const LONGEST: usize = 8 * 1024 * 1024;
static FRAMES: LazyLock<Frames> =
    LazyLock::new(|| Frames::new(include_bytes!("packing-1.dictionary"), LONGEST));

/// Stands for the entry's own id. Like the digests' it is a control character, which JSON never has as it is.
const OWN_ID: char = '\u{1}';
/// Bytes below are control characters.
const FIRST_PRINTABLE: u8 = b' ';
/// Stands for the first disclosure's digest, the next one for the second's, and so on.
const FIRST_DIGEST: u8 = 0x10;
/// Each takes one byte, and what it stands for at least so many more.
const SPARED: usize = 29;
/// Digests behind these are spelt out.
const MOST_DIGESTS: usize = 16;

/// An entry's bytes as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unpacked {
    pub(crate) payload: String,
    pub(crate) disclosures: Vec<String>,
}

/// What is stored is not what was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damaged {
    #[error("the id is none of ours")]
    Id,
    #[error("the packed bytes are in no format that is known")]
    Format,
    #[error("the packed bytes are not a zstd frame of the length that it says")]
    Frame,
    #[error("the packed texts are not a payload and a list of disclosures")]
    Texts,
}

/// The stored form of an entry's bytes.
pub(crate) fn pack(id: EntryId, payload: &str, disclosures: &[String]) -> Vec<u8> {
    // A list of texts always serialises.
    let list = serde_json::to_string(disclosures).unwrap_or_default();
    packed(id, payload, disclosures, &list)
        .filter(|packed| packed.len() <= payload.len() + list.len())
        .unwrap_or_else(|| [&[PLAIN], payload.as_bytes(), b"\n", list.as_bytes()].concat())
}

fn packed(id: EntryId, payload: &str, disclosures: &[String], list: &str) -> Option<Vec<u8>> {
    let controls = payload.bytes().any(|byte| byte < FIRST_PRINTABLE);
    if controls || payload.len() + list.len() >= LONGEST {
        return None;
    }
    let mut text = payload.replace(&id.to_string(), OWN_ID.encode_utf8(&mut [0; 4]));
    for (digest, stand_in) in disclosures.iter().map(|one| digest_of(one)).zip(stand_ins()) {
        text = text.replace(&digest, stand_in.encode_utf8(&mut [0; 4]));
    }
    text.push('\n');
    text.push_str(list);
    Some([&[DICTIONARY_1], FRAMES.pack(text.as_bytes())?.as_slice()].concat())
}

/// The entry's bytes out of their stored form.
///
/// # Errors
/// Bytes that were damaged.
pub(crate) fn unpack(id: EntryId, stored: &[u8]) -> Result<Unpacked, Damaged> {
    match stored.split_first() {
        Some((&PLAIN, texts)) => read(texts.to_vec()),
        Some((&DICTIONARY_1, frame)) => {
            let Unpacked { payload, disclosures } = read(FRAMES.unpack(frame).ok_or(Damaged::Frame)?)?;
            let payload = restored(&payload, id, &disclosures)?;
            Ok(Unpacked { payload, disclosures })
        }
        _ => Err(Damaged::Format),
    }
}

fn read(texts: Vec<u8>) -> Result<Unpacked, Damaged> {
    let texts = String::from_utf8(texts).map_err(|_| Damaged::Texts)?;
    let (payload, list) = texts.split_once('\n').ok_or(Damaged::Texts)?;
    let disclosures = serde_json::from_str(list).map_err(|_| Damaged::Texts)?;
    Ok(Unpacked { payload: payload.to_owned(), disclosures })
}

/// The payload with what its stand-ins stand for.
fn restored(short: &str, id: EntryId, disclosures: &[String]) -> Result<String, Damaged> {
    let stand_ins_in_it = short.bytes().filter(|byte| *byte < FIRST_PRINTABLE).count();
    if short.len() + stand_ins_in_it.saturating_mul(SPARED) >= LONGEST {
        return Err(Damaged::Texts);
    }
    let mut payload = short.replace(OWN_ID, &id.to_string());
    for (disclosure, stand_in) in disclosures.iter().zip(stand_ins()) {
        if payload.contains(stand_in) {
            payload = payload.replace(stand_in, &digest_of(disclosure));
        }
    }
    if payload.bytes().any(|byte| byte < FIRST_PRINTABLE) { Err(Damaged::Texts) } else { Ok(payload) }
}

fn stand_ins() -> impl Iterator<Item = char> {
    (FIRST_DIGEST..).take(MOST_DIGESTS).map(char::from)
}

#[cfg(test)]
mod tests {
    use contract::clock::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn id() -> EntryId {
        EntryId::new(Timestamp::from_micros(1_790_000_000_000_000), [7; 10])
    }

    /// A payload that has a digest for each disclosure, and its own id.
    fn payload(texts: &[String], disclosures: &[String]) -> String {
        let digests: Vec<String> = disclosures.iter().map(|one| digest_of(one)).collect();
        serde_json::json!({ "id": id(), "texts": texts, "digests": digests, "again": digests.last() })
            .to_string()
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back_byte_for_byte(
            texts in proptest::collection::vec(any::<String>(), 0..4),
            disclosures in proptest::collection::vec(any::<String>(), 0..20),
        ) {
            let payload = payload(&texts, &disclosures);
            let packed = pack(id(), &payload, &disclosures);
            prop_assert_eq!(unpack(id(), &packed), Ok(Unpacked { payload, disclosures }));
        }

        /// Nothing that is no entry is ever packed, but whatever is packed comes back.
        #[test]
        fn any_texts_come_back(payload in "[^\n]{0,80}", disclosures in proptest::collection::vec(any::<String>(), 0..3)) {
            let packed = pack(id(), &payload, &disclosures);
            prop_assert_eq!(unpack(id(), &packed), Ok(Unpacked { payload, disclosures }));
        }

        #[test]
        fn no_bytes_make_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..200), format in 0..3_usize) {
            let formats: [&[u8]; 3] = [b"", b"0", b"1"];
            let read = unpack(id(), &[formats[format], &bytes].concat());
            prop_assert!(read.is_err() || read.is_ok_and(|texts| !texts.payload.contains('\n')));
        }

        #[test]
        fn a_damaged_entry_is_no_panic(at in 0..200_usize, bit in 0..8_u8, cut in 0..200_usize) {
            let disclosures = vec![r#"["salt","/address","203.0.113.7"]"#.to_owned()];
            let whole = payload(&["a text that is not in the dictionary".to_owned()], &disclosures);
            let mut packed = pack(id(), &whole, &disclosures);
            let length = packed.len();
            prop_assert_eq!(packed[0], DICTIONARY_1);
            prop_assert!(unpack(id(), &packed[..cut % length]).is_err());
            packed[at % length] ^= 1_u8 << bit;
            let read = unpack(id(), &packed);
            prop_assert!(read.is_err() || read.is_ok_and(|texts| !texts.payload.contains('\n')));
        }
    }

    #[test]
    fn what_is_too_long_to_be_packed_is_stored_as_it_is() {
        let long = "x".repeat(LONGEST);
        let packed = pack(id(), &long, &[]);
        assert_eq!((packed[0], unpack(id(), &packed).map(|texts| texts.payload)), (PLAIN, Ok(long)));
    }

    /// A short text is not believed where what its stand-ins stand for would be huge.
    #[test]
    fn the_length_of_what_is_unpacked_has_a_bound() {
        let ids = format!("{}\n[]", OWN_ID.to_string().repeat(LONGEST / 4));
        let frame = FRAMES.pack(ids.as_bytes()).expect("a frame");
        assert_eq!(unpack(id(), &[&[DICTIONARY_1], frame.as_slice()].concat()), Err(Damaged::Texts));
    }

    /// Entries that were packed by an earlier version are read for ever: these bytes, and the dictionary, are never changed.
    #[test]
    fn what_was_packed_once_is_read_for_ever() {
        let disclosures = vec![r#"["c2FsdA","/address","203.0.113.7"]"#.to_owned()];
        let payload = payload(&["webhook.receive".to_owned()], &disclosures);
        let stored = "31207015020003430a9f8c4f461718a2524211a2714adcc78c3e5fff9f8c0764c47091c1\
            7dae4f3352860ab0993ded0c1a0406fc026b0253a2486f355186b23dfb704f936288e211";
        let stored: Vec<u8> = (0..stored.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&stored[at..at + 2], 16).expect("hex"))
            .collect();
        assert_eq!(unpack(id(), &stored), Ok(Unpacked { payload, disclosures }));
    }
}
