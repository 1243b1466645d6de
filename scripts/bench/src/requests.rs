//! What is sent: requests as bytes, made as they are needed, each different from all others of all runs.

use auth::secret::Secret;

/// The key of the signatures, an obvious placeholder.
pub(crate) const WEBHOOK_SECRET: &str = "bench-webhook-secret-bench-webhook-secret-bench-webhook-00000001";
/// What the service API is called with, an obvious placeholder.
pub(crate) const SERVICE_API_TOKEN: &str = "bench-service-token-bench-service-token-bench-service-0000000002";

/// A kind of request, and which run of it: no two runs meet each other's events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Requests {
    /// Signed `client.registered` events of clients that nobody has seen.
    Registrations { run: u32 },
    /// The same; each twentieth is looked for in the service API as soon as it is acknowledged.
    Sightings { run: u32 },
    /// The same with a signature that is well formed and wrong.
    Forgeries { run: u32 },
    /// Reads of the first `clients` clients of that run.
    Reads { run: u32, clients: u64 },
}

impl Requests {
    /// Writes the `number`th request over what is in `out`.
    pub(crate) fn write(self, number: u64, secret: &Secret, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Self::Registrations { run } | Self::Sightings { run } => {
                let body = registration(run, number);
                let signature = auth::webhook::sign(secret, body.as_bytes());
                post(&body, &signature, out);
            }
            Self::Forgeries { run } => {
                post(&registration(run, number), &format!("{number:064x}"), out);
            }
            Self::Reads { run, clients } => {
                // A stride that is prime to most numbers: neighbours in time are strangers in the tables.
                get(&email(run, number.wrapping_mul(7_919) % clients.max(1)), out);
            }
        }
    }

    /// Writes what is to be asked once the `number`th request is answered. False if nothing is.
    pub(crate) fn write_next(self, number: u64, out: &mut Vec<u8>) -> bool {
        out.clear();
        match self {
            Self::Sightings { run } if number.is_multiple_of(20) => get(&email(run, number), out),
            _ => return false,
        }
        true
    }
}

fn get(email: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(
        format!(
            "GET /api/service/clients/{email} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {SERVICE_API_TOKEN}\r\n\r\n"
        )
        .as_bytes(),
    );
}

fn email(run: u32, number: u64) -> String {
    format!("client.{number}.{run}@bench.example")
}

fn registration(run: u32, number: u64) -> String {
    let email = email(run, number);
    format!(
        r#"{{"event":"client.registered","data":{{"clientId":"{run}-{number}","email":"{email}","firstName":"Ada","lastName":"Number {number}","phone":"+44 20 7946 {number:04}","country":"GB"}},"timestamp":"2026-01-02T03:04:05Z"}}"#
    )
}

fn post(body: &str, signature: &str, out: &mut Vec<u8>) {
    let length = body.len();
    out.extend_from_slice(
        format!(
            "POST /api/webhooks/site HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-webhook-signature: {signature}\r\ncontent-length: {length}\r\n\r\n"
        )
        .as_bytes(),
    );
    out.extend_from_slice(body.as_bytes());
}
