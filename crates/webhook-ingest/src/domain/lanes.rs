//! How pending work is divided: which lane a delivery belongs to. Lanes only divide the work; nothing may rest on the order
//! inside one, because effects converge in whatever order they arrive.

use auth::digest::sha256;
use contract::email::EmailKey;

/// How many lanes there are. A stored lane number means this count, so changing it needs a migration.
pub const LANES: i32 = 16;

/// How many workers of one replica divide its lanes among them. Few: what several lanes have due goes into one call and one commit, and
/// that is what makes applying cheap. Two: while one waits for an answer, the other claims or commits.
pub const WORKERS: i32 = 2;

/// Which of the workers has a lane.
#[must_use]
pub fn worker_of(lane: i32) -> i32 {
    lane.rem_euclid(WORKERS)
}

/// A lane's two queues, worked on side by side, so that what fails by itself delays nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// What was never tried in vain.
    Fresh,
    /// What failed by itself, and is tried again one by one.
    Failing,
}

/// The longest e-mail key that is stored as it is, in bytes: longer ones would not fit into PostgreSQL's index pages.
const LONGEST_EMAIL_KEY: usize = 512;

/// The lane of the client that a delivery of `source` names: by `clientId` if it has one, else by its e-mail. Deliveries that name
/// nobody share one lane of their source.
#[must_use]
pub fn lane_of(source: &str, client_id: Option<&str>, email: Option<&EmailKey>) -> i32 {
    let who = client_id.or_else(|| email.map(EmailKey::as_str)).unwrap_or_default();
    let digest = sha256(format!("{source}\n{who}").as_bytes());
    i32::from(digest.first().copied().unwrap_or_default()) % LANES
}

/// What `pending.email_key` holds for an e-mail key: the key, or, for one too long to be indexed, a digest of it. The two can't meet:
/// a key always has an `@`, a digest never.
#[must_use]
pub fn email_column(key: &EmailKey) -> String {
    let key = key.as_str();
    if key.len() <= LONGEST_EMAIL_KEY {
        key.to_owned()
    } else {
        format!("sha256:{}", hex::encode(sha256(key.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_client_has_one_lane_and_clients_are_spread_over_all_of_them() {
        let email = EmailKey::of("ada@example.com").expect("an address");
        assert_eq!(
            lane_of("site", Some("c1"), Some(&email)),
            lane_of("site", Some("c1"), None),
            "clientId decides"
        );
        let lanes: BTreeSet<i32> =
            (0..500).map(|id| lane_of("site", Some(&format!("c{id}")), None)).collect();
        assert_eq!(lanes, (0..LANES).collect());
        // Stored rows mean these numbers: they must not change.
        assert_eq!((lane_of("site", Some("c1"), None), lane_of("site", None, Some(&email))), (8, 15));
    }

    #[test]
    fn what_is_too_long_to_be_indexed_is_stored_as_a_digest() {
        let short = EmailKey::of("ada@example.com").expect("an address");
        assert_eq!(email_column(&short), "ada@example.com");
        let long =
            |last: char| EmailKey::of(&format!("{}{last}@example.com", "€".repeat(200))).expect("an address");
        let column = email_column(&long('a'));
        assert!(column.starts_with("sha256:") && column.len() == 71, "{column}");
        assert_eq!(column, email_column(&long('A')));
        assert_ne!(column, email_column(&long('b')));
    }
}
