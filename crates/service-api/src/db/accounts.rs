//! Trading accounts as rows.

use std::collections::BTreeSet;

use contract::clock::Timestamp;
use contract::events::Leverage;
use contract::ids::{AccountRef, ClientRef};
use contract::money::Amount;
use db::types::{Decimal, Uid, UtcTime};
use db::{Conn, DbResult, on_backend};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel::upsert::excluded;

use super::orders::Orders;
use super::schema::accounts;
use super::{CHUNK, stored};
use crate::domain::account::{Account, AccountField, AccountKey};
use crate::domain::facts::{Fact, Facts};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, treat_none_as_default_value = false)]
struct Row {
    id: Uid,
    client: Uid,
    source: String,
    server: String,
    account_id: String,
    parent_account_id: Option<String>,
    login: Option<String>,
    platform: Option<String>,
    account_type: Option<String>,
    account_group: Option<String>,
    name: Option<String>,
    currency: Option<String>,
    leverage: Option<i64>,
    leverage_text: Option<String>,
    balance: Option<Decimal>,
    equity: Option<Decimal>,
    credit: Option<Decimal>,
    margin: Option<Decimal>,
    free_margin: Option<Decimal>,
    margin_level: Option<Decimal>,
    status: Option<String>,
    opened_at: Option<UtcTime>,
    field_orders: String,
    created_at: UtcTime,
    updated_at: UtcTime,
    version: i64,
}

impl Row {
    fn of(account: &Account) -> DbResult<Self> {
        let text = |field| account.value(field).map(str::to_owned);
        let amount = |field| -> DbResult<Option<Decimal>> {
            let amount: Option<Amount> = stored(account.value(field).map(str::parse).transpose())?;
            Ok(amount.map(|amount| Decimal(amount.as_decimal().clone())))
        };
        let leverage = account.value(AccountField::Leverage).and_then(Leverage::of_text);
        let opened = account.value(AccountField::CreatedAt).map(Timestamp::parse_rfc3339);
        Ok(Self {
            id: Uid::of(account.id),
            client: Uid::of(account.client),
            source: account.source.clone(),
            server: account.server.clone(),
            account_id: account.account_id.clone(),
            parent_account_id: text(AccountField::ParentAccountId),
            login: text(AccountField::Login),
            platform: text(AccountField::Platform),
            account_type: text(AccountField::Type),
            account_group: text(AccountField::Group),
            name: text(AccountField::Name),
            currency: text(AccountField::Currency),
            leverage: leverage.and_then(|leverage| leverage.ratio).map(i64::from),
            leverage_text: text(AccountField::Leverage),
            balance: amount(AccountField::Balance)?,
            equity: amount(AccountField::Equity)?,
            credit: amount(AccountField::Credit)?,
            margin: amount(AccountField::Margin)?,
            free_margin: amount(AccountField::FreeMargin)?,
            margin_level: amount(AccountField::MarginLevel)?,
            status: text(AccountField::Status),
            opened_at: stored(opened.transpose())?.map(UtcTime::of),
            field_orders: stored(serde_json::to_string(&Orders::of(&account.facts)))?,
            created_at: UtcTime::of(account.created_at),
            updated_at: UtcTime::of(account.updated_at),
            version: account.version,
        })
    }

    fn into_account(self) -> DbResult<Account> {
        let orders: Orders<AccountField> = stored(serde_json::from_str(&self.field_orders))?;
        let amount = |value: Option<Decimal>| -> DbResult<Option<String>> {
            let plain =
                |value: Decimal| stored(Amount::from_decimal(&value.0)).map(|amount| amount.to_string());
            value.map(plain).transpose()
        };
        let opened = self.opened_at.map(|at| Timestamp::from(at.0).to_string());
        let values = [
            (AccountField::ParentAccountId, self.parent_account_id),
            (AccountField::Login, self.login),
            (AccountField::Platform, self.platform),
            (AccountField::Type, self.account_type),
            (AccountField::Group, self.account_group),
            (AccountField::Name, self.name),
            (AccountField::Currency, self.currency),
            (AccountField::Leverage, self.leverage_text),
            (AccountField::Balance, amount(self.balance)?),
            (AccountField::Equity, amount(self.equity)?),
            (AccountField::Credit, amount(self.credit)?),
            (AccountField::Margin, amount(self.margin)?),
            (AccountField::FreeMargin, amount(self.free_margin)?),
            (AccountField::MarginLevel, amount(self.margin_level)?),
            (AccountField::Status, self.status),
            (AccountField::CreatedAt, opened),
        ];
        let mut facts = Facts::new();
        for (field, value) in values {
            if let (Some(value), Some(order)) = (value, orders.of_field(field)) {
                facts.insert(field, Fact { value, order });
            }
        }
        Ok(Account {
            id: stored(AccountRef::from_uuid(self.id.0))?,
            client: stored(ClientRef::from_uuid(self.client.0))?,
            source: self.source,
            server: self.server,
            account_id: self.account_id,
            facts,
            created_at: Timestamp::from(self.created_at.0),
            updated_at: Timestamp::from(self.updated_at.0),
            version: self.version,
        })
    }
}

/// All of a client's accounts.
pub(crate) fn of_client(conn: &mut Conn, client: ClientRef) -> DbResult<Vec<Account>> {
    let rows: Vec<Row> = on_backend!(conn, |c| accounts::table
        .filter(accounts::client.eq(Uid::of(client)))
        .order(accounts::id)
        .select(Row::as_select())
        .load(c))?;
    rows.into_iter().map(Row::into_account).collect()
}

