//! Deposits and withdrawals as rows, one for each variant of what was told under a key.

mod locking;
mod writing;

use std::collections::{BTreeMap, BTreeSet};

use contract::clock::Timestamp;
use contract::events::FundType;
use contract::ids::{ClientRef, EventId, TransactionRef};
use contract::money::{Amount, Sum};
use contract::resources::{TransactionKind, TransactionState};
use db::types::{Decimal, Uid, UtcTime};
use db::{Conn, DbResult, on_backend};
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;

use locking::lock_keys;
pub(crate) use locking::told_locked;
pub(crate) use writing::save;

use super::orders::Orders;
use super::schema::transactions;
use super::{end_of_page, stored, word};
use crate::domain::facts::{Fact, Facts};
use crate::domain::place::Place;
use crate::domain::statement::Part;
use crate::domain::transaction::{Transaction, TransactionField, TransactionKey};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = transactions, treat_none_as_default_value = false)]
struct Row {
    id: Uid,
    client: Uid,
    source: String,
    kind: String,
    key: String,
    variant: i32,
    state: String,
    transaction_id: Option<String>,
    event_id: Uid,
    amount: Decimal,
    currency: Option<String>,
    account_id: Option<String>,
    subaccount_id: Option<String>,
    fund_type: Option<String>,
    method: Option<String>,
    fee: Option<Decimal>,
    external_id: Option<String>,
    reason: Option<String>,
    completed_at: Option<UtcTime>,
    effective_at: UtcTime,
    field_orders: String,
    created_at: UtcTime,
    updated_at: UtcTime,
    version: i64,
}

impl Row {
    fn of(one: &Transaction) -> DbResult<Self> {
        let text = |field| one.value(field).map(str::to_owned);
        let fee: Option<Amount> = stored(one.value(TransactionField::Fee).map(str::parse).transpose())?;
        let completed = one.value(TransactionField::CompletedAt).map(Timestamp::parse_rfc3339);
        Ok(Self {
            id: Uid::of(one.id),
            client: Uid::of(one.client),
            source: one.key.source.clone(),
            kind: one.key.kind.as_str().to_owned(),
            key: one.key.key.clone(),
            variant: one.variant,
            state: one.state.as_str().to_owned(),
            transaction_id: one.transaction_id.clone(),
            event_id: Uid::of(one.event_id),
            amount: Decimal(one.amount.as_decimal().clone()),
            currency: text(TransactionField::Currency),
            account_id: text(TransactionField::AccountId),
            subaccount_id: text(TransactionField::SubaccountId),
            fund_type: text(TransactionField::FundType),
            method: text(TransactionField::Method),
            fee: fee.map(|fee| Decimal(fee.as_decimal().clone())),
            external_id: text(TransactionField::ExternalId),
            reason: text(TransactionField::Reason),
            completed_at: stored(completed.transpose())?.map(UtcTime::of),
            effective_at: UtcTime::of(one.effective_at),
            field_orders: stored(serde_json::to_string(&Orders::of(&one.facts)))?,
            created_at: UtcTime::of(one.created_at),
            updated_at: UtcTime::of(one.updated_at),
            version: one.version,
        })
    }

    fn into_transaction(self) -> DbResult<Transaction> {
        let orders: Orders<TransactionField> = stored(serde_json::from_str(&self.field_orders))?;
        let fee = stored(self.fee.map(|fee| Amount::from_decimal(&fee.0)).transpose())?;
        let values = [
            (TransactionField::Currency, self.currency),
            (TransactionField::AccountId, self.account_id),
            (TransactionField::SubaccountId, self.subaccount_id),
            (TransactionField::FundType, self.fund_type),
            (TransactionField::Method, self.method),
            (TransactionField::Fee, fee.map(|fee| fee.to_string())),
            (TransactionField::ExternalId, self.external_id),
            (TransactionField::Reason, self.reason),
            (TransactionField::CompletedAt, self.completed_at.map(|at| Timestamp::from(at.0).to_string())),
        ];
        let mut facts = Facts::new();
        for (field, value) in values {
            if let (Some(value), Some(order)) = (value, orders.of_field(field)) {
                facts.insert(field, Fact { value, order });
            }
        }
        let kind = word(TransactionKind::parse(&self.kind))?;
        Ok(Transaction {
            id: stored(TransactionRef::from_uuid(self.id.0))?,
            client: stored(ClientRef::from_uuid(self.client.0))?,
            key: TransactionKey { source: self.source, kind, key: self.key },
            variant: self.variant,
            state: word(TransactionState::parse(&self.state))?,
            transaction_id: self.transaction_id,
            event_id: stored(EventId::from_uuid(self.event_id.0))?,
            amount: stored(Amount::from_decimal(&self.amount.0))?,
            facts,
            effective_at: Timestamp::from(self.effective_at.0),
            created_at: Timestamp::from(self.created_at.0),
            updated_at: Timestamp::from(self.updated_at.0),
            version: self.version,
        })
    }
}

/// A client's transactions, newest first, from behind a place on: the time it took effect, and its id.
pub(crate) fn newest(
    conn: &mut Conn,
    client: ClientRef,
    after: Option<&Place>,
    rows: i64,
) -> DbResult<Vec<Transaction>> {
    let after = after.map(end_of_page::<TransactionRef>).transpose()?;
    let rows: Vec<Row> = on_backend!(conn, |c| {
        let mut query = transactions::table
            .filter(transactions::client.eq(Uid::of(client)))
            .order((transactions::effective_at.desc(), transactions::id.desc()))
            .limit(rows)
            .select(Row::as_select())
            .into_boxed();
        if let Some((time, id)) = after {
            let same = transactions::effective_at.eq(time).and(transactions::id.lt(id));
            query = query.filter(transactions::effective_at.lt(time).or(same));
        }
        query.load(c)
    })?;
    rows.into_iter().map(Row::into_transaction).collect()
}

