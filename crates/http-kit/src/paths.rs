//! Paths that are refused before routing, so that no reader of the path, ours or behind us, can take it for another one.

use percent_encoding::percent_decode_str;

/// Would some reader take this raw path for another path? True for `//`, a dot segment and `%00`, encoded or not, also behind
/// an encoded slash.
pub(crate) fn is_ambiguous(path: &str) -> bool {
    // One round; what is no escape stays.
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    path.contains("//")
        || decoded.contains(&0)
        || decoded
            .split(|byte| *byte == b'/' || *byte == b'\\')
            .any(|segment| matches!(segment, b"." | b".."))
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
