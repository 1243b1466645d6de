//! The grammar of `postgres://…`, and what is secret in one. libpq quotes what it can't read, so it is handed only what it can: what it
//! would refuse, and what it would read otherwise than a person meant it (a bare `@` or `/` in a password), is refused at start.

/// What libpq may be told in the query. Others it refuses.
const PARAMETERS: [&str; 46] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "options",
    "passfile",
    "password",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "scram_client_key",
    "scram_server_key",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Parameters whose value is for nobody's eyes.
const SECRET_PARAMETERS: [&str; 4] = ["password", "sslpassword", "scram_client_key", "scram_server_key"];

/// True when libpq reads `base` (all before the `?`) and `params`, and as they look.
pub(crate) fn is_readable(base: &str, params: &[(String, String)]) -> bool {
    let Some((_, rest)) = base.split_once("://") else { return false };
    let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
    let (user_info, hosts) = authority.split_once('@').unwrap_or(("", authority));
    let is_parameter = |(key, value): &(String, String)| {
        PARAMETERS.contains(&key.as_str()) && is_encoded(value) && !value.contains(['=', '@'])
    };
    is_encoded(user_info)
        && hosts.split(',').all(is_host)
        && is_encoded(name)
        && !name.contains(['@', '/'])
        && params.iter().all(is_parameter)
}

/// What no message may hold: each password as it stands and decoded, and the whole user info.
pub(crate) fn secrets(base: &str, params: &[(String, String)]) -> Vec<String> {
    let rest = base.split_once("://").map_or("", |(_, rest)| rest);
    let user_info = rest.rsplit_once('@').map_or("", |(user_info, _)| user_info);
    let password = user_info.split_once(':').map_or("", |(_, password)| password);
    let others = params.iter().filter(|(key, _)| SECRET_PARAMETERS.contains(&key.as_str()));
    let mut secrets = vec![password.to_owned()];
    if !password.is_empty() {
        secrets.push(user_info.to_owned());
    }
    secrets.extend(others.map(|(_, value)| value.clone()));
    let decoded: Vec<_> = secrets.iter().map(|secret| decode(secret)).collect();
    secrets.extend(decoded);
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

/// `name`, `name:port`, `[address]` or `[address]:port`; each part may be missing.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, port))) => {
            let is_address = |b: u8| b.is_ascii_alphanumeric() || b":.%".contains(&b);
            if address.is_empty()
                || !address.bytes().all(is_address)
                || !(port.is_empty() || port.starts_with(':'))
            {
                return false;
            }
            (address, port.strip_prefix(':').unwrap_or(""))
        }
        Some(None) => return false,
        None => host.split_once(':').unwrap_or((host, "")),
    };
    is_encoded(name)
        && !name.contains(['@', '[', ']'])
        && (port.is_empty()
            || port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// No white space, no control, and each `%` begins two hexadecimal digits that are not those of NUL.
fn is_encoded(text: &str) -> bool {
    let is_hex = |hex: Option<&str>| {
        hex.is_some_and(|hex| hex != "00" && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && text.split('%').skip(1).all(|after| is_hex(after.get(..2)))
}

/// The text with its `%XX` decoded; what is none stays.
fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(part.bytes().skip(2));
            }
            None => {
                bytes.push(b'%');
                bytes.extend(part.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
