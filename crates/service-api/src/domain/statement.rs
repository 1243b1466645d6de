//! A client's transactions as an answer shows them: in which currency each is, as far as is known now, and what those that count come
//! to. The currency is found out when it is read, so that it makes no difference whether account or transaction was told first.

use std::collections::BTreeMap;

use contract::events::FundType;
use contract::money::{Amount, Currency, Sum};
use contract::resources::{Total, TransactionKind, TransactionRecord};

use super::account::{Account, AccountField};
use super::account_view::meant;
use super::transaction::{Transaction, TransactionField};

/// What currencies are found out from.
#[derive(Debug, Clone)]
pub(crate) struct Currencies<'a> {
    /// The client's accounts, put together.
    pub(crate) accounts: &'a [Account],
    /// What it is where nobody says.
    pub(crate) default: &'a Currency,
}

impl Currencies<'_> {
    /// A transaction's currency, and whether it is only assumed: that of the account it names, where the platform did not say it, else
    /// the default.
    fn of(&self, said: Option<&str>, account_id: Option<&str>) -> (Currency, bool) {
        if let Some(said) = said.and_then(|code| code.parse().ok()) {
            return (said, false);
        }
        let account = meant(self.accounts, account_id);
        let accounts = account.and_then(|account| account.value(AccountField::Currency)?.parse().ok());
        (accounts.unwrap_or_else(|| self.default.clone()), true)
    }
}

/// One transaction. What can't be read back, though we wrote it, is absent rather than wrong.
pub(crate) fn record(transaction: &Transaction, currencies: &Currencies<'_>) -> TransactionRecord {
    let text = |field| transaction.value(field).map(str::to_owned);
    let [said, account_id] =
        [TransactionField::Currency, TransactionField::AccountId].map(|field| transaction.value(field));
    let (currency, currency_assumed) = currencies.of(said, account_id);
    let completed = transaction.value(TransactionField::CompletedAt).and_then(|at| at.parse().ok());
    TransactionRecord {
        id: transaction.id,
        transaction_id: transaction.transaction_id.clone(),
        kind: transaction.key.kind,
        state: transaction.state,
        amount: transaction.amount.clone(),
        currency,
        currency_assumed,
        account_id: text(TransactionField::AccountId),
        subaccount_id: text(TransactionField::SubaccountId),
        fund_type: fund_type(transaction),
        method: text(TransactionField::Method),
        fee: transaction.value(TransactionField::Fee).and_then(|fee| fee.parse::<Amount>().ok()),
        external_id: text(TransactionField::ExternalId),
        reason: text(TransactionField::Reason),
        event_id: transaction.event_id,
        completed_at: completed.unwrap_or(transaction.effective_at),
        created_at: transaction.created_at,
        updated_at: transaction.updated_at,
    }
}

/// What those of a client's transactions come to that count and have this in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: TransactionKind,
    pub(crate) fund_type: Option<FundType>,
    /// The currency, where the platform said it.
    pub(crate) currency: Option<String>,
    /// The account that they name.
    pub(crate) account_id: Option<String>,
    pub(crate) amount: Sum,
}

/// What all parts come to, by currency and kind of money.
pub(crate) fn totals(parts: &[Part], currencies: &Currencies<'_>) -> Vec<Total> {
    let mut sums: BTreeMap<(String, Option<&str>), Total> = BTreeMap::new();
    for Part { kind, fund_type, currency, account_id, amount } in parts {
        let (currency, _) = currencies.of(currency.as_deref(), account_id.as_deref());
        let key = (currency.as_str().to_owned(), fund_type.map(FundType::as_str));
        let total = sums.entry(key).or_insert_with(|| Total {
            currency,
            fund_type: *fund_type,
            deposits: Sum::zero(),
            withdrawals: Sum::zero(),
            net: Sum::zero(),
        });
        match kind {
            TransactionKind::Deposit => total.deposits.join(amount),
            TransactionKind::Withdrawal => total.withdrawals.join(amount),
        }
        total.net = total.deposits.less(&total.withdrawals);
    }
    sums.into_values().collect()
}

fn fund_type(transaction: &Transaction) -> Option<FundType> {
    transaction.value(TransactionField::FundType).and_then(FundType::parse)
}
