//! Pass 0 over a body: what no database and no UTF-8 text can hold is replaced before anything parses it.

use std::borrow::Cow;

/// A body after the pass.
pub(super) struct Cleaned<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) had_bom: bool,
    pub(super) replaced: bool,
    pub(super) had_nul: bool,
}

/// Strips a UTF-8 byte order mark, and turns the escapes of lone surrogates and of U+0000 into `\ufffd`.
///
/// Only escapes are touched, and each keeps its length, so positions in error messages stay true. In JSON a backslash
/// stands nowhere but inside a string; in anything else the parser will refuse it anyway.
pub(super) fn clean(body: &[u8]) -> Cleaned<'_> {
    let (body, had_bom) = body.strip_prefix(b"\xef\xbb\xbf").map_or((body, false), |rest| (rest, true));
    let mut bytes = Cow::Borrowed(body);
    let mut had_nul = false;
    let mut at = 0;
    while let Some(found) = body.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += found;
        at += match (unit(body, at), unit(body, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(unit @ (0 | 0xd800..=0xdfff)), _) => {
                had_nul |= unit == 0;
                if let Some(escape) = bytes.to_mut().get_mut(at..at + 6) {
                    escape.copy_from_slice(br"\ufffd");
                }
                6
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
    }
    let replaced = matches!(bytes, Cow::Owned(_));
    Cleaned { bytes, had_bom, replaced, had_nul }
}

/// The UTF-16 unit of the `\u....` escape that begins at `at`, if one does.
fn unit(body: &[u8], at: usize) -> Option<u16> {
    let hex = body.get(at..at + 6)?.strip_prefix(br"\u")?;
    hex.iter().try_fold(0_u16, |unit, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}
