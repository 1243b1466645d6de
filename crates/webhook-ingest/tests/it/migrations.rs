//! The two migration folders say the same.

#[tokio::test]
async fn both_databases_get_the_same_tables_and_lose_them_again() {
    test_kit::migrations::check(&webhook_ingest::MIGRATIONS).await;
}

#[tokio::test]
async fn the_spool_s_file_gets_its_tables_and_loses_them_again() {
    test_kit::migrations::check_sqlite_alone(&webhook_ingest::SPOOL_MIGRATIONS).await;
}
