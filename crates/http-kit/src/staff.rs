//! The gate of staff routes: the JWT says who, and sso-issuer, asked for every request, says what counts now. Nothing is remembered
//! between two requests: who was disabled a moment ago is refused now, and while nobody can say, nobody is let in.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use auth::jwt::Verifier;
use auth::staff::{Role, StaffClaims};
use contract::clock::Timestamp;
use contract::internal::{CHECK_STAFF, CheckStaff, CheckedStaff, StaffRefusal, StaffVerdict};
use contract::problems::Code;
use futures_util::future::BoxFuture;

use crate::client::InternalClient;
use crate::context::RequestContext;
use crate::problem::Failure;

/// How long sso-issuer may take to say who is there.
const CHECK: Duration = Duration::from_secs(3);

/// A member of staff who was let in, with what counted at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffIdentity {
    /// Our `st_` id; for somebody of another part of the CRM, the `sub` of the JWT.
    pub id: String,
    /// The address: of the staff table where it knows the person, else of the JWT.
    pub email: Option<String>,
    /// The roles that count now.
    pub roles: Vec<Role>,
    /// True for somebody whom our staff table does not know.
    pub external: bool,
    /// The log-in of ours that the JWT belongs to.
    pub session: Option<String>,
}

type Trouble = Box<dyn StdError + Send + Sync>;
type Check =
    dyn Fn(RequestContext, CheckStaff) -> BoxFuture<'static, Result<StaffVerdict, Trouble>> + Send + Sync;

/// Knows staff by their JWTs. Cheap to clone.
#[derive(Clone)]
pub struct StaffGate {
    verifier: Verifier,
    check: Arc<Check>,
}

/// Why somebody is not let in.
pub(crate) enum Refused {
    /// The JWT is not valid.
    Token,
    /// The JWT is valid, and its bearer is not welcome.
    Bearer(StaffClaims, StaffRefusal),
    /// Nobody could say.
    Trouble(Trouble),
}

impl StaffGate {
    /// A gate whose `check` is asked what a valid JWT's bearer may do now. Its error is logged, so it must name no person.
    pub fn new<F, Fut, E>(verifier: Verifier, check: F) -> Self
    where
        F: Fn(RequestContext, CheckStaff) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<StaffVerdict, E>> + Send + 'static,
        E: Into<Trouble>,
    {
        let check: Arc<Check> = Arc::new(move |context, asked| {
            let checking = check(context, asked);
            Box::pin(async move { checking.await.map_err(Into::into) })
        });
        Self { verifier, check }
    }

    /// A gate that asks sso-issuer.
    pub fn remote(verifier: Verifier, sso_issuer: InternalClient) -> Self {
        Self::new(verifier, move |context, asked| {
            let sso_issuer = sso_issuer.clone();
            async move { sso_issuer.post_json::<_, StaffVerdict>(&context, CHECK_STAFF, &asked, CHECK).await }
        })
    }

    /// Who the bearer of `token` is, and what counts now.
    pub(crate) async fn admit(
        &self,
        token: &str,
        now: Timestamp,
        context: &RequestContext,
    ) -> Result<StaffIdentity, Refused> {
        let claims = auth::staff::verify(&self.verifier, token, now).map_err(|_| Refused::Token)?;
        let asked = CheckStaff {
            sub: claims.sub.clone(),
            email: claims.email.clone(),
            roles: claims.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            session: claims.session.clone(),
            issued_at: claims.issued_at,
        };
        match (self.check)(context.clone(), asked).await.map_err(Refused::Trouble)? {
            StaffVerdict::Refused { reason } => Err(Refused::Bearer(claims, reason)),
            StaffVerdict::Known(CheckedStaff { id, email, roles, external }) => {
                let roles = roles.iter().filter_map(|word| Role::of(word)).collect();
                Ok(StaffIdentity { id, email, roles, external, session: claims.session })
            }
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Token | Refused::Bearer(..) => Self::new(Code::CredentialsInvalid),
            Refused::Trouble(cause) => Self::new(Code::Unavailable).caused_by(cause),
        }
    }
}
