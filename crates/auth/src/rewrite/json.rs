//! JSON written anew, token by token and in its own order, as another program would write it. No tree is built: nothing recurses, and
//! what a hostile body can cost is bounded.

use std::fmt::Write as _;

use serde::de::IgnoredAny;

/// The deepest nesting that is written: indents grow with it.
const MAX_DEPTH: usize = 64;

/// The longest text that is written, in bytes: four times the longest body that is rewritten.
const MAX_BYTES: usize = 128 * 1024;

/// How a program writes JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style(pub(super) Layout, pub(super) Escapes, pub(super) Numbers);

/// The white space between tokens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// None: `JSON.stringify(x)`.
    Compact,
    /// One space after a comma and a colon: Python's `json.dumps(x)`.
    Spaced,
    /// A line each, indented by this: `JSON.stringify(x, null, 2)`.
    Indented(&'static str),
}

/// What is escaped in strings, beside what must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Lone surrogates: JavaScript (ECMAScript, QuoteJSONString).
    Few,
    /// All but ASCII: Python.
    Ascii,
    /// All but ASCII, and `/`: PHP.
    AsciiAndSlashes,
}

/// How numbers are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Numbers {
    /// With the characters of the body.
    AsSent,
    /// As the double that JavaScript reads, in its shortest form (ECMAScript, Number::toString).
    JavaScript,
}

/// Whether this is one JSON value. It does not recurse, whatever the depth.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// `json`, which must be JSON, in this style; `None` if that gets too deep or too long.
pub(super) fn write(json: &str, style: Style) -> Option<String> {
    let Style(layout, escapes, numbers) = style;
    let mut out = String::with_capacity(json.len());
    let mut depth = 0_usize;
    let mut rest = json.trim_ascii_start();
    while let Some(first) = rest.chars().next() {
        let length = token_length(rest);
        let (token, after) = rest.split_at_checked(length)?;
        rest = after.trim_ascii_start();
        match first {
            '{' | '[' => {
                out.push(first);
                // An empty object or array stays `{}` or `[]` in every layout.
                if let Some(closing @ ('}' | ']')) = rest.chars().next() {
                    out.push(closing);
                    rest = rest.get(1..)?.trim_ascii_start();
                } else {
                    depth = Some(depth + 1).filter(|depth| *depth <= MAX_DEPTH)?;
                    break_line(&mut out, layout, depth);
                }
            }
            '}' | ']' => {
                depth = depth.checked_sub(1)?;
                break_line(&mut out, layout, depth);
                out.push(first);
            }
            ',' => {
                out.push_str(if matches!(layout, Layout::Spaced) { ", " } else { "," });
                break_line(&mut out, layout, depth);
            }
            ':' => out.push_str(if matches!(layout, Layout::Compact) { ":" } else { ": " }),
            '"' => string(&mut out, token, escapes)?,
            '-' | '0'..='9' => match numbers {
                Numbers::AsSent => out.push_str(token),
                Numbers::JavaScript => out.push_str(&javascript(token.parse().ok()?)),
            },
            _ => out.push_str(token),
        }
        if out.len() > MAX_BYTES {
            return None;
        }
    }
    Some(out)
}

fn break_line(out: &mut String, layout: Layout, depth: usize) {
    if let Layout::Indented(indent) = layout {
        out.push('\n');
        out.extend(std::iter::repeat_n(indent, depth));
    }
}

/// The length in bytes of the token at the beginning of `rest`: a string with its quotes, a number or word, or one sign.
fn token_length(rest: &str) -> usize {
    let mut bytes = rest.bytes();
    match bytes.next() {
        Some(b'"') => {
            let mut escaped = false;
            let closing = bytes.position(|byte| {
                let closes = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                closes
            });
            closing.map_or(rest.len(), |position| position + 2)
        }
        Some(b'{' | b'}' | b'[' | b']' | b',' | b':') => 1,
        _ => rest.find(|c: char| c.is_ascii_whitespace() || "{}[],:\"".contains(c)).unwrap_or(rest.len()),
    }
}

