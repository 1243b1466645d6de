//! What the gateway asks of a path besides http-kit's own rule (no dot segment, `//` or NUL, however written): that its escapes are
//! whole, so that no reader behind has to guess. Paths are never rewritten.

/// Is each `%` followed by two hex digits (RFC 3986, section 2.1)?
pub(crate) fn escapes_are_whole(path: &str) -> bool {
    path.split('%').skip(1).all(|after| matches!(after.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::escapes_are_whole;

    #[test]
    fn an_escape_has_two_hex_digits() {
        for whole in ["/", "/a", "/a%20b", "/%C3%a9", "/a%2Fb%25", "/%252e"] {
            assert!(escapes_are_whole(whole), "{whole}");
        }
        for broken in ["/%", "/%2", "/a%zz", "/%%20", "/%2gx", "/%u0041", "/a%20%"] {
            assert!(!escapes_are_whole(broken), "{broken}");
        }
    }
}
