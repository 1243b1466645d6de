//! The identity check.

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use contract::resources::KycRecord;
use http_kit::caller::Caller;
use http_kit::problem::Failure;

use super::{changes, whom};
use crate::db::changes as rows;
use crate::domain::bodies::{self, Body};
use crate::domain::precondition::{IfMatch, tag};
use crate::error::Error;
use crate::state::State;

/// `PATCH /api/service/clients/{email}/kyc` and `PATCH /api/clients/{id}/kyc`.
pub(crate) async fn change_kyc<S>(
    caller: Caller<S>,
    request: HttpRequest,
    state: Data<State>,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let record = whom::named(&caller, &request, &state).await?;
    let Body { said, ignored, .. } = bodies::kyc_change(&body, &state.kyc_words).map_err(Error::Body)?;
    let condition = IfMatch::read(request.headers().get_all(IF_MATCH).map(|line| line.as_bytes()));
    let change = changes::of(&caller, &state, record.id);
    let work = move |conn: &mut db::Conn| rows::set_kyc(conn, &change, &said, condition.as_ref());
    let (record, before) = changes::made(&caller, &state, state.database.write(work).await)?;
    let tag = tag(&record);
    let answer = KycRecord {
        client_id: record.client_id,
        email: record.email,
        kyc_status: record.kyc_status,
        previous_kyc_status: before,
        kyc_notes: record.kyc_notes,
        kyc_updated_at: record.kyc_updated_at,
        version: record.version,
        ignored_fields: ignored,
    };
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(answer))
}