/// The account with this key, as it stands: to look at, not to change.
pub(crate) fn find(conn: &mut Conn, key: &AccountKey) -> DbResult<Option<Account>> {
    let AccountKey { source, server, account_id, nameless_of } = key;
    let row: Option<Row> = on_backend!(conn, |c| {
        let query = accounts::table.filter(accounts::server.eq(server)).select(Row::as_select()).into_boxed();
        // As literals: neither database uses a partial index for a bound value.
        let query = match nameless_of {
            Some(client) => {
                query.filter(accounts::client.eq(Uid::of(*client))).filter(sql::<Bool>("account_id = ''"))
            }
            None => query
                .filter(accounts::source.eq(source))
                .filter(accounts::account_id.eq(account_id))
                .filter(sql::<Bool>("account_id <> ''")),
        };
        query.first(c).optional()
    })?;
    row.map(Row::into_account).transpose()
}

/// The accounts with these names of one source, their rows ours to the end of the transaction, locked in the order of their ids.
pub(crate) fn named_locked(conn: &mut Conn, source: &str, keys: &[&AccountKey]) -> DbResult<Vec<Account>> {
    let ids: BTreeSet<&str> = keys.iter().map(|key| key.account_id.as_str()).collect();
    let servers: BTreeSet<&str> = keys.iter().map(|key| key.server.as_str()).collect();
    let query = accounts::table
        .filter(accounts::source.eq(source))
        .filter(accounts::server.eq_any(servers))
        .filter(accounts::account_id.eq_any(ids))
        // As a literal: neither database uses a partial index for a bound value.
        .filter(sql::<Bool>("account_id <> ''"))
        .order(accounts::id);
    let rows: Vec<Row> = match conn {
        Conn::Postgres(c) => query.for_update().select(Row::as_select()).load(c)?,
        // SQLite's one writer is us.
        Conn::Sqlite(c) => query.select(Row::as_select()).load(c)?,
    };
    rows.into_iter().map(Row::into_account).collect()
}

/// The nameless accounts of these clients, locked as above.
pub(crate) fn nameless_locked(conn: &mut Conn, clients: &[Uid]) -> DbResult<Vec<Account>> {
    let query = accounts::table
        .filter(accounts::client.eq_any(clients))
        .filter(sql::<Bool>("account_id = ''"))
        .order(accounts::id);
    let rows: Vec<Row> = match conn {
        Conn::Postgres(c) => query.for_update().select(Row::as_select()).load(c)?,
        Conn::Sqlite(c) => query.select(Row::as_select()).load(c)?,
    };
    rows.into_iter().map(Row::into_account).collect()
}

/// The accounts of these clients that have this name, or are parts of one that has, locked as above.
pub(crate) fn of_name_locked(
    conn: &mut Conn,
    clients: &[ClientRef],
    account_id: &str,
) -> DbResult<Vec<Account>> {
    let clients: Vec<Uid> = clients.iter().copied().map(Uid::of).collect();
    let query = accounts::table
        .filter(accounts::client.eq_any(clients))
        .filter(sql::<Bool>("account_id <> ''"))
        .filter(
            accounts::account_id
                .eq(account_id)
                .or(accounts::parent_account_id.assume_not_null().eq(account_id)),
        )
        .order(accounts::id);
    let rows: Vec<Row> = match conn {
        Conn::Postgres(c) => query.for_update().select(Row::as_select()).load(c)?,
        Conn::Sqlite(c) => query.select(Row::as_select()).load(c)?,
    };
    rows.into_iter().map(Row::into_account).collect()
}

/// Writes these accounts as they are now, in the order given.
pub(crate) fn save(conn: &mut Conn, changed: &[Account]) -> DbResult<()> {
    let rows = changed.iter().map(Row::of).collect::<DbResult<Vec<_>>>()?;
    for rows in rows.chunks(CHUNK) {
        on_backend!(conn, |c| diesel::insert_into(accounts::table)
            .values(rows)
            .on_conflict(accounts::id)
            .do_update()
            .set((
                accounts::client.eq(excluded(accounts::client)),
                accounts::parent_account_id.eq(excluded(accounts::parent_account_id)),
                accounts::login.eq(excluded(accounts::login)),
                accounts::platform.eq(excluded(accounts::platform)),
                accounts::account_type.eq(excluded(accounts::account_type)),
                accounts::account_group.eq(excluded(accounts::account_group)),
                accounts::name.eq(excluded(accounts::name)),
                accounts::currency.eq(excluded(accounts::currency)),
                accounts::leverage.eq(excluded(accounts::leverage)),
                accounts::leverage_text.eq(excluded(accounts::leverage_text)),
                accounts::balance.eq(excluded(accounts::balance)),
                accounts::equity.eq(excluded(accounts::equity)),
                accounts::credit.eq(excluded(accounts::credit)),
                accounts::margin.eq(excluded(accounts::margin)),
                accounts::free_margin.eq(excluded(accounts::free_margin)),
                accounts::margin_level.eq(excluded(accounts::margin_level)),
                accounts::status.eq(excluded(accounts::status)),
                accounts::opened_at.eq(excluded(accounts::opened_at)),
                accounts::field_orders.eq(excluded(accounts::field_orders)),
                accounts::updated_at.eq(excluded(accounts::updated_at)),
                accounts::version.eq(excluded(accounts::version)),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// Removes accounts whose statements went to another.
pub(crate) fn remove(conn: &mut Conn, gone: &[AccountRef]) -> DbResult<()> {
    let ids: Vec<Uid> = gone.iter().copied().map(Uid::of).collect();
    for ids in ids.chunks(CHUNK) {
        on_backend!(conn, |c| diesel::delete(accounts::table.filter(accounts::id.eq_any(ids))).execute(c))?;
    }
    Ok(())
}
