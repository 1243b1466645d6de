//! Proof that a form is ours: it was on a page that we gave to this very browser, and it is sent from our own site. Two walls, so
//! that neither a leaked number nor a lax browser alone opens anything.

use std::fmt;

use auth::digest::hmac_sha256;
use auth::keyring::KeyRing;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Keeps these proofs apart from all else that is signed with the same key.
const PURPOSE: &str = "crm-bridge dashboard form";

/// Which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The log-in, bound to a number in a cookie.
    Login,
    /// The log-out, bound to the session.
    Logout,
}

impl Form {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
        }
    }
}

/// Why a form is not taken for ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forged {
    /// The proof is missing, or is another browser's, session's or form's.
    Proof,
    /// It was sent from another site.
    Origin,
}

impl Forged {
    /// The word on the trail.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Proof => "form_without_proof",
            Self::Origin => "foreign_origin",
        }
    }
}

impl fmt::Display for Forged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::error::Error for Forged {}

/// Makes proofs and checks them.
pub(crate) struct Forms(KeyRing);

impl Forms {
    /// Proofs under this key.
    pub(crate) fn new(ring: KeyRing) -> Self {
        Self(ring)
    }

    /// The proof for a form that goes to whoever holds `bound_to`.
    pub(crate) fn proof(&self, form: Form, bound_to: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac_sha256(self.0.current().as_bytes(), &message(form, bound_to)))
    }

    /// Holds if the form was on a page for whoever holds `bound_to`.
    ///
    /// # Errors
    /// [`Forged::Proof`].
    pub(crate) fn check(&self, form: Form, bound_to: Option<&str>, proof: &str) -> Result<(), Forged> {
        let bound_to = bound_to.ok_or(Forged::Proof)?;
        let tag = URL_SAFE_NO_PAD.decode(proof).map_err(|_| Forged::Proof)?;
        if self.0.verify(&message(form, bound_to), &tag) { Ok(()) } else { Err(Forged::Proof) }
    }
}

fn message(form: Form, bound_to: &str) -> Vec<u8> {
    format!("{PURPOSE}\n{}\n{bound_to}", form.as_str()).into_bytes()
}

/// What a browser says of where a request comes from. Each is `None` where the header is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Provenance<'a> {
    pub(crate) host: Option<&'a str>,
    pub(crate) origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub(crate) site: Option<&'a str>,
}

impl Provenance<'_> {
    /// Holds unless the browser says that another site sent this. Old browsers say nothing; then the proof alone decides.
    ///
    /// # Errors
    /// [`Forged::Origin`].
    pub(crate) fn check(self) -> Result<(), Forged> {
        let same_site = self.site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        let same_origin = self.origin.is_none_or(|origin| {
            let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            authority.zip(self.host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
        });
        if same_site && same_origin { Ok(()) } else { Err(Forged::Origin) }
    }

    /// Does the browser see us over HTTPS? Then what stands in front of us takes the encryption off.
    pub(crate) fn is_https(self) -> bool {
        self.origin.is_some_and(|origin| origin.starts_with("https://"))
    }
}

#[cfg(test)]
mod tests {
    use auth::secret::Secret;

    use super::*;

    fn forms(current: &str, previous: &[&str]) -> Forms {
        let previous = previous.iter().map(|text| Secret::new(*text)).collect();
        Forms::new(KeyRing::new(Secret::new(current), previous))
    }

    #[test]
    fn a_proof_holds_for_one_form_of_one_browser() {
        let forms = forms("for-tests-only-one", &[]);
        let proof = forms.proof(Form::Login, "browser");
        assert_eq!(forms.check(Form::Login, Some("browser"), &proof), Ok(()));
        assert_eq!(forms.check(Form::Logout, Some("browser"), &proof), Err(Forged::Proof));
        assert_eq!(forms.check(Form::Login, Some("another"), &proof), Err(Forged::Proof));
        assert_eq!(forms.check(Form::Login, None, &proof), Err(Forged::Proof));
        assert_eq!(forms.check(Form::Login, Some("browser"), ""), Err(Forged::Proof));
        assert_eq!(forms.check(Form::Login, Some("browser"), "%%%"), Err(Forged::Proof));
    }

    #[test]
    fn a_form_outlives_the_rotation_of_the_secret() {
        let before = forms("for-tests-only-one", &[]);
        let after = forms("for-tests-only-two", &["for-tests-only-one"]);
        assert_eq!(after.check(Form::Logout, Some("s"), &before.proof(Form::Logout, "s")), Ok(()));
        assert_eq!(
            before.check(Form::Logout, Some("s"), &after.proof(Form::Logout, "s")),
            Err(Forged::Proof)
        );
    }

    #[test]
    fn only_our_own_site_may_send_forms() {
        let said = |origin, site| Provenance { host: Some("crm.example:8443"), origin, site }.check();
        for (origin, site) in [
            (None, None),
            (Some("https://crm.example:8443"), Some("same-origin")),
            (Some("http://CRM.example:8443"), None),
            (None, Some("none")),
        ] {
            assert_eq!(said(origin, site), Ok(()), "{origin:?} {site:?}");
        }
        for (origin, site) in [
            (Some("https://evil.example"), None),
            (Some("https://crm.example"), None),
            (Some("null"), None),
            (Some(""), None),
            (Some("https://crm.example:8443.evil.example"), None),
            (Some("ftp://crm.example:8443"), None),
            (Some("https://crm.example:8443"), Some("cross-site")),
            (None, Some("same-site")),
        ] {
            assert_eq!(said(origin, site), Err(Forged::Origin), "{origin:?} {site:?}");
        }
        let nobody = Provenance { host: None, origin: Some("https://crm.example"), site: None };
        assert_eq!(nobody.check(), Err(Forged::Origin));
    }
}
