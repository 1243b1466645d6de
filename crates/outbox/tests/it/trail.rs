//! A small audit-log: takes each id once, and can be told to misbehave.

use actix_web::{App, HttpResponse, HttpServer, web};
use auth::keyring::KeyRing;
use auth::random::Random;
use auth::secret::Secret;
use contract::audit::Sealed;
use contract::clock::Clock;
use contract::internal::{AppendEntries, AppendedEntries};
use http_kit::client::{InternalClient, InternalTokens};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    #[default]
    Well,
    /// 503, and nothing taken.
    Away,
    /// Takes the entries, and answers 500.
    Forgetful,
    /// 422 for a batch in which one of these ids is.
    Choosy(Vec<String>),
}

#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub(crate) manner: Manner,
    pub(crate) entries: BTreeMap<String, Sealed>,
    /// The size of each call that was answered well.
    pub(crate) calls: Vec<usize>,
    /// Calls that were told that it is away.
    pub(crate) turned_away: usize,
    /// Calls at this moment, and at most so far.
    at_once: usize,
    pub(crate) most_at_once: usize,
    /// Entries that were there already.
    pub(crate) repeated: u64,
}

#[derive(Clone)]
pub(crate) struct AuditLog {
    trail: Arc<Mutex<Trail>>,
    pub(crate) address: SocketAddr,
}

impl AuditLog {
    pub(crate) fn start() -> Self {
        let trail = Arc::new(Mutex::new(Trail::default()));
        let shared = web::Data::from(Arc::clone(&trail));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::JsonConfig::default().limit(4 * 1024 * 1024))
                .route("/internal/entries", web::post().to(append))
        })
        .workers(2)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let address = server.addrs()[0];
        tokio::spawn(server.run());
        Self { trail, address }
    }

    pub(crate) fn trail(&self) -> MutexGuard<'_, Trail> {
        self.trail.lock().unwrap()
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.trail().manner = manner;
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.trail().entries.keys().cloned().collect()
    }

    pub(crate) fn client(&self, clock: &Clock) -> InternalClient {
        let ring = KeyRing::new(Secret::generate(&Random::seeded(1)), Vec::new());
        let tokens = InternalTokens::new("service-api", "audit-log", ring, clock.clone());
        InternalClient::new("AUDIT_LOG_URL", &format!("http://{}", self.address), tokens).unwrap()
    }
}

async fn append(trail: web::Data<Mutex<Trail>>, body: web::Json<AppendEntries>) -> HttpResponse {
    {
        let mut trail = trail.lock().unwrap();
        trail.at_once += 1;
        trail.most_at_once = trail.most_at_once.max(trail.at_once);
    }
    // So that calls of two shippers would meet here.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let mut trail = trail.lock().unwrap();
    trail.at_once -= 1;
    let entries = body.into_inner().entries;
    match trail.manner.clone() {
        Manner::Away => {
            trail.turned_away += 1;
            HttpResponse::ServiceUnavailable().finish()
        }
        Manner::Choosy(ids) if entries.iter().any(|entry| ids.contains(&entry.id.to_string())) => {
            HttpResponse::UnprocessableEntity().finish()
        }
        Manner::Forgetful => {
            take(&mut trail, entries);
            HttpResponse::InternalServerError().finish()
        }
        Manner::Well | Manner::Choosy(_) => {
            trail.calls.push(entries.len());
            HttpResponse::Ok().json(take(&mut trail, entries))
        }
    }
}

fn take(trail: &mut Trail, entries: Vec<Sealed>) -> AppendedEntries {
    let mut told = AppendedEntries::default();
    for entry in entries {
        match trail.entries.insert(entry.id.to_string(), entry) {
            None => told.appended += 1,
            Some(_) => told.already_there += 1,
        }
    }
    trail.repeated += told.already_there;
    told
}
