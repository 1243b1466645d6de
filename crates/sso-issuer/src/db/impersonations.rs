//! Tokens that were made, without the tokens.

use contract::clock::Timestamp;
use contract::ids::TokenId;
use db::types::UtcTime;
use db::{Conn, DbResult, on_backend};
use diesel::prelude::*;

use super::schema::impersonations;
use super::{stored, timestamp};
use crate::domain::impersonation::Impersonation;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = impersonations, treat_none_as_default_value = false)]
struct Row {
    id: String,
    client: String,
    client_id: Option<String>,
    source: String,
    staff_id: String,
    staff_email: String,
    reason: Option<String>,
    token_sha256: Vec<u8>,
    issued_at: UtcTime,
    expires_at: UtcTime,
    activity_sent_at: Option<UtcTime>,
}

impl Row {
    fn into_impersonation(self) -> DbResult<Impersonation> {
        Ok(Impersonation {
            id: stored(self.id.parse())?,
            client: stored(self.client.parse())?,
            client_id: self.client_id,
            source: self.source,
            staff_id: self.staff_id,
            staff_email: self.staff_email,
            reason: self.reason,
            issued_at: timestamp(self.issued_at),
            expires_at: timestamp(self.expires_at),
        })
    }
}

/// Adds one that is being made.
pub(crate) fn add(conn: &mut Conn, made: &Impersonation, token_sha256: [u8; 32]) -> DbResult<()> {
    let row = Row {
        id: made.id.to_string(),
        client: made.client.to_string(),
        client_id: made.client_id.clone(),
        source: made.source.clone(),
        staff_id: made.staff_id.clone(),
        staff_email: made.staff_email.clone(),
        reason: made.reason.clone(),
        token_sha256: token_sha256.to_vec(),
        issued_at: UtcTime::of(made.issued_at),
        expires_at: UtcTime::of(made.expires_at),
        activity_sent_at: None,
    };
    on_backend!(conn, |c| diesel::insert_into(impersonations::table).values(&row).execute(c))?;
    Ok(())
}

/// Those before `before`, newest first.
pub(crate) fn page(conn: &mut Conn, before: Option<TokenId>, limit: i64) -> DbResult<Vec<Impersonation>> {
    let before = before.map(|id| id.to_string());
    let rows: Vec<Row> = on_backend!(conn, |c| {
        let mut query = impersonations::table.select(Row::as_select()).into_boxed();
        if let Some(before) = &before {
            query = query.filter(impersonations::id.lt(before));
        }
        query.order(impersonations::id.desc()).limit(limit).load(c)
    })?;
    rows.into_iter().map(Row::into_impersonation).collect()
}

/// Those that service-api has not acknowledged, oldest first.
pub(crate) fn unsent(conn: &mut Conn, limit: i64) -> DbResult<Vec<Impersonation>> {
    let rows: Vec<Row> = on_backend!(conn, |c| impersonations::table
        .filter(impersonations::activity_sent_at.is_null())
        .order(impersonations::id)
        .limit(limit)
        .select(Row::as_select())
        .load(c))?;
    rows.into_iter().map(Row::into_impersonation).collect()
}

/// Notes that service-api has these.
pub(crate) fn mark_sent(conn: &mut Conn, ids: &[TokenId], now: Timestamp) -> DbResult<()> {
    let ids: Vec<String> = ids.iter().map(TokenId::to_string).collect();
    on_backend!(conn, |c| diesel::update(impersonations::table.filter(impersonations::id.eq_any(&ids)))
        .set(impersonations::activity_sent_at.eq(UtcTime::of(now)))
        .execute(c))?;
    Ok(())
}
