-- Of a key's variants those with an amount, without looking at the others.
create index transactions_told on transactions (source, kind, key, amount);
