//! How the body of a delivery is stored: packed. What is unpacked is what was packed, byte for byte, for a replay reads it again.
//!
//! The first byte names the format, and a format is for ever: its dictionary is never changed, for it is needed to read what was
//! packed with it. A better one gets a new byte.
//!
//! Dictionary 1 was trained with zstd 1.5.4 (16 KiB) on 4,000 events of a simulated platform with made-up people: half of them with an id, a third
//! with a sequence, a quarter with spaces between the members of their JSON.

use std::sync::LazyLock;

use db::Frames;

/// The bytes as they came. Migrations write it, too.
const PLAIN: u8 = b'0';
/// A zstd frame by dictionary 1, without its first four bytes, which never differ.
const DICTIONARY_1: u8 = b'1';

/// Bytes that are packed, and so unpacked, at most: more than a delivery may bring.
const LONGEST: usize = 1024 * 1024;
static FRAMES: LazyLock<Frames> =
    LazyLock::new(|| Frames::new(include_bytes!("packing-1.dictionary"), LONGEST));

/// What is stored is not what was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored body is in no format that is known, or damaged")]
pub(crate) struct Damaged;

/// The stored form of a body.
pub(crate) fn pack(body: &[u8]) -> Vec<u8> {
    packed(body).filter(|packed| packed.len() <= body.len()).unwrap_or_else(|| [&[PLAIN], body].concat())
}

fn packed(body: &[u8]) -> Option<Vec<u8>> {
    Some([&[DICTIONARY_1], FRAMES.pack(body)?.as_slice()].concat())
}

/// The body out of its stored form.
///
/// # Errors
/// Bytes that were damaged.
pub(crate) fn unpack(stored: &[u8]) -> Result<Vec<u8>, Damaged> {
    match stored.split_first() {
        Some((&PLAIN, body)) => Ok(body.to_vec()),
        Some((&DICTIONARY_1, frame)) => FRAMES.unpack(frame).ok_or(Damaged),
        _ => Err(Damaged),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEPOSIT: &str = r#"{"event":"deposit.completed","data":{"clientId":"42","transactionId":"t-1","amount":"10.50","currency":"EUR"},"timestamp":"2026-01-02T03:04:05Z"}"#;

    proptest! {
        #[test]
        fn what_was_packed_comes_back_byte_for_byte(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(unpack(&pack(&body)), Ok(body));
        }

        #[test]
        fn json_comes_back_byte_for_byte(before in "\\PC{0,40}", behind in "\\PC{0,40}") {
            let body = format!("{before}{DEPOSIT}{behind}").into_bytes();
            let packed = pack(&body);
            prop_assert!(packed.len() < body.len());
            prop_assert_eq!(unpack(&packed), Ok(body));
        }

        #[test]
        fn no_bytes_make_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..200), format in 0..3_usize) {
            let formats: [&[u8]; 3] = [b"", b"0", b"1"];
            let _read = unpack(&[formats[format], &bytes].concat());
        }

        #[test]
        fn a_damaged_body_is_no_panic(at in 0..200_usize, bit in 0..8_u8, cut in 0..200_usize) {
            let mut packed = pack(DEPOSIT.as_bytes());
            let length = packed.len();
            prop_assert_eq!(packed[0], DICTIONARY_1);
            prop_assert_eq!(unpack(&packed[..cut % length]), Err(Damaged));
            packed[at % length] ^= 1_u8 << bit;
            let _read = unpack(&packed);
        }
    }

    #[test]
    fn what_is_too_long_to_be_packed_is_stored_as_it_is() {
        let long = vec![b'x'; LONGEST + 1];
        let packed = pack(&long);
        assert_eq!((packed[0], unpack(&packed)), (PLAIN, Ok(long)));
    }

    /// Bodies that were packed by an earlier version are read for ever: these bytes, and the dictionary, are never changed.
    #[test]
    fn what_was_packed_once_is_read_for_ever() {
        let stored = "312091750100a301052989ac213594260434c819848130041a40e8400d08fc7a27b4959e97076af891b5dc02178aced623090502";
        let stored: Vec<u8> = (0..stored.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&stored[at..at + 2], 16).expect("hex"))
            .collect();
        assert_eq!(unpack(&stored), Ok(DEPOSIT.as_bytes().to_vec()));
    }

    #[test]
    fn typical_bodies_take_less_than_half() {
        assert!(pack(DEPOSIT.as_bytes()).len() * 2 < DEPOSIT.len(), "{}", pack(DEPOSIT.as_bytes()).len());
    }
}
