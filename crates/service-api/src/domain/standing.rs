//! How a client stands, and what staff may make of it; and why a change made in the CRM does not happen.

use contract::resources::ClientStatus;

/// Why a change is refused. Nothing changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The record is not the one that `If-Match` names.
    #[error("the record has changed meanwhile")]
    Stale,
    /// The client is gone for good.
    #[error("the client is closed")]
    Closed,
    /// The registration has not come yet.
    #[error("the client is not registered yet")]
    Provisional,
    /// The client has no such transaction.
    #[error("the client has no such transaction")]
    NoTransaction,
    /// Nothing contradicts the transaction, or it was decided before.
    #[error("the transaction is in no conflict")]
    NotInConflict,
    /// The client has no account of this name.
    #[error("the client has no such account")]
    NoAccount,
    /// The client has accounts of this name on several servers.
    #[error("the client has this account on several servers")]
    SeveralServers,
    /// Clients of one source can't have accounts of another.
    #[error("the new owner is a client of another source")]
    OtherSource,
    /// The key came before with another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
}

/// Whether a client who stands so may be made to stand otherwise; true if that is a change. Registration alone ends `provisional`, and
/// nothing ends `closed`.
///
/// # Errors
/// The [`Refusal`].
pub(crate) fn transition(from: ClientStatus, to: ClientStatus) -> Result<bool, Refusal> {
    match (from, to) {
        _ if from == to => Ok(false),
        (ClientStatus::Closed, _) => Err(Refusal::Closed),
        (ClientStatus::Provisional, _) | (_, ClientStatus::Provisional) => Err(Refusal::Provisional),
        _ => Ok(true),
    }
}

/// How a person stands whose two records turned out to be one: as the further one. So no registration is lost, and no hold that
/// staff put on either of them.
pub(crate) fn stricter(one: ClientStatus, other: ClientStatus) -> ClientStatus {
    let rank = |status| ClientStatus::ALL.iter().position(|known| *known == status);
    if rank(one) < rank(other) { other } else { one }
}

#[cfg(test)]
mod tests {
    use ClientStatus::{Active, Closed, Provisional, Suspended};

    use super::*;

    #[test]
    fn every_transition_is_decided() {
        let mut allowed = Vec::new();
        for from in ClientStatus::ALL {
            assert_eq!(transition(from, from), Ok(false), "the same again changes nothing");
            allowed.extend(
                ClientStatus::ALL
                    .iter()
                    .filter(|to| transition(from, **to) == Ok(true))
                    .map(|to| (from, *to)),
            );
        }
        assert_eq!(
            allowed,
            [(Active, Suspended), (Active, Closed), (Suspended, Active), (Suspended, Closed)]
        );
        assert_eq!(transition(Closed, Active), Err(Refusal::Closed));
        assert_eq!(transition(Provisional, Closed), Err(Refusal::Provisional));
    }

    #[test]
    fn two_records_that_are_one_stand_as_the_further_one() {
        for one in ClientStatus::ALL {
            assert_eq!(stricter(one, one), one);
            assert_eq!(stricter(Provisional, one), one, "a registration is not lost");
            assert_eq!(stricter(one, Closed), Closed, "nor is what staff decided");
        }
        assert_eq!((stricter(Active, Suspended), stricter(Suspended, Active)), (Suspended, Suspended));
    }
}