/// Writes a string token (with its quotes) anew.
fn string(out: &mut String, token: &str, escapes: Escapes) -> Option<()> {
    out.push('"');
    let mut rest = token.strip_prefix('"')?.strip_suffix('"')?;
    while let Some(first) = rest.chars().next() {
        if first != '\\' {
            character(out, first, escapes);
            rest = rest.get(first.len_utf8()..)?;
            continue;
        }
        let kind = rest.get(1..2)?;
        if kind != "u" {
            character(out, simple_escape(kind), escapes);
            rest = rest.get(2..)?;
            continue;
        }
        let unit = unit(rest)?;
        rest = rest.get(6..)?;
        // A pair of surrogates is one character; a lone one can only stand as an escape.
        let pair = unit_if_low(rest).map(|low| char::decode_utf16([unit, low]).next());
        match (char::decode_utf16([unit]).next(), pair) {
            (Some(Ok(plain)), _) => character(out, plain, escapes),
            (_, Some(Some(Ok(paired)))) => {
                character(out, paired, escapes);
                rest = rest.get(6..)?;
            }
            _ => hex_escape(out, unit),
        }
    }
    out.push('"');
    Some(())
}

/// The UTF-16 unit of an escape at the beginning of `rest`: `\u` and four hex digits.
fn unit(rest: &str) -> Option<u16> {
    u16::from_str_radix(rest.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

fn unit_if_low(rest: &str) -> Option<u16> {
    unit(rest).filter(|unit| (0xDC00..=0xDFFF).contains(unit))
}

fn simple_escape(kind: &str) -> char {
    match kind {
        "b" => '\u{8}',
        "f" => '\u{c}',
        "n" => '\n',
        "r" => '\r',
        "t" => '\t',
        // `"`, `\` and `/` stand for themselves.
        other => other.chars().next().unwrap_or('\\'),
    }
}

fn character(out: &mut String, c: char, escapes: Escapes) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '/' if escapes == Escapes::AsciiAndSlashes => out.push_str("\\/"),
        c if c < ' ' || (!c.is_ascii() && escapes != Escapes::Few) => {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| hex_escape(out, *unit));
        }
        c => out.push(c),
    }
}

fn hex_escape(out: &mut String, unit: u16) {
    // Writing to a String does not fail.
    write!(out, "\\u{unit:04x}").unwrap_or_default();
}

