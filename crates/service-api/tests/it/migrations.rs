//! Both databases have the same tables, and every migration can be undone.

#[tokio::test]
async fn both_folders_make_the_same_tables() {
    test_kit::migrations::check(&service_api::MIGRATIONS).await;
}
