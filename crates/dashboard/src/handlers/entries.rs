//! The Audit Logs pages. What may be seen of the trail, audit-log decides.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use contract::problems::Code;
use http_kit::caller::{Anyone, Caller};
use http_kit::problem::Failure;
use url::form_urlencoded::Serializer;

use super::visits::Visit;
use crate::domain::addresses::segment;
use crate::domain::entries::{EntryPage, ProvedEntry};
use crate::domain::filters::Filters;
use crate::error::Error;
use crate::pages::entries::{EntriesPage, EntryShownPage};
use crate::pages::{self, Here};
use crate::state::State;

/// How long audit-log may take; a search for a text anywhere is slow on a long trail.
const SEARCH: Duration = Duration::from_secs(20);

/// `GET /audit`: the newest entries that the filters let through.
pub(crate) async fn list_entries(
    caller: Caller<Anyone>,
    request: HttpRequest,
    parameters: web::Query<Vec<(String, String)>>,
    state: web::Data<State>,
) -> HttpResponse {
    let filters = Filters::read(parameters.into_inner());
    let query = Serializer::new(String::new()).extend_pairs(filters.to_ask()).finish();
    let visit = Visit { caller: &caller, request: &request, state: &state };
    visit
        .show(async |visitor| {
            let path = format!("/api/audit/entries?{query}");
            let person = visitor.on_behalf();
            let told = state.audit_log.get_json_for(caller.context(), &person, &path, SEARCH).await?;
            let frame = visit.frame(Some(visitor), Here::AuditLogs);
            let refusal = match told {
                Ok::<EntryPage, _>(found) => {
                    return pages::shown(&EntriesPage::found(frame, &filters, found));
                }
                Err(refusal) => refusal,
            };
            let problem = refusal.problem.as_ref();
            let page = match (refusal.status, problem.map(|problem| problem.code)) {
                (400, Some(Code::InvalidCursor)) => EntriesPage::lost(frame, &filters),
                (422, Some(_)) => {
                    let errors = problem.map_or(&[][..], |problem| problem.errors.as_slice());
                    EntriesPage::refused(frame, &filters, errors)
                }
                _ => return Err(refusal.into()),
            };
            let error = Error::from(refusal);
            caller.audit().recorded();
            Ok(pages::guarded(Failure::new(error.code()).into_page(askama::Template::render(&page)?)))
        })
        .await
}

/// `GET /audit/{id}`: one entry.
pub(crate) async fn show_entry(
    caller: Caller<Anyone>,
    request: HttpRequest,
    id: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = Visit { caller: &caller, request: &request, state: &state };
    visit
        .show(async |visitor| {
            let path = format!("/api/audit/entries/{}", segment(&id));
            let person = visitor.on_behalf();
            let told = state.audit_log.get_json_for(caller.context(), &person, &path, SEARCH).await?;
            let entry: ProvedEntry = told?;
            pages::shown(&EntryShownPage::of(visit.frame(Some(visitor), Here::AuditEntry), entry))
        })
        .await
}
