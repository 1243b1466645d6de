//! The URL table: who may, and what the trail says.

#[test]
fn the_table_is_what_it_is_meant_to_be() {
    let table = webhook_ingest::routes::table();
    let lines: Vec<String> = table.iter().map(|route| format!("{route:?}")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
