//! SHA-256 and HMAC-SHA256 against their specifications; randomness.

use auth::digest::{equal, hmac_sha256, sha256};
use auth::random::Random;

#[test]
fn sha256_is_that_of_fips_180() {
    assert_eq!(
        hex::encode(sha256(b"abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(hex::encode(sha256(b"")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/// RFC 4231, section 4: all seven cases; the fifth is cut to 128 bits there.
#[test]
fn hmac_is_that_of_rfc_4231() {
    let counting: Vec<u8> = (1..=25).collect();
    let long_text = b"This is a test using a larger than block-size key and a larger than block-size data. \
                      The key needs to be hashed before being used by the HMAC algorithm.";
    let cases: [(&[u8], &[u8], &str); 7] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (&[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (&[0xaa; 131], long_text, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ];
    for (number, (key, message, expected)) in cases.into_iter().enumerate() {
        let tag = hex::encode(hmac_sha256(key, message));
        assert_eq!(&tag[..expected.len()], expected, "case {}", number + 1);
    }
}

#[test]
fn equality_is_of_all_bytes_and_of_the_length() {
    assert!(equal(b"", b"") && equal(b"abc", b"abc"));
    for other in [&b"abd"[..], b"bbc", b"ab", b"abcd", b""] {
        assert!(!equal(b"abc", other), "{other:?}");
    }
}

#[test]
fn seeded_randomness_repeats_and_clones_share_it() {
    let (left, right) = (Random::seeded(7), Random::seeded(7));
    let (first, second) = (left.bytes::<40>(), left.clone().bytes::<40>());
    assert_eq!((first, second), (right.bytes::<40>(), right.bytes::<40>()));
    assert_ne!(first[..32], second[..32], "a clone goes on where the other is");
    assert_ne!(first, Random::seeded(8).bytes::<40>());
}

#[test]
fn system_randomness_fills_all_bytes_and_never_repeats() {
    let random = Random::system();
    let draws: Vec<[u8; 32]> = (0..64).map(|_| random.bytes()).collect();
    for (index, draw) in draws.iter().enumerate() {
        assert!(!draws[index + 1..].contains(draw));
    }
    for byte in 0..32 {
        assert!(draws.iter().any(|draw| draw[byte] != 0), "byte {byte} is filled");
    }
}

/// What is drawn ahead for one thread is given once, in whatever sizes it is asked for.
#[test]
fn system_randomness_of_any_sizes_never_repeats() {
    let random = Random::system();
    let mut seen = std::collections::HashSet::new();
    for size in (8..200).chain([504, 511, 512, 513, 4096]).cycle().take(2_000) {
        let mut bytes = vec![0; size];
        random.fill(&mut bytes);
        for eight in bytes.chunks_exact(8) {
            assert!(seen.insert(eight.to_owned()), "eight bytes came twice, or were not filled");
        }
    }
    let elsewhere = std::thread::spawn(|| Random::system().bytes::<32>()).join().expect("a draw");
    assert_ne!(elsewhere, random.bytes::<32>());
}
