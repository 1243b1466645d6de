//! The table of KYC words.

use contract::kyc::{KycStatus, KycWords};

#[test]
fn our_own_words_are_read_in_any_dress_and_written_in_one() {
    let words = KycWords::built_in();
    for status in KycStatus::ALL {
        let word = status.as_str();
        assert_eq!(serde_json::to_value(status).unwrap(), word);
        for dress in [
            word.to_owned(),
            word.to_uppercase(),
            word.replace('_', "-"),
            format!(" {} ", word.replace('_', " ")),
        ] {
            assert_eq!(words.read(&dress), Some(status), "{dress}");
        }
    }
    assert_eq!(words.read("inReview"), Some(KycStatus::InReview));
}

#[test]
fn words_of_others_are_mapped() {
    let words = KycWords::default();
    let known = [
        ("verified", KycStatus::Approved),
        ("Declined", KycStatus::Rejected),
        ("under_review", KycStatus::InReview),
        ("documents required", KycStatus::ActionRequired),
    ];
    for (word, status) in known {
        assert_eq!(words.read(word), Some(status), "{word}");
    }
    for word in ["", "tier-3", "approved!"] {
        assert_eq!(words.read(word), None, "{word}");
    }
}

#[test]
fn staff_can_extend_and_change_the_table_but_not_our_own_words() {
    let words = KycWords::built_in()
        .with("Tier 3", KycStatus::Approved)
        .with("verified", KycStatus::Pending)
        .with("approved", KycStatus::Rejected)
        .with(" ", KycStatus::Rejected);
    assert_eq!(words.read("tier3"), Some(KycStatus::Approved));
    assert_eq!(words.read("verified"), Some(KycStatus::Pending));
    assert_eq!(words.read("approved"), Some(KycStatus::Approved));
    assert_eq!(words.read(""), None);
}

#[test]
fn a_setting_adds_words_and_a_bad_one_is_refused_whole() {
    let read = |setting: &str| KycWords::built_in().with_setting(setting);
    let words = read(" Green = approved,re-d=rejected, verified=pending").expect("a good setting");
    for (word, status) in
        [("green", KycStatus::Approved), ("RED", KycStatus::Rejected), ("verified", KycStatus::Pending)]
    {
        assert_eq!(words.read(word), Some(status), "{word}");
    }
    assert_eq!(words.read("declined"), Some(KycStatus::Rejected), "the built-in ones stay");
    let bad = [
        "",
        "green",
        "green=",
        "=approved",
        "green=good",
        "green=Approved",
        "green=approved,",
        "a=approved,A=rejected",
        "approved=rejected",
        "in-review=approved",
    ];
    for setting in bad {
        assert!(read(setting).is_err(), "{setting}");
    }
}
