//! What happened to clients.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use contract::internal::{RecordImpersonations, RecordedImpersonations, SSO_ISSUER};
use contract::resources::ActivityPage;
use http_kit::caller::{Caller, Internal};
use http_kit::problem::Failure;

use super::lists::Asked;
use super::{internal, whom};
use crate::db::{activities, changes};
use crate::domain::listing::{OF_ACTIVITIES, OF_ACTIVITIES_FROZEN};
use crate::domain::place::Page;
use crate::error::Error;
use crate::state::State;

/// `GET /api/service/clients/{email}/activity` and `GET /api/clients/{id}/activity`: newest first.
pub(crate) async fn list_activities<S>(
    caller: Caller<S>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Failure> {
    let filters = if whom::by_staff(&caller) { OF_ACTIVITIES } else { OF_ACTIVITIES_FROZEN };
    let (shared, query) = (state.clone(), request.query_string().to_owned());
    let read = whom::reading(&caller, &request, &state, move |conn, record| {
        let asked = Asked::read(&shared, "activity", Some(record.id), &query, filters)?;
        let Asked { listing, after, .. } = &asked;
        let rows =
            activities::newest(conn, record.id, listing.activity_type, after.as_ref(), listing.rows())?;
        let page = Page::of(rows, listing.limit, activities::place);
        Ok((asked, page))
    });
    let (asked, page) = read.await?;
    let next_cursor = asked.cursor(&state, page.next.as_ref());
    let answer = ActivityPage { activities: page.items, next_cursor };
    Ok(asked.answer(&request, &answer, answer.next_cursor.as_deref()))
}

/// `POST /internal/clients/activities`: tokens that sso-issuer made. Told again, they are the same activities.
pub(crate) async fn record_impersonations(
    caller: Caller<Internal>,
    state: Data<State>,
    body: Json<RecordImpersonations>,
) -> Result<Json<RecordedImpersonations>, Failure> {
    internal::only(&caller, SSO_ISSUER)?;
    let told = body.into_inner().activities;
    let recorded = state.database.write(move |conn| changes::record_impersonations(conn, &told)).await;
    let recorded = u64::try_from(recorded.map_err(Error::Database)?).unwrap_or(u64::MAX);
    Ok(Json(RecordedImpersonations { recorded }))
}
