//! The migrations.

#[tokio::test]
async fn both_engines_have_the_same_tables_and_each_migration_can_be_undone() {
    test_kit::migrations::check(&audit_log::MIGRATIONS).await;
}
