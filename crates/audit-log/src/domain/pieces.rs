//! A text may be a piece of an entry's id. The table has ids as bytes, so here are the patterns of those bytes whose text has the piece.

use std::collections::BTreeSet;

use contract::ids::EntryId;

/// The digits of an id's text.
const ALPHABET: &str = "0123456789abcdefghjkmnpqrstvwxyz";
/// The digits of an id: 130 bits, and the first two are none of the UUID's.
const DIGITS: usize = 26;
const BITS_OF_A_DIGIT: usize = 5;
const UNUSED_BITS: usize = 2;

/// What an id's bytes look like in 32 lower-case hexadecimal digits when its text has this piece, which is folded: a pattern for each
/// place where it may stand, in which `?` is any digit and `[...]` any of those inside. None, when no id has the piece.
pub(crate) fn patterns(piece: &str) -> Vec<String> {
    let prefix = EntryId::PREFIX;
    if prefix.contains(piece) {
        return vec![pattern(&[])];
    }
    let with_prefix =
        (1..=prefix.len()).filter_map(|most| piece.strip_prefix(prefix.get(prefix.len() - most..)?));
    let at_front = with_prefix.filter_map(|digits| placed(digits, 0));
    let last = DIGITS.saturating_sub(piece.len());
    let anywhere = (0..=last).filter_map(|place| placed(piece, place));
    at_front.chain(anywhere).collect()
}

/// What is known for certain of each of these patterns: digits in a row that every id has which fits. They are at most four, whatever the
/// number of patterns, but for those with a part of the prefix; an empty one is part of every id.
pub(crate) fn parts(patterns: &[String]) -> BTreeSet<&str> {
    fn part(pattern: &str) -> &str {
        let known = pattern.split(['?', ']']).map(|run| run.split('[').next().unwrap_or_default());
        known.max_by_key(|run| run.len()).unwrap_or_default()
    }
    patterns.iter().map(|pattern| part(pattern)).collect()
}

/// The pattern of these digits behind `place` others.
fn placed(digits: &str, place: usize) -> Option<String> {
    if place + digits.len() > DIGITS {
        return None;
    }
    let mut bits = vec![None; place * BITS_OF_A_DIGIT];
    for digit in digits.chars() {
        let value = ALPHABET.find(digit)?;
        bits.extend((0..BITS_OF_A_DIGIT).rev().map(|bit| Some(value >> bit & 1 == 1)));
    }
    let (unused, used) = bits.split_at(bits.len().min(UNUSED_BITS));
    (!unused.contains(&Some(true))).then(|| pattern(used))
}

/// The pattern of a UUID that begins with these bits, as far as they are known.
fn pattern(bits: &[Option<bool>]) -> String {
    let fits = |digit: usize, nth: usize| {
        let bit = |of: usize| bits.get(nth * 4 + of).copied().flatten();
        (0..4).all(|of| bit(of).is_none_or(|bit| bit == (digit >> (3 - of) & 1 == 1)))
    };
    let digit = |nth: usize| {
        let digits: String = "0123456789abcdef"
            .chars()
            .enumerate()
            .filter(|(digit, _)| fits(*digit, nth))
            .map(|(_, c)| c)
            .collect();
        match digits.len() {
            16 => "?".to_owned(),
            1 => digits,
            _ => format!("[{digits}]"),
        }
    };
    (0..32).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use contract::clock::Timestamp;
    use proptest::prelude::*;

    use super::*;

    /// As `glob` does it.
    fn matches(pattern: &str, text: &str) -> bool {
        let mut pattern = pattern.chars();
        text.chars().all(|character| match pattern.next() {
            Some('?') => true,
            Some('[') => {
                let any: String = pattern.by_ref().take_while(|character| *character != ']').collect();
                any.contains(character)
            }
            other => other == Some(character),
        }) && pattern.next().is_none()
    }

    fn id() -> impl Strategy<Value = EntryId> {
        (0..Timestamp::MAX.as_micros(), any::<[u8; 10]>())
            .prop_map(|(micros, random)| EntryId::new(Timestamp::from_micros(micros), random))
    }

    fn found(id: EntryId, piece: &str) -> bool {
        patterns(piece).iter().any(|pattern| matches(pattern, &id.as_uuid().simple().to_string()))
    }

    #[test]
    fn a_word_of_letters_has_four_parts() {
        assert_eq!(parts(&patterns("smyth")).len(), 4);
        assert_eq!(parts(&patterns("aud_")), BTreeSet::from([""]));
        assert_eq!(parts(&patterns("@")), BTreeSet::new());
    }

    proptest! {
        #[test]
        fn an_id_that_fits_has_a_part(id in id(), piece in "[0-9a-z]{1,6}|[aud_]{0,4}[0-9a-z]{0,3}", of in 0..26_usize) {
            let text = id.to_string();
            for piece in [piece.as_str(), &text[of..(of + 4).min(text.len())]] {
                let patterns = patterns(piece);
                let hex = id.as_uuid().simple().to_string();
                let has_part = parts(&patterns).iter().any(|part| hex.contains(part));
                prop_assert!(has_part || !found(id, piece), "{} of {}", piece, id);
            }
        }

        #[test]
        fn an_id_is_found_by_every_piece_of_it(id in id(), from in 0..30_usize, length in 1..=30_usize) {
            let text = id.to_string();
            let piece = &text[from..(from + length).min(text.len())];
            prop_assert!(found(id, piece), "{piece} of {text}");
        }

        #[test]
        fn an_id_is_found_by_what_it_has_alone(id in id(), piece in "[a-z0-9_]{1,3}|[aud_]{0,4}[0-9a-z]{0,3}|.{1,40}") {
            prop_assert_eq!(found(id, &piece), id.to_string().contains(&piece), "{} of {}", piece, id);
        }
    }
}
