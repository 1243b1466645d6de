//! A service behind: its name, where it listens, and the token it is shown. No connection is kept here: see the pool.

use std::sync::atomic::{AtomicU64, Ordering};

use auth::keyring::KeyRing;
use contract::clock::Clock;
use http::{HeaderValue, Uri};
use http_kit::client::InternalTokens;

/// Tells the upstreams of a process apart, so that two gateways in it never share a connection.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A service behind the gateway.
pub(crate) struct Upstream {
    id: u64,
    name: &'static str,
    host: String,
    port: u16,
    authority: HeaderValue,
    tokens: InternalTokens,
}

/// A URL that names no service behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form http://host:port")]
pub(crate) struct BadUpstream;

impl Upstream {
    /// Reads `http://host[:port]`, with at most a slash behind. `name` is the service's own name, the `aud` of tokens for it.
    ///
    /// # Errors
    /// [`BadUpstream`] for anything else: the hop speaks plain HTTP, and passes paths on as they come.
    pub(crate) fn new(
        name: &'static str,
        url: &str,
        ring: KeyRing,
        clock: Clock,
    ) -> Result<Self, BadUpstream> {
        let uri: Uri = url.parse().map_err(|_| BadUpstream)?;
        let authority = uri.authority().ok_or(BadUpstream)?;
        let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
        // The library takes a port that is no number for none at all.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => 80,
            rest => rest.and_then(|rest| rest.strip_prefix(':')?.parse().ok()).ok_or(BadUpstream)?,
        };
        if !plain || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(BadUpstream);
        }
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            name,
            // A literal IPv6 address stands in brackets in a URL alone.
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port,
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| BadUpstream)?,
            tokens: InternalTokens::new(crate::NAME, name, ring, clock),
        })
    }

    /// The service's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// A number of its own in this process.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Where it listens, as name or address and port.
    pub(super) fn socket(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What a request without `Host` (HTTP/1.0) gets.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// The internal token to show now.
    pub(crate) fn token(&self) -> String {
        self.tokens.current()
    }
}

#[cfg(test)]
mod tests {
    use auth::keyring::KeyRing;
    use auth::secret::Secret;
    use contract::clock::Clock;

    use super::{BadUpstream, Upstream};

    fn read(url: &str) -> Result<Upstream, BadUpstream> {
        let secret = Secret::new("test-internal-secret-test-internal-secret-test-internal-00000005");
        Upstream::new("service-api", url, KeyRing::new(secret, Vec::new()), Clock::system())
    }

    #[test]
    fn a_url_names_a_host_and_a_port_and_nothing_else() {
        for (url, socket) in [
            ("http://service-api:8082", ("service-api", 8082)),
            ("http://service-api:8082/", ("service-api", 8082)),
            ("http://127.0.0.1:1", ("127.0.0.1", 1)),
            ("http://[::1]:9000", ("::1", 9000)),
            ("HTTP://service-api", ("service-api", 80)),
        ] {
            assert_eq!(read(url).expect(url).socket(), socket, "{url}");
        }
        for url in [
            "",
            "service-api",
            "service-api:8082",
            "/x",
            "https://a:1",
            "http://",
            "http://a:1/x",
            "http://a:1/?q",
            "http://u:p@a:1",
            "http://a:99999",
            "http://a:",
        ] {
            assert_eq!(read(url).err(), Some(BadUpstream), "{url}");
        }
    }
}
