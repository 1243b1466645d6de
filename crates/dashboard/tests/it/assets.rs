//! Style sheet, script and icon.

use crate::world::World;

#[actix_web::test]
async fn what_a_page_names_is_there_and_may_be_kept_for_ever() {
    let world = World::start().await;
    let html = world.get("/login").await.text().await.expect("a page");
    let named: Vec<_> = html.split('"').filter(|text| text.starts_with("/assets/")).collect();
    for (extension, kind) in [(".css", "text/css"), (".js", "text/javascript"), (".svg", "image/svg+xml")] {
        let path = named.iter().find(|path| path.ends_with(extension)).expect("named");
        let answer = world.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.headers()["content-type"].to_str().expect("text").starts_with(kind));
        assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        // A page of another version names another digest: it is served, and not kept.
        let (stem, _) = path.rsplit_once('-').expect("a digest");
        let other = world.get(&format!("{stem}-0123456789abcdef{extension}")).await;
        assert_eq!(
            (other.status().as_u16(), &other.headers()["cache-control"]),
            (200, &"no-cache".parse().expect("a value"))
        );
    }
    assert_eq!(world.get("/assets/none.css").await.status(), 404);
    assert_eq!(world.get("/assets/..%2f..%2fCargo.toml").await.status(), 400);
}

/// No inline script or style, nothing from elsewhere: the policy would stop it, and the page must not need it.
#[actix_web::test]
async fn pages_need_nothing_that_their_policy_forbids() {
    let world = World::start().await;
    world.trail(serde_json::json!({ "entries": [], "nextCursor": null })).await;
    for page in
        [world.get("/login").await, world.get_as("a.b.c", "/audit").await, world.get("/audit/a/b").await]
    {
        let html = page.text().await.expect("a page");
        for forbidden in ["<style", "style=\"", "onclick", "onload", "http://", "https://", "javascript:"] {
            assert!(!html.contains(forbidden), "{forbidden} in {html}");
        }
        assert_eq!(html.matches("<script").count(), html.matches("<script src=\"/assets/").count());
    }
}
