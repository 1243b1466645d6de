//! The two cookies there are: the session, which is the staff JWT itself, and a number that ties a log-in form to a browser. Both
//! are out of reach of scripts and of other sites.

/// A cookie's bare name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The staff JWT.
    Session,
    /// Ties a log-in form to a browser.
    Login,
}

/// The value of a cookie that came in, and whether it came under the name that only HTTPS can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) value: String,
    pub(crate) secure: bool,
}

impl Cookie {
    /// The name. `__Host-` makes browsers hold to Secure, to `Path=/` and to this very host.
    pub(crate) const fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, false) => "crm_session",
            (Self::Session, true) => "__Host-crm_session",
            (Self::Login, false) => "crm_login",
            (Self::Login, true) => "__Host-crm_login",
        }
    }

    /// The `Set-Cookie` value that sets it for as long as the browser runs. `value` is letters, digits, `.`, `-` and `_`.
    pub(crate) fn set(self, secure: bool, value: &str) -> String {
        self.line(secure, value, "")
    }

    /// The `Set-Cookie` value that takes it away.
    pub(crate) fn clear(self, secure: bool) -> String {
        self.line(secure, "", "; Max-Age=0")
    }

    fn line(self, secure: bool, value: &str, age: &str) -> String {
        let only = if secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{only}{age}", self.name(secure))
    }

    /// What the browser shows, from its `Cookie` headers. The name that only HTTPS can set goes first; with `only_secure` the other
    /// counts for nothing. A name that is there twice counts for nothing either: one of the two is not ours.
    pub(crate) fn read<'a>(self, headers: impl Iterator<Item = &'a str>, only_secure: bool) -> Option<Shown> {
        let pairs: Vec<(&str, &str)> = headers
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .collect();
        let one = |secure| {
            let mut values =
                pairs.iter().filter(|(name, _)| *name == self.name(secure)).map(|(_, value)| *value);
            let value = values.next().filter(|value| is_plain(value))?;
            values.next().is_none().then(|| Shown { value: value.to_owned(), secure })
        };
        one(true).or_else(|| if only_secure { None } else { one(false) })
    }
}

/// What our cookies are made of; anything else is not ours, and must not get into a header.
pub(crate) fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !value.is_empty() && value.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::{Cookie, Shown};

    fn read(header: &str, only_secure: bool) -> Option<(String, bool)> {
        Cookie::Session.read([header].into_iter(), only_secure).map(|Shown { value, secure }| (value, secure))
    }

    #[test]
    fn the_cookie_that_only_https_can_set_goes_first() {
        assert_eq!(read("a=b; crm_session=one", false), Some(("one".to_owned(), false)));
        assert_eq!(read("crm_session=one; __Host-crm_session=two", false), Some(("two".to_owned(), true)));
        assert_eq!(read("crm_session=one", true), None);
        assert_eq!(read("crm_session=one; crm_session=two", false), None, "one of the two is not ours");
        assert_eq!(read("crm_session=", false), None);
        assert_eq!(read("crm_session=a\"b", false), None);
        assert_eq!(read("xcrm_session=a", false), None);
    }

    #[test]
    fn cookies_are_kept_from_scripts_and_other_sites() {
        assert_eq!(Cookie::Session.set(false, "v"), "crm_session=v; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(
            Cookie::Session.set(true, "v"),
            "__Host-crm_session=v; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            Cookie::Login.clear(true),
            "__Host-crm_login=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0"
        );
    }
}