/// What a transaction is added up by: kind, fund type, currency and account, as they are stored.
type Common = (String, Option<String>, Option<String>, Option<String>);

/// What a client's transactions that count come to, by what they have in common. Never more of them at once than one.
pub(crate) fn parts(conn: &mut Conn, client: ClientRef) -> DbResult<Vec<Part>> {
    let counting = transactions::table
        .filter(transactions::client.eq(Uid::of(client)))
        .filter(transactions::state.eq(TransactionState::Completed.as_str()));
    let common =
        (transactions::kind, transactions::fund_type, transactions::currency, transactions::account_id);
    let mut sums: BTreeMap<Common, Sum> = BTreeMap::new();
    match conn {
        Conn::Postgres(c) => {
            let sums_of =
                counting.group_by(common).select((common, sql::<Text>("cast(sum(amount) as text)")));
            for (common, sum) in sums_of.load::<(Common, String)>(c)? {
                sums.insert(common, stored(sum.parse())?);
            }
        }
        // SQLite has no exact sums.
        Conn::Sqlite(c) => {
            let rows = counting
                .select((common, transactions::amount))
                .load_iter::<(Common, Decimal), DefaultLoadingMode>(c)?;
            for row in rows {
                let (common, amount) = row?;
                sums.entry(common).or_insert_with(Sum::zero).add(&stored(Amount::from_decimal(&amount.0))?);
            }
        }
    }
    let part = |((kind, fund_type, currency, account_id), amount): (Common, Sum)| -> DbResult<Part> {
        let kind = word(TransactionKind::parse(&kind))?;
        let fund_type = fund_type.as_deref().and_then(FundType::parse);
        Ok(Part { kind, fund_type, currency, account_id, amount })
    };
    sums.into_iter().map(part).collect()
}

/// The first so many variants under a key, as they stand: to look at, not to change.
pub(crate) fn of_key(conn: &mut Conn, key: &TransactionKey, most: i64) -> DbResult<Vec<Transaction>> {
    let rows: Vec<Row> = on_backend!(conn, |c| transactions::table
        .filter(transactions::source.eq(&key.source))
        .filter(transactions::kind.eq(key.kind.as_str()))
        .filter(transactions::key.eq(&key.key))
        .order(transactions::variant)
        .limit(most)
        .select(Row::as_select())
        .load(c))?;
    rows.into_iter().map(Row::into_transaction).collect()
}

/// The transaction with this id, its row and its key ours to the end of the transaction.
pub(crate) fn locked(conn: &mut Conn, id: TransactionRef) -> DbResult<Option<Transaction>> {
    let this = || transactions::table.find(Uid::of(id));
    let row: Option<Row> = on_backend!(conn, |c| this().select(Row::as_select()).first(c).optional())?;
    let Some(one) = row.map(Row::into_transaction).transpose()? else { return Ok(None) };
    lock_keys(conn, &one.key.source, one.key.kind, &BTreeSet::from([one.key.key]))?;
    let row: Option<Row> = match conn {
        Conn::Postgres(c) => this().for_update().select(Row::as_select()).first(c).optional()?,
        // SQLite's one writer is us.
        Conn::Sqlite(c) => this().select(Row::as_select()).first(c).optional()?,
    };
    row.map(Row::into_transaction).transpose()
}

/// Rejects all others under the key of this one, however many there are. Answers whose they all are.
pub(crate) fn reject_others(
    conn: &mut Conn,
    accepted: &Transaction,
    now: Timestamp,
) -> DbResult<BTreeSet<ClientRef>> {
    let Transaction { id, key, .. } = accepted;
    let under = || {
        transactions::table
            .filter(transactions::source.eq(&key.source))
            .filter(transactions::kind.eq(key.kind.as_str()))
            .filter(transactions::key.eq(&key.key))
    };
    let others = || under().filter(transactions::id.ne(Uid::of(*id)));
    on_backend!(conn, |c| diesel::update(others())
        .set((
            transactions::state.eq(TransactionState::Rejected.as_str()),
            transactions::updated_at.eq(UtcTime::of(now)),
            transactions::version.eq(transactions::version + 1),
        ))
        .execute(c))?;
    let clients: Vec<Uid> = on_backend!(conn, |c| under().select(transactions::client).distinct().load(c))?;
    clients.iter().map(|client| stored(ClientRef::from_uuid(client.0))).collect()
}

/// Puts all variants under these keys in conflict, however many there are.
pub(crate) fn put_in_conflict(conn: &mut Conn, keys: &[TransactionKey], now: Timestamp) -> DbResult<()> {
    let conflict = TransactionState::Conflict.as_str();
    for key in keys {
        on_backend!(conn, |c| diesel::update(
            transactions::table
                .filter(transactions::source.eq(&key.source))
                .filter(transactions::kind.eq(key.kind.as_str()))
                .filter(transactions::key.eq(&key.key))
                .filter(transactions::state.ne(conflict))
        )
        .set((
            transactions::state.eq(conflict),
            transactions::updated_at.eq(UtcTime::of(now)),
            transactions::version.eq(transactions::version + 1),
        ))
        .execute(c))?;
    }
    Ok(())
}
