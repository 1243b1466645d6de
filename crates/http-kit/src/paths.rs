//! Paths that are refused before routing, so that no reader of the path, ours or behind us, can take it for another one.

/// Would some reader take this raw path for another path? True for `//`, a dot segment and `%00`, encoded or not, also behind
/// an encoded slash.
pub(crate) fn is_ambiguous(path: &str) -> bool {
    let decoded = decode(path.as_bytes());
    path.contains("//")
        || decoded.contains(&0)
        || decoded
            .split(|byte| *byte == b'/' || *byte == b'\\')
            .any(|segment| matches!(segment, b"." | b".."))
}

/// One round of percent-decoding; what is not an escape stays.
fn decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let escape = match (first, after) {
            (b'%', [high, low, tail @ ..]) => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high * 16 + low, tail))
            }
            _ => None,
        };
        let (byte, tail) = escape.unwrap_or((first, after));
        decoded.push(byte);
        rest = tail;
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_ambiguous;

    #[test]
    fn paths_that_could_be_another_path() {
        for bad in [
            "//",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/.",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a/.%2e",
            "/a/..%2fb",
            "/a/x%2f%2e%2e%2fb",
            "/a/..%5cb",
            "/a%00",
            "/%00",
        ] {
            assert!(is_ambiguous(bad), "{bad}");
        }
    }

    #[test]
    fn paths_that_are_only_themselves() {
        for good in [
            "/",
            "/a",
            "/a/",
            "/a/b..c/d",
            "/a/...",
            "/c/a%2fb@x.example",
            "/c/a%2Bb%23%25@x",
            "/c/%",
            "/c/%2",
            "/c/%zz",
            "/c/%252e%252e",
        ] {
            assert!(!is_ambiguous(good), "{good}");
        }
    }
}
