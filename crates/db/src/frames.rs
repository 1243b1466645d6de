//! Short texts packed for a column: zstd with a dictionary that the writer and every later reader share. What is unpacked is what was
//! packed, byte for byte.
//!
//! It must not: know what is packed, or name a format. A dictionary is needed to read what was packed with it, so whoever stores a frame
//! stores beside it which dictionary that was, and never changes that one.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::get_frame_content_size;

/// Levels above make it slower, and hardly smaller.
const LEVEL: i32 = 3;
/// The first four bytes of every zstd frame (RFC 8878, section 3.1.1). They never differ, so they are not stored.
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

thread_local! {
    /// One of each a thread, whatever the dictionary: they hold a megabyte.
    static PACKER: RefCell<Option<Compressor<'static>>> = RefCell::new(packer());
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// Packs and unpacks with one dictionary.
pub struct Frames {
    packs: EncoderDictionary<'static>,
    unpacks: DecoderDictionary<'static>,
    longest: usize,
}

impl Frames {
    /// Frames by `dictionary`, of at most `longest` unpacked bytes: no frame can say that it is more, and so take a reader's memory.
    #[must_use]
    pub fn new(dictionary: &'static [u8], longest: usize) -> Self {
        let packs = EncoderDictionary::copy(dictionary, LEVEL);
        Self { packs, unpacks: DecoderDictionary::copy(dictionary), longest }
    }

    /// The bytes packed; `None` where they are too long, or zstd has no memory.
    pub fn pack(&'static self, bytes: &[u8]) -> Option<Vec<u8>> {
        if bytes.len() > self.longest {
            return None;
        }
        let frame = PACKER.with_borrow_mut(|packer| {
            let packer = packer.as_mut()?;
            packer.set_prepared_dictionary(&self.packs).ok()?;
            packer.compress(bytes).ok()
        })?;
        frame.strip_prefix(&MAGIC).map(<[u8]>::to_vec)
    }

    /// The bytes as they were before [`Self::pack`]; `None` where they are damaged or too long.
    pub fn unpack(&'static self, frame: &[u8]) -> Option<Vec<u8>> {
        let frame = [&MAGIC, frame].concat();
        let length = usize::try_from(get_frame_content_size(&frame).ok()??).ok()?;
        if length > self.longest {
            return None;
        }
        UNPACKER.with_borrow_mut(|unpacker| {
            let unpacker = unpacker.as_mut()?;
            unpacker.set_prepared_dictionary(&self.unpacks).ok()?;
            unpacker.decompress(&frame, length).ok()
        })
    }
}

fn packer() -> Option<Compressor<'static>> {
    let mut packer = Compressor::new(LEVEL).ok()?;
    // Whoever stores the frame knows which it was.
    packer.include_dictid(false).ok()?;
    Some(packer)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    const LONGEST: usize = 1000;
    static FRUIT: LazyLock<Frames> =
        LazyLock::new(|| Frames::new(b"apples, pears, oranges and plums", LONGEST));
    static TREES: LazyLock<Frames> =
        LazyLock::new(|| Frames::new(b"an oak, a beech, a birch and a lime tree", LONGEST));

    /// Dictionaries take turns on one thread, and neither reads what the other wrote as its own.
    #[test]
    fn each_dictionary_is_its_own() {
        for _ in 0..2 {
            for (frames, other, text) in [
                (&FRUIT, &TREES, "apples, pears, oranges and plums!"),
                (&TREES, &FRUIT, "an oak, a beech, a birch and a lime tree!"),
            ] {
                let frame = frames.pack(text.as_bytes()).expect("a frame");
                assert!(frame.len() < text.len(), "{} bytes", frame.len());
                assert_eq!(frames.unpack(&frame), Some(text.as_bytes().to_vec()));
                assert_ne!(other.unpack(&frame), Some(text.as_bytes().to_vec()));
            }
        }
    }

    /// A frame that says it is huge is not believed, and none is made.
    #[test]
    fn the_length_has_a_bound() {
        let huge = vec![b'x'; LONGEST + 1];
        let frame = packer().expect("a packer").compress(&huge).expect("a frame");
        assert_eq!(FRUIT.unpack(&frame[MAGIC.len()..]), None);
        assert_eq!(FRUIT.pack(&huge), None);
        let longest = FRUIT.pack(&huge[1..]).expect("a frame");
        assert_eq!(FRUIT.unpack(&longest), Some(huge[1..].to_vec()));
    }
}
