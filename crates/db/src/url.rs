//! Where a database is: reads `DATABASE_URL`, and builds what each engine's client is told. It opens nothing.

use crate::uri;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What libpq is told unless the URL says otherwise: notice within seconds that a server, or the way to it, is gone.
const POSTGRES_DEFAULTS: [(&str, &str); 5] = [
    ("connect_timeout", "2"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];

/// What a session that serves requests is told when it opens. Limits in milliseconds: nobody waits for ever, and a session that was
/// left in a transaction gives its locks back. A commit is durable when it is acknowledged. And no walk over a whole table where an index would do: the plan of a prepared statement is
/// kept, and one that was made while a table was still small would walk over all of it when it has grown. What can't be found but by such
/// a walk then seems dear beyond measure, and PostgreSQL would compile it to machine code each time, at some 30 ms: it is told not to.
const SESSION_LIMITS: &str = "-csynchronous_commit%3Don%20-cstatement_timeout%3D10000%20-clock_timeout%3D5000%20-cidle_in_transaction_session_timeout%3D15000%20-cenable_seqscan%3Doff%20-cjit%3Doff";

/// The address of one database: `postgres://…` (or `postgresql://…`), or `sqlite:path`.
///
/// `Debug` and `Display` show neither user, password nor parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Target);

#[derive(Clone, PartialEq, Eq)]
enum Target {
    Postgres { base: String, params: Vec<(String, String)>, pgbouncer: bool },
    Sqlite(PathBuf),
}

/// Why a text is not the address of a database. Never holds the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Neither of the two schemes.
    #[error("must start with postgres:// or sqlite:")]
    Scheme,
    /// `sqlite:` without a path, or `:memory:`, where each connection would see a database of its own.
    #[error("sqlite: needs the path of a file")]
    SqlitePath,
    /// A NUL, which neither engine can be told.
    #[error("must not contain U+0000")]
    Nul,
    /// Not what libpq reads, or it would read it otherwise than it looks.
    #[error(
        "must be postgres://user:password@host:port/name; in a password @ is written %40, / %2F, ? %3F, % %25, a space %20"
    )]
    Form,
}

impl DatabaseUrl {
    /// What the address of a database is, for whoever gave something else.
    pub const EXPECTED: &str = "sqlite:path or postgres://user:password@host:port/name (in a password @ is written %40, / %2F, ? %3F, % %25, a space %20)";

    /// The address of a SQLite file.
    pub fn sqlite(path: &Path) -> Self {
        Self(Target::Sqlite(path.to_owned()))
    }

    /// Which engine it names.
    pub fn backend(&self) -> crate::Backend {
        match self.0 {
            Target::Postgres { .. } => crate::Backend::Postgres,
            Target::Sqlite(_) => crate::Backend::Sqlite,
        }
    }

    /// True when a pooler stands before the server (`?pgbouncer=true`), which hands each transaction to another session.
    pub fn is_pooled(&self) -> bool {
        matches!(self.0, Target::Postgres { pgbouncer: true, .. })
    }

