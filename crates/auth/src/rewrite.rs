//! Other bytes that a sender may have signed in place of a body's: what shells make of its escapes, and the same JSON as other programs
//! write it. For [`crate::diagnose`] only; nothing here decides anything.

mod json;

use json::{Escapes, Layout, Numbers, Style};

/// The longest body that is rewritten, in bytes. Real ones are shorter by far, and what is looked at here was signed by nobody we know.
const MAX_BYTES: usize = 32 * 1024;

/// How programs write JSON. `JSON.stringify` comes first, with its indents; then those that leave numbers alone (PHP, Python, jq).
const STYLES: [Style; 11] = [
    Style(Layout::Compact, Escapes::Few, Numbers::JavaScript),
    Style(Layout::Indented("  "), Escapes::Few, Numbers::JavaScript),
    Style(Layout::Indented("    "), Escapes::Few, Numbers::JavaScript),
    Style(Layout::Indented("\t"), Escapes::Few, Numbers::JavaScript),
    Style(Layout::Compact, Escapes::Few, Numbers::AsSent),
    Style(Layout::Indented("  "), Escapes::Few, Numbers::AsSent),
    Style(Layout::Compact, Escapes::Ascii, Numbers::AsSent),
    Style(Layout::Spaced, Escapes::Ascii, Numbers::AsSent),
    Style(Layout::Spaced, Escapes::Few, Numbers::AsSent),
    Style(Layout::Indented("    "), Escapes::Ascii, Numbers::AsSent),
    Style(Layout::Compact, Escapes::AsciiAndSlashes, Numbers::AsSent),
];

/// The body's JSON as others write it, in its own key order; at last compact with its keys sorted. Nothing if it is not JSON, or too long.
pub(crate) fn reserialized(body: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let text = text_of(body).filter(|text| json::is_json(text));
    let written =
        STYLES.into_iter().filter_map(move |style| json::write(text?, style).map(String::into_bytes));
    // serde_json's map is sorted.
    let sorted = move || serde_json::to_vec(&serde_json::from_str::<serde_json::Value>(text?).ok()?).ok();
    written.chain(std::iter::once_with(sorted).flatten())
}

/// What shells print for a body with backslash escapes in it: `echo` and `printf` of dash and bash. Nothing without a backslash, or if it is too long.
pub(crate) fn expanded(body: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let text = text_of(body).filter(|text| text.contains('\\'));
    let dialects = [(false, false), (true, false), (false, true), (true, true)];
    dialects
        .into_iter()
        .filter_map(move |(unicode, quotes)| Some(expand(text?, unicode, quotes).into_bytes()))
}

fn text_of(body: &[u8]) -> Option<&str> {
    if body.len() <= MAX_BYTES { std::str::from_utf8(body).ok() } else { None }
}

/// Expands the escapes that JSON and shells have in common; `\u` and four hex digits and `\"` only where the shell does.
fn expand(text: &str, unicode: bool, quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        let plain = match chars.next() {
            Some('\\') => Some('\\'),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('"') if quotes => Some('"'),
            Some('u') if unicode => {
                let code = after.get(1..5).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                let known = code.and_then(char::from_u32);
                if known.is_some() {
                    chars = after.get(5..).unwrap_or_default().chars();
                }
                known
            }
            _ => None,
        };
        match plain {
            Some(plain) => {
                out.push(plain);
                rest = chars.as_str();
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A body that a shell's `echo` expanded on its way, as it was before: without its last line break, its control characters escaped.
/// `None` if it has none.
pub(crate) fn collapsed(body: &[u8]) -> Option<Vec<u8>> {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    if !body.iter().any(u8::is_ascii_control) {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() + 16);
    for byte in body {
        match byte {
            0x08 => out.extend(br"\b"),
            0x09 => out.extend(br"\t"),
            0x0a => out.extend(br"\n"),
            0x0c => out.extend(br"\f"),
            0x0d => out.extend(br"\r"),
            other => out.push(*other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{collapsed, expanded};

    fn texts(body: &str) -> Vec<String> {
        expanded(body.as_bytes()).map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn shells_expand_as_they_do() {
        // In order: dash's echo, bash's echo -e, dash's printf, bash's printf.
        assert_eq!(
            texts(r#"{"a":"x\ty\\\"\u00e9\/"}"#),
            [
                "{\"a\":\"x\ty\\\\\"\\u00e9\\/\"}",
                "{\"a\":\"x\ty\\\\\"é\\/\"}",
                "{\"a\":\"x\ty\\\"\\u00e9\\/\"}",
                "{\"a\":\"x\ty\\\"é\\/\"}",
            ]
        );
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        for body in [r"\", r"\u", r"\u00", r"\ud83d", r"\u00é9", r"\q"] {
            for text in texts(body) {
                assert_eq!(text, body);
            }
        }
        assert_eq!(texts("no backslash"), Vec::<String>::new());
        assert_eq!(expanded(b"\\\xff").count(), 0);
    }

    #[test]
    fn what_echo_expanded_is_put_back() {
        assert_eq!(collapsed(b"{\"a\":\"x\ty\n\"}\n").unwrap(), br#"{"a":"x\ty\n"}"#);
        assert_eq!(collapsed(b"{}\n"), None);
    }
}
