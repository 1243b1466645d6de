drop index transactions_told;
