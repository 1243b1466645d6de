//! A listener for metrics alone, beside a door that the outside has: `METRICS_ADDRESS`.

use std::io;
use std::net::{SocketAddr, TcpListener};

use actix_web::{App, HttpServer, web};

use super::{Metrics, PATH, answer, merged};
use crate::server::Shutdown;
use crate::service::StartError;

/// An address that is listened on, and serves nothing but `GET /metrics`.
#[derive(Debug)]
pub struct MetricsListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl MetricsListener {
    /// Listens on this address; port 0 takes a free one.
    ///
    /// # Errors
    /// [`StartError::Metrics`] when that can't be.
    pub fn bind(address: &str) -> Result<Self, StartError> {
        let bound = TcpListener::bind(address).and_then(|listener| {
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        });
        bound.map_err(|cause| StartError::Metrics { address: address.to_owned(), cause })
    }

    /// Serves the metrics of all these services until told to stop.
    pub async fn serve(self, all: Vec<Metrics>, shutdown: Shutdown) {
        if let Err(error) = self.serving(all, shutdown).await {
            tracing::error!(%error, "metrics are no longer served");
        }
    }

    async fn serving(self, all: Vec<Metrics>, shutdown: Shutdown) -> io::Result<()> {
        let all = web::Data::new(all);
        let app = move || App::new().app_data(all.clone()).route(PATH, web::get().to(read_all));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(self.listener)?.run();
        let handle = server.handle();
        let mut serving = tokio::spawn(server);
        tracing::info!(address = %self.address, "metrics are served");
        tokio::select! {
            ended = &mut serving => return ended.map_err(io::Error::other)?,
            () = shutdown.requested() => handle.stop(true).await,
        }
        serving.await.map_err(io::Error::other)?
    }
}

async fn read_all(all: web::Data<Vec<Metrics>>) -> actix_web::HttpResponse {
    answer(merged(&all).await)
}
