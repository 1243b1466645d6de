//! Is the process alive, and may it be sent requests? `/livez` says nothing of others, so that trouble elsewhere restarts nobody;
//! `/readyz` asks the service's checks. Neither tells a cause: causes are logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use contract::problems::Code;
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::caller::{Anyone, Caller};
use crate::kit::Shared;
use crate::problem::Failure;
use crate::routes::{Audit, Route};

pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;
type Check = dyn Fn() -> BoxFuture<'static, Result<(), Cause>> + Send + Sync;

/// What must hold for a service to be ready.
#[derive(Clone, Default)]
pub struct Readiness(Vec<(&'static str, Arc<Check>)>);

impl Readiness {
    /// Ready as soon as it runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check by a name that may be public. Its error is logged, so it must name no person and no secret.
    #[must_use]
    pub fn check<F, Fut, E>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Cause>,
    {
        self.0.push((
            name,
            Arc::new(move || {
                let checking = check();
                Box::pin(async move { checking.await.map_err(Into::into) })
            }),
        ));
        self
    }

    /// The names of the checks, which all passed; or the first that did not, and why.
    pub(crate) async fn look(&self) -> Result<Vec<&'static str>, (&'static str, Cause)> {
        let mut passed = Vec::with_capacity(self.0.len());
        for (name, check) in &self.0 {
            check().await.map_err(|cause| (*name, cause))?;
            passed.push(*name);
        }
        Ok(passed)
    }
}

/// The two routes of every service.
pub(crate) fn routes() -> [Route; 2] {
    const PROBE: Audit = Audit::Quiet("a probe by the machinery that runs us");
    [Route::get("/livez", PROBE, read_liveness), Route::get("/readyz", PROBE, read_readiness)]
}

async fn read_liveness(_: Caller<Anyone>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

async fn read_readiness(_: Caller<Anyone>, shared: web::Data<Shared>) -> Result<HttpResponse, Failure> {
    if shared.is_draining() {
        return Err(Failure::new(Code::Unavailable).with_detail("stopping"));
    }
    let passed = shared.kit.readiness.look().await.map_err(|(name, cause)| {
        Failure::new(Code::Unavailable).with_detail(format!("not ready: {name}")).caused_by(cause)
    })?;
    let checks: BTreeMap<_, _> = passed.into_iter().map(|name| (name, "ok")).collect();
    Ok(HttpResponse::Ok().json(json!({ "status": "ready", "checks": checks })))
}
