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
