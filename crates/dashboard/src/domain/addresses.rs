//! Addresses of our own pages, and which of them a log-in may lead to.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded::Serializer;

/// The first page.
pub(crate) const AUDIT: &str = "/audit";
/// Where one logs in.
pub(crate) const LOGIN: &str = "/login";
/// The longest address that a log-in leads back to, in bytes.
const LONGEST: usize = 2_000;

/// The address if a log-in may lead there, that is, to a page of ours on this very host. Anything that a browser could read as
/// another host, or as no path, is none.
pub(crate) fn next(text: &str) -> Option<&str> {
    let plain = text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'@'));
    let (path, _) = text.split_once('?').unwrap_or((text, ""));
    let ours = path == AUDIT || path.strip_prefix(AUDIT).is_some_and(|rest| rest.starts_with('/'));
    let straight = !path.contains("//") && !path.split('/').any(is_dots);
    (plain && ours && straight).then_some(text)
}

/// `.` or `..`, percent-encoded or not.
fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

/// Where one logs in to be led on to `to`.
pub(crate) fn login_for(to: &str) -> String {
    match next(to) {
        Some(to) if to != AUDIT => {
            format!("{LOGIN}?{}", Serializer::new(String::new()).append_pair("next", to).finish())
        }
        _ => LOGIN.to_owned(),
    }
}

/// What is encoded in a segment of a path. Our ids stay readable.
const NOT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NOT_PLAIN).to_string()
}

/// `/audit` with these filters.
pub(crate) fn audit_with<'a>(filters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let query = Serializer::new(String::new()).extend_pairs(filters).finish();
    if query.is_empty() { AUDIT.to_owned() } else { format!("{AUDIT}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::{login_for, next};

    #[test]
    fn a_log_in_leads_to_our_own_pages_alone() {
        for good in
            ["/audit", "/audit/aud_1", "/audit?category=webhook&text=a%2F%2Fb", "/audit?next=https%3A%2F%2Fx"]
        {
            assert_eq!(next(good), Some(good));
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "https://evil.example/audit",
            "/audit/..//evil.example",
            "/audit//evil.example",
            "/audit/../x",
            "/audit/%2e%2E/x",
            "/auditx",
            "audit",
            "/audit\r\nSet-Cookie: a=b",
            "/audit?a=\t",
            "/audit\\..",
            "/login",
            "javascript:alert(1)",
            "/audit@evil.example",
            "/audit?a=é",
            " /audit",
            "/%61udit",
        ] {
            assert_eq!(next(bad), None, "{bad}");
        }
        assert_eq!(next(&format!("/audit?{}", "a".repeat(2_000))), None);
    }

    #[test]
    fn the_way_back_is_kept_where_there_is_one() {
        assert_eq!(login_for("/audit"), "/login");
        assert_eq!(login_for("/audit?text=a&actor=b"), "/login?next=%2Faudit%3Ftext%3Da%26actor%3Db");
        assert_eq!(login_for("//evil.example"), "/login");
    }
}
