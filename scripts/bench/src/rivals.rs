//! What ours is held against: the bare route that only verifies (the ceiling), Express with pg, and nginx as the proxy.

use std::path::Path;
use std::process::Command;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use auth::keyring::KeyRing;
use auth::secret::Secret;

use crate::error::Error;
use crate::postgres::Postgres;
use crate::process::{Process, free_port};
use crate::requests::{SERVICE_API_TOKEN, WEBHOOK_SECRET};

/// How Express commits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Commits {
    /// Inbox, client and audit row each on its own.
    Three,
    /// All by one careful statement.
    One,
}

/// Express over a schema of its own.
pub(crate) fn express(
    modules: &Path,
    commits: Commits,
    postgres: &Postgres,
    folder: &Path,
) -> Result<Process, Error> {
    let port = free_port()?;
    let mut node = Command::new("node");
    node.arg(modules.join("server.js"))
        .env("NODE_ENV", "production")
        .env("PORT", port.to_string())
        .env("PGHOST", postgres.host())
        .env("WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("SERVICE_API_TOKEN", SERVICE_API_TOKEN)
        .env(
            "BENCH_COMMITS",
            match commits {
                Commits::Three => "three",
                Commits::One => "one",
            },
        );
    Process::start("express", &mut node, port, folder)
}

/// nginx in front of what listens on `behind`.
pub(crate) fn nginx(behind: u16, folder: &Path) -> Result<Process, Error> {
    let port = free_port()?;
    let conf = include_str!("../nginx.conf")
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@BEHIND@", &behind.to_string())
        .replace("@PORT@", &port.to_string());
    let path = folder.join("nginx.conf");
    std::fs::write(&path, conf)?;
    let mut nginx = Command::new("nginx");
    Process::start("nginx", nginx.arg("-c").arg(&path).arg("-p").arg(folder), port, folder)
}

/// This program once more, as the ceiling.
pub(crate) fn ceiling(folder: &Path) -> Result<Process, Error> {
    let port = free_port()?;
    let mut this = Command::new(std::env::current_exe()?);
    Process::start("ceiling", this.args(["ceiling", "--port", &port.to_string()]), port, folder)
}

/// Serves the route that only verifies, on as many workers as our services have.
pub(crate) fn serve_ceiling(port: u16) -> std::io::Result<()> {
    let serve = async {
        let ring = web::Data::new(KeyRing::new(Secret::new(WEBHOOK_SECRET), Vec::new()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(ring.clone())
                .service(web::resource("/api/webhooks/site").route(web::post().to(verify_webhook)))
        });
        server.workers(2).bind(("127.0.0.1", port))?.run().await
    };
    actix_web::rt::System::new().block_on(serve)
}

async fn verify_webhook(ring: web::Data<KeyRing>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let signatures = request.headers().get_all("x-webhook-signature").map(|value| value.as_bytes());
    match auth::webhook::verify(&ring, signatures, body) {
        Ok(_) => HttpResponse::Ok().content_type("application/json").body(r#"{"status":"accepted"}"#),
        Err(_) => {
            HttpResponse::Unauthorized().content_type("application/json").body(r#"{"status":"refused"}"#)
        }
    }
}
