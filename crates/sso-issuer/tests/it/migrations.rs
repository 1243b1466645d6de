//! The two migration folders say the same.

#[tokio::test]
async fn both_databases_get_the_same_tables_and_lose_them_again() {
    test_kit::migrations::check(&sso_issuer::MIGRATIONS).await;
}
