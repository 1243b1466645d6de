//! Look-up keys of email addresses.

use contract::email::EmailKey;
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

fn key(address: &str) -> String {
    EmailKey::of(address).unwrap_or_else(|| panic!("{address:?} has no key")).as_str().to_owned()
}

#[test]
fn white_space_around_and_case_make_no_difference() {
    for address in ["jane.doe@example.com", " Jane.DOE@Example.COM\t", "\u{a0}JANE.DOE@EXAMPLE.COM\n"] {
        assert_eq!(key(address), "jane.doe@example.com");
    }
    assert_eq!(key("ПЁТР@example.com"), key("пётр@EXAMPLE.com"));
    assert_eq!(key("ΝΊΚΟΣ@example.com"), key("νίκος@example.com"));
    assert_eq!(key("STRAẞE@example.com"), key("straße@example.com"));
    assert_eq!(key("H\u{331}@example.com"), key("\u{1e96}@example.com"));
}

#[test]
fn canonically_equal_texts_are_equal() {
    assert_eq!(key("rene\u{301}@example.com"), key("ren\u{e9}@example.com"));
    assert_eq!(key("RENE\u{301}@example.com"), key("ren\u{e9}@example.com"));
    assert_eq!(key("\u{212b}sa@example.com"), key("\u{e5}sa@example.com"));
    assert_ne!(key("rene@example.com"), key("ren\u{e9}@example.com"));
}

#[test]
fn domains_are_taken_as_idna() {
    for domain in ["bücher.de", "BÜCHER.DE", "bu\u{308}cher.de", "xn--bcher-kva.de", "XN--BCHER-KVA.de"] {
        assert_eq!(key(&format!("a@{domain}")), "a@xn--bcher-kva.de");
    }
    assert_eq!(key("a@straße.de"), "a@xn--strae-oqa.de");
    assert_ne!(key("a@straße.de"), key("a@strasse.de"));
    assert_eq!(key("a@пример.испытание"), "a@xn--e1afmkfd.xn--80akhbyknj4f");
    assert_eq!(key("a@my_host.example.com"), "a@my_host.example.com");
    assert_eq!(key("a@[127.0.0.1]"), "a@[127.0.0.1]");
}

#[test]
fn look_alikes_are_other_people() {
    let pairs = [
        ("mike@example.com", "m\u{131}ke@example.com"),
        ("mike@example.com", "M\u{130}KE@example.com"),
        ("mike@example.com", "mi\u{307}ke@example.com"),
        ("kim@example.com", "\u{212a}im@example.com"),
        ("sam@example.com", "\u{17f}am@example.com"),
        ("fix@example.com", "\u{fb01}x@example.com"),
        ("strasse@example.com", "straße@example.com"),
        ("jane@example.com", "ｊane@example.com"),
        ("jane@example.com", "j\u{430}ne@example.com"),
        ("a;b@example.com", "a\u{37e}b@example.com"),
        ("a`b@example.com", "a\u{1fef}b@example.com"),
        ("a@kim.com", "a@\u{212a}im.com"),
        ("a@mike.com", "a@m\u{131}ke.com"),
        ("a@mike.com", "a@M\u{130}KE.com"),
        ("a@example.com", "a@ｅxample.com"),
        ("a@example.com", "a@exam\u{ad}ple.com"),
        ("a@example.com", "a@example\u{3002}com"),
        ("a@example.com", "a@example\u{ff0e}com"),
        ("a@example.com", "a@example\u{2024}com"),
        ("a@b@example.com", "a\u{ff20}b@example.com"),
        ("a@strasse.de", "a@\u{1e9e}.de"),
        ("a@xn--bcher-kva.de", "a@ｘn--bcher-kva.de"),
        ("a@xn--bcher-kva.de", "a@bu\u{308}\u{212a}cher.de"),
    ];
    for (one, other) in pairs {
        assert_ne!(key(one), key(other), "{other}");
    }
    assert_eq!(key("\u{212a}@\u{212a}.com"), "\u{212a}@\u{212a}.com");
}

#[test]
fn what_is_no_address_has_no_key() {
    for text in ["", " ", "a", "@", "a@", "@b", " @b", "a@ ", "a\0@b.c", "a@b\n.c", "a\u{7f}@b"] {
        assert_eq!(EmailKey::of(text), None, "{text:?}");
    }
    assert!(EmailKey::of(&format!("{}@b", "a".repeat(318))).is_some());
    assert!(EmailKey::of(&format!("{}@b", "a".repeat(319))).is_none());
    assert_eq!(key("\"a@b\"@c.d"), "\"a@b\"@c.d");
}

#[test]
fn a_key_is_not_shown_in_logs() {
    assert_eq!(format!("{:?}", EmailKey::of("jane@example.com").unwrap()), "EmailKey(***)");
}