    /// The SQLite file, when it is one.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Target::Sqlite(path) => Some(path),
            Target::Postgres { .. } => None,
        }
    }

    /// True when `text` holds a password of this address, as it stands there or decoded: libpq's messages quote parts of it.
    pub(crate) fn is_quoted_in(&self, text: &str) -> bool {
        match &self.0 {
            Target::Postgres { base, params, .. } => {
                uri::secrets(base, params).iter().any(|secret| text.contains(secret))
            }
            Target::Sqlite(_) => false,
        }
    }

    /// What libpq is told for sessions in `schema`. With `limits`, sessions that serve requests; without, migrations,
    /// which may take their time. `None` for SQLite.
    ///
    /// Behind PgBouncer (`?pgbouncer=true`) start-up options are not passed on: there the role has its `search_path`.
    pub(crate) fn postgres(&self, schema: &str, limits: bool) -> Option<String> {
        let Target::Postgres { base, params, pgbouncer } = &self.0 else { return None };
        let mut params = params.clone();
        for (name, value) in POSTGRES_DEFAULTS {
            if !params.iter().any(|(n, _)| n == name) {
                params.push((name.to_owned(), value.to_owned()));
            }
        }
        if !params.iter().any(|(n, _)| n == "application_name") {
            params.push(("application_name".to_owned(), format!("crm-bridge%2F{schema}")));
        }
        if !pgbouncer {
            let mut ours = format!("-csearch_path%3D{schema}");
            if limits {
                ours = format!("{SESSION_LIMITS}%20{ours}");
            }
            // The operator's own options come first: the path must be ours, the rest may be theirs.
            match params.iter_mut().find(|(n, _)| n == "options") {
                Some((_, theirs)) => *theirs = format!("{ours}%20{theirs}%20-csearch_path%3D{schema}"),
                None => params.push(("options".to_owned(), ours)),
            }
        }
        let query = params.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&");
        Some(format!("{base}?{query}"))
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.contains('\0') {
            return Err(UrlError::Nul);
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" | ":memory:" => Err(UrlError::SqlitePath),
                path => Ok(Self(Target::Sqlite(PathBuf::from(path)))),
            };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(UrlError::Scheme);
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut params = Vec::new();
        let mut pgbouncer = false;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').ok_or(UrlError::Form)? {
                ("pgbouncer", value) => pgbouncer = value == "true",
                (name, value) => params.push((name.to_owned(), value.to_owned())),
            }
        }
        if !uri::is_readable(base, &params) {
            return Err(UrlError::Form);
        }
        Ok(Self(Target::Postgres { base: base.to_owned(), params, pgbouncer }))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Target::Postgres { base, .. } => {
                let rest = base.split_once("://").map_or("", |(_, rest)| rest);
                write!(f, "postgres://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host))
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn reads_both_schemes_and_refuses_the_rest() {
        assert_eq!(url("sqlite:data/a.db").sqlite_path(), Some(Path::new("data/a.db")));
        assert_eq!(url("sqlite:///var/a.db").sqlite_path(), Some(Path::new("/var/a.db")));
        assert_eq!(url("postgresql://h/d").backend(), crate::Backend::Postgres);
        for (text, error) in [
            ("mysql://h/d", UrlError::Scheme),
            ("", UrlError::Scheme),
            ("sqlite:", UrlError::SqlitePath),
            ("sqlite::memory:", UrlError::SqlitePath),
            ("sqlite:a\0b", UrlError::Nul),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn what_libpq_would_quote_is_refused() {
        for text in [
            "u:secretpw@[bad/x",
            "u:secretpw@[]/x",
            "u:sec%ret@127.0.0.1/x",
            "u:sec%00ret@127.0.0.1/x",
            "u:secret%2@127.0.0.1/x",
            "u:se cretpw@127.0.0.1/x",
            "u:se@cretpw@127.0.0.1/x",
            "u:se/cretpw@127.0.0.1/x",
            "u:se?cretpw@127.0.0.1/x",
            "u:secretpw@127.0.0.1:port/x",
            "u:secretpw@127.0.0.1:99999/x",
            "u:secretpw@127.0.0.1/x?secretpw",
            "u:secretpw@127.0.0.1/x?password=sec=ret",
            "u:secretpw@127.0.0.1/x?pasword=secretpw",
        ] {
            let error = format!("postgres://{text}").parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(error, UrlError::Form, "{text}");
        }
        for text in [
            "",
            "/d",
            "u:s%40%2F%3f:!$&*+;#'\"w@h,g:1,[::1]:2,%2Ftmp%2Fs/d?sslmode=require&host=/tmp/s",
            "h:5432/d?pgbouncer=true&",
        ] {
            assert!(format!("postgresql://{text}").parse::<DatabaseUrl>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_quoted_password_is_noticed_raw_and_decoded() {
        let url = url("postgres://crm:s%40cret@h/d?sslpassword=k%2Fey");
        for quoted in ["near \"s%40cret\"", "near \"s@cret\"", "k/ey", "k%2Fey"] {
            assert!(url.is_quoted_in(quoted), "{quoted}");
        }
        assert!(!url.is_quoted_in("password authentication failed for user \"crm\""));
    }

    #[test]
    fn shows_no_user_no_password_no_parameter() {
        let shown = format!("{0} {0:?}", url("postgres://someone:pa:ss%40w@host:5/d?password=other"));
        assert_eq!(shown, "postgres://host:5/d DatabaseUrl(postgres://host:5/d)");
    }

    #[test]
    fn adds_the_search_path_and_keeps_the_operators_parameters() {
        let told =
            url("postgres://h/d?connect_timeout=9&options=-cwork_mem%3D8MB").postgres("svc", false).unwrap();
        assert!(told.starts_with("postgres://h/d?connect_timeout=9&options="), "{told}");
        assert!(told.contains("-csearch_path%3Dsvc%20-cwork_mem%3D8MB%20-csearch_path%3Dsvc"), "{told}");
        assert_eq!(told.matches("connect_timeout").count(), 1);
        assert!(!told.contains("statement_timeout"));
        assert!(url("postgres://h/d").postgres("svc", true).unwrap().contains("statement_timeout"));
    }

    #[test]
    fn behind_pgbouncer_no_option_is_sent() {
        let told = url("postgres://h/d?pgbouncer=true").postgres("svc", true).unwrap();
        assert!(!told.contains("options=") && !told.contains("pgbouncer="), "{told}");
    }
}