/// A double as ECMAScript's Number::toString writes it; what is not finite as `JSON.stringify` does, `null`.
fn javascript(number: f64) -> String {
    if !number.is_finite() {
        return "null".to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    // Rust's `e` form has the same shortest digits: d.ddd e x.
    let text = format!("{:e}", number.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if number < 0.0 { "-" } else { "" };
    // Where the decimal point stands: value = 0.digits × 10^point.
    let point = exponent.saturating_add(1);
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |number: i32| "0".repeat(usize::try_from(number).unwrap_or(0));
    let at =
        |place: i32| digits.split_at_checked(usize::try_from(place).unwrap_or(0)).unwrap_or((&digits, ""));
    if count <= point && point <= 21 {
        format!("{sign}{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = at(point);
        format!("{sign}{whole}.{fraction}")
    } else if -6 < point && point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else {
        let (first, more) = at(1);
        let dot = if more.is_empty() { "" } else { "." };
        format!("{sign}{first}{dot}{more}e{exponent:+}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{Escapes, Layout, Numbers, Style, is_json, javascript, write};

    const STRINGIFY: Style = Style(Layout::Compact, Escapes::Few, Numbers::JavaScript);

    #[test]
    fn numbers_are_javascripts() {
        // Expected texts: String(Number(...)) of Node 20.
        for (sent, written) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1000", "1000"),
            ("1000.00", "1000"),
            ("1e3", "1000"),
            ("1000.50", "1000.5"),
            ("0.1", "0.1"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("-12.75", "-12.75"),
            ("1e21", "1e+21"),
            ("123456789012345678901", "123456789012345680000"),
            ("1.5e300", "1.5e+300"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.25e-7", "1.25e-7"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740993", "9007199254740992"),
            ("1e999", "null"),
            ("100", "100"),
            ("1e20", "100000000000000000000"),
        ] {
            assert_eq!(javascript(sent.parse().unwrap()), written, "{sent}");
        }
    }

    #[test]
    fn strings_are_javascripts() {
        // Expected texts: JSON.stringify(JSON.parse(...)) of Node 20.
        for (sent, written) in [
            (r#""\u00e9\u20ac\/""#, "\"é€/\""),
            (r#""\u001F\u0008\u000a\b\n\t""#, r#""\u001f\b\n\b\n\t""#),
            (r#""\uD83D\uDE00 \uD83D \uDE00 \uD83D\u0041""#, "\"😀 \\ud83d \\ude00 \\ud83dA\""),
            (r#""\uD83D\uD83D\uDE00""#, "\"\\ud83d😀\""),
            ("\"\u{2028}\u{7f}\"", "\"\u{2028}\u{7f}\""),
            (r#""a\\\"b\\""#, r#""a\\\"b\\""#),
            (r#""{\"not\": [1, 2]}""#, r#""{\"not\": [1, 2]}""#),
        ] {
            assert_eq!(write(sent, STRINGIFY).unwrap(), written, "{sent}");
        }
    }

    #[test]
    fn layouts_and_escapes_are_those_of_others() {
        let sent = " { \"b\" : [ 1.50 , { } , [ ] ] ,\r\n\t\"a\":{\"n\":null,\"é\":\"/\"} } ";
        let written = |style| write(sent, style).unwrap();
        assert_eq!(written(STRINGIFY), r#"{"b":[1.5,{},[]],"a":{"n":null,"é":"/"}}"#);
        // JSON.stringify(x, null, 2)
        assert_eq!(
            written(Style(Layout::Indented("  "), Escapes::Few, Numbers::JavaScript)),
            "{\n  \"b\": [\n    1.5,\n    {},\n    []\n  ],\n  \"a\": {\n    \"n\": null,\n    \"é\": \"/\"\n  }\n}"
        );
        // Python's json.dumps(x), but for its numbers
        assert_eq!(
            written(Style(Layout::Spaced, Escapes::Ascii, Numbers::AsSent)),
            r#"{"b": [1.50, {}, []], "a": {"n": null, "\u00e9": "/"}}"#
        );
        // PHP's json_encode($x), but for its numbers
        assert_eq!(
            written(Style(Layout::Compact, Escapes::AsciiAndSlashes, Numbers::AsSent)),
            r#"{"b":[1.50,{},[]],"a":{"n":null,"\u00e9":"\/"}}"#
        );
    }

    #[test]
    fn what_a_hostile_body_costs_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + "1" + &"]".repeat(depth);
        assert_eq!(write(&nested(64), STRINGIFY).unwrap(), nested(64));
        assert_eq!(write(&nested(65), STRINGIFY), None);
        assert_eq!(write(&nested(100_000), STRINGIFY), None);
        let wide = "[".repeat(63) + "[" + &"1,".repeat(100_000) + "1]" + &"]".repeat(63);
        assert_eq!(write(&wide, Style(Layout::Indented("    "), Escapes::Few, Numbers::AsSent)), None);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_says_the_same_and_stays(value in values()) {
            for style in super::super::STYLES {
                let written = write(&serde_json::to_string_pretty(&value).unwrap(), style).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Value>(&written).unwrap(), &value);
                prop_assert_eq!(write(&written, style).unwrap(), written);
            }
            // serde_json's own compact and indented forms are JavaScript's here, as there is no fraction.
            prop_assert_eq!(write(&value.to_string(), STRINGIFY).unwrap(), value.to_string());
            let indented = Style(Layout::Indented("  "), Escapes::Few, Numbers::JavaScript);
            prop_assert_eq!(write(&value.to_string(), indented).unwrap(), serde_json::to_string_pretty(&value).unwrap());
        }

        #[test]
        fn any_double_is_read_back(bits: u64) {
            let number = f64::from_bits(bits);
            let written = javascript(number);
            if number.is_finite() {
                prop_assert_eq!(written.parse::<f64>().unwrap(), number);
                prop_assert!(is_json(&written), "{}", written);
            } else {
                prop_assert_eq!(written, "null");
            }
        }
    }
}