/// The law, for every character of the planes that have any but private ones: beside ASCII it never turns into ASCII, in
/// either part.
#[test]
fn no_character_beside_ascii_turns_into_ascii() {
    for c in ('\u{80}'..='\u{3ffff}').chain('\u{e0000}'..='\u{e0fff}').filter(|c| !c.is_control()) {
        let key = key(&format!("x{c}y@p{c}q.de"));
        let (local, domain) = key.rsplit_once('@').unwrap();
        assert!(!local.is_ascii(), "U+{:04X} became {local}", u32::from(c));
        let a_label_of_non_ascii =
            domain.starts_with("xn--") && !idna::domain_to_unicode(domain).0.is_ascii();
        assert!(!domain.is_ascii() || a_label_of_non_ascii, "U+{:04X} became {domain}", u32::from(c));
    }
}

fn ascii_address() -> impl Strategy<Value = String> {
    "[ -?A-~]{1,12}@[a-zA-Z0-9-]{1,8}(\\.[a-zA-Z]{2,5}){0,2}"
        .prop_map(|address| address.trim().to_owned())
        .prop_filter("an address", |address| EmailKey::of(address).is_some())
}

/// Texts with a character that mappings make ASCII of, or that has marks to compose with, and plain ASCII around it.
fn tricky() -> impl Strategy<Value = String> {
    let special = "\u{131}\u{130}\u{212a}\u{17f}\u{fb01}\u{ff41}\u{ff2b}\u{37e}\u{1fef}\u{301}\u{307}\u{331}\u{338}\u{345}\u{df}\
        \u{1e9e}\u{3c2}\u{3a3}\u{3c3}\u{e9}\u{c9}\u{ad}\u{200d}\u{3002}\u{ff0e}";
    let around = format!("[aikKsSfx.{special}]{{0,4}}");
    let text = |pattern: &str| proptest::string::string_regex(pattern).unwrap();
    (text(&around), text(&format!("[{special}]")), text(&around))
        .prop_map(|(before, one, after)| format!("{before}{one}{after}"))
}

proptest! {
    #[test]
    fn ascii_addresses_are_one_person_only_if_case_is_all_that_differs(one in ascii_address(), other in ascii_address()) {
        prop_assert_eq!(key(&one), one.to_ascii_lowercase());
        prop_assert_eq!(key(&one) == key(&other), one.eq_ignore_ascii_case(&other));
    }

    #[test]
    fn a_local_part_with_more_than_ascii_is_never_an_ascii_one(one in tricky(), other in "[aikKsSfx.]{1,8}") {
        prop_assert_ne!(key(&format!("{one}@example.com")), key(&format!("{other}@example.com")));
    }

    #[test]
    fn a_domain_with_more_than_ascii_is_never_an_ascii_one(one in tricky(), other in "[aikKsSfx.]{1,8}") {
        prop_assert_ne!(key(&format!("a@{one}")), key(&format!("a@{other}")));
    }

    #[test]
    fn canonically_equal_addresses_are_one_person(one in tricky(), other in "\\PC{1,9}") {
        let composed = |text: &str| text.replace('\u{212a}', "K");
        for text in [one.clone(), format!("{one}{other}"), other].map(|text| composed(&text)) {
            let address = format!("{text}@{text}");
            let (nfc, nfd): (String, String) = (address.nfc().collect(), address.nfd().collect());
            if !text.contains(['\u{37e}', '\u{1fef}']) {
                prop_assert_eq!(EmailKey::of(&address), EmailKey::of(&nfc));
                prop_assert_eq!(EmailKey::of(&address), EmailKey::of(&nfd));
            }
        }
    }

    #[test]
    fn the_key_of_a_key_is_itself(address in prop_oneof![(tricky(), tricky()).prop_map(|(local, domain)| format!("{local}@{domain}")), "\\PC{1,9}@\\PC{1,9}"]) {
        if let Some(first) = EmailKey::of(&address) {
            prop_assert_eq!(EmailKey::of(first.as_str()), Some(first.clone()));
            let json = serde_json::to_string(&first).unwrap();
            prop_assert_eq!(serde_json::from_str::<EmailKey>(&json).unwrap(), first);
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        drop(EmailKey::of(&text));
    }
}

/// Some characters are composed of several, and a label can grow as IDNA: what is too long as a key is no address either, so that the
/// key of a key is itself.
#[test]
fn an_address_that_grows_too_long_as_a_key_is_none() {
    for long in ["\u{fb2c}".repeat(200) + "@x.y", "\u{1d15e}".repeat(200) + "@x.y"] {
        assert!(long.chars().count() < 320);
        assert_eq!(EmailKey::of(&long), None);
    }
    let most = format!("{}@x.y", "a".repeat(316));
    assert!(EmailKey::of(&most).is_some() && EmailKey::of(&format!("a{most}")).is_none());
}
