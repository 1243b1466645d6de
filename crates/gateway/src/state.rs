//! What all requests share: the services behind, and how long to wait for them.

use std::sync::Arc;

use crate::hop::{Timeouts, Upstream};

/// A service behind the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    WebhookIngest,
    ServiceApi,
    AuditLog,
}

/// Shared by all workers.
pub(crate) struct State {
    pub(crate) webhook_ingest: Arc<Upstream>,
    pub(crate) service_api: Arc<Upstream>,
    pub(crate) audit_log: Arc<Upstream>,
    pub(crate) timeouts: Timeouts,
}

impl State {
    pub(crate) fn upstream(&self, behind: Behind) -> &Arc<Upstream> {
        match behind {
            Behind::WebhookIngest => &self.webhook_ingest,
            Behind::ServiceApi => &self.service_api,
            Behind::AuditLog => &self.audit_log,
        }
    }
}
