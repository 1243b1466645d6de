//! What of a record can be searched. Both sides are folded here, once when a record is written and once when it is asked for:
//! databases do not think alike of letters beyond ASCII.

use unicode_normalization::UnicodeNormalization as _;

use super::client::{Client, Field};

/// What of the record is to be searched beside its columns, folded, a line for each: a word of a search holds no white space, so it is found
/// inside one of them. The key of the address is folded in its column, and what is ASCII alone every database folds as we do.
pub(crate) fn text_of(client: &Client) -> String {
    let key = client.address().map(|key| key.as_str().to_owned());
    // As it was sent too: the key has a domain's name for machines alone.
    let email = client.email().map(folded).filter(|email| key.as_ref() != Some(email));
    let said = [
        client.value(Field::FirstName),
        client.value(Field::LastName),
        client.client_id.as_deref(),
        client.value(Field::Phone),
    ];
    let said = said.into_iter().flatten().filter(|said| !said.is_ascii()).map(folded);
    email.into_iter().chain(said).collect::<Vec<_>>().join("\n")
}

/// A text in which case makes no difference, nor of how many characters a letter is composed. Each character goes by way of its
/// capital on its own, so that a part of a text folds as the whole does: σ at a word's end is the same as within.
pub(crate) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use contract::clock::Timestamp;
    use contract::events::ClientRegistered;
    use contract::ids::ClientRef;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::order::OrderKey;

    #[test]
    fn case_and_composition_make_no_difference() {
        for (one, other) in [
            ("\u{418}\u{432}\u{430}\u{43d}", "\u{438}\u{412}\u{410}\u{41d}"),
            ("Zo\u{eb}", "ZOE\u{308}"),
            ("\u{39d}\u{399}\u{39a}\u{39f}\u{3a3}", "\u{3bd}\u{3b9}\u{3ba}\u{3bf}\u{3c2}"),
            ("Stra\u{df}e", "STRASSE"),
            ("J\u{30c}", "\u{1f0}"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(folded("Zo\u{eb}"), folded("Zoe"), "another letter is another");
    }

    #[test]
    fn beside_its_columns_a_record_holds_the_other_spelling_of_its_address_and_what_is_not_ascii() {
        let mut client = Client::new(
            ClientRef::new(Timestamp::from_micros(0), [0; 10]),
            "site",
            Some("A-1"),
            Timestamp::from_micros(0),
        );
        let said = ClientRegistered {
            client_id: None,
            email: Some("Ann@B\u{dc}cher.example".to_owned()),
            first_name: Some("ANN".to_owned()),
            last_name: Some("L\u{c9}E".to_owned()),
            phone: Some("+44 20".to_owned()),
            country: Some("GB".to_owned()),
            language: None,
            created_at: None,
        };
        let order: OrderKey = (1, None, 1).into();
        client.register(&said, order, Timestamp::from_micros(1));
        assert_eq!(text_of(&client), "ann@b\u{fc}cher.example\nl\u{e9}e");
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in ".{0,20}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }

        #[test]
        fn what_is_ascii_folds_as_the_databases_fold_it(text in "[ -~]{0,20}") {
            prop_assert_eq!(folded(&text), text.to_ascii_lowercase());
        }

        #[test]
        fn no_case_of_it_is_another_text(text in "[a-zà-öø-ÿα-ωа-яё]{0,20}") {
            prop_assert_eq!(folded(&text.to_uppercase()), folded(&text));
        }
    }
}
