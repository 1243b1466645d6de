//! How the service is put together from its settings.

use contract::internal::AUDIT_LOG;
use http_kit::audit::remote_recorder;
use http_kit::client::{InternalClient, InternalTokens};
use http_kit::headers::HeaderLimits;
use http_kit::health::Readiness;
use http_kit::kit::{Credentials, Kit, Seams};
use http_kit::server::Shutdown;
use http_kit::service::Service;

use crate::config::Config;
use crate::error::StartError;
use crate::{NAME, routes};

/// Puts the service together: its routes, its jobs. Nothing is listened on and nothing connected to yet.
pub(crate) fn assemble(config: Config, seams: Seams) -> Result<Service, StartError> {
    let Seams { clock, random } = seams;
    let tokens = InternalTokens::new(NAME, AUDIT_LOG, config.internal.clone(), clock.clone());
    let audit_log = InternalClient::new("AUDIT_LOG_URL", &config.audit_log_url, tokens)?;
    let (stop, stopping) = Shutdown::channel();
    let kit = Kit {
        service: NAME,
        recorder: remote_recorder(audit_log, clock.clone(), random.clone(), stopping),
        clock,
        random,
        credentials: Credentials { internal: Some(config.internal), ..Credentials::default() },
        readiness: Readiness::new(),
        header_limits: HeaderLimits::INNER,
    };
    let passing_on = move |shutdown: Shutdown| async move {
        shutdown.requested().await;
        stop.now();
    };
    Ok(Service::new(kit, &routes::table()).with_job("audit.trail", passing_on))
}
