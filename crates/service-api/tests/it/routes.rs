//! The URL table, as a list to be read when it changes.

#[test]
fn every_route_says_who_may_and_what_the_trail_says() {
    let table = service_api::routes::table();
    let lines: Vec<String> = table.iter().map(|route| format!("{route:?}")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
