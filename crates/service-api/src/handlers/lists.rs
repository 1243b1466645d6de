//! What all lists of this API have in common: strict parameters, cursors that only we can make, and the link to the next page.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue, LINK};
use actix_web::{HttpRequest, HttpResponse};
use contract::ids::ClientRef;
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde::Serialize;

use crate::domain::listing::{Filters, Listing};
use crate::domain::place::Place;
use crate::error::Error;
use crate::state::State;

/// One request for a page of a list.
pub(crate) struct Asked {
    pub(crate) listing: Listing,
    /// Where the page before ended.
    pub(crate) after: Option<Place>,
    question: Vec<(&'static str, String)>,
}

impl Asked {
    /// Reads what a raw query string asks of the list `name`; of one client's, where `of` says whose. A cursor goes on with this very
    /// list and these filters alone.
    pub(crate) fn read(
        state: &State,
        name: &'static str,
        of: Option<ClientRef>,
        query: &str,
        filters: Filters,
    ) -> Result<Self, Error> {
        let listing = Listing::read(query, filters).map_err(Error::Parameters)?;
        let mut question = vec![("list", name.to_owned())];
        question.extend(of.map(|of| ("of", of.to_string())));
        question.extend(listing.parts());
        let after = match &listing.cursor {
            None => None,
            Some(cursor) => {
                let place = state.cursors.read(cursor, &question).as_deref().and_then(Place::of_bytes);
                Some(place.ok_or(Error::Cursor)?)
            }
        };
        Ok(Self { listing, after, question })
    }

    /// The cursor of a page that ended here.
    pub(crate) fn cursor(&self, state: &State, next: Option<&Place>) -> Option<String> {
        next.map(|place| state.cursors.write(&place.to_bytes(), &self.question))
    }

    /// The answer: the page, and the link to the next one (RFC 8288) as a reference relative to the gateway.
    pub(crate) fn answer(
        &self,
        request: &HttpRequest,
        page: &impl Serialize,
        next_cursor: Option<&str>,
    ) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(cursor) = next_cursor {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(self.listing.parts())
                .append_pair("limit", &self.listing.limit.to_string())
                .append_pair("cursor", cursor)
                .finish();
            // Bytes beyond ASCII may stand in a path, not in this header.
            let path = utf8_percent_encode(request.uri().path(), CONTROLS);
            if let Ok(link) = HeaderValue::from_str(&format!("<{path}?{query}>; rel=\"next\"")) {
                response.insert_header((LINK, link));
            }
        }
        response.json(page)
    }
}
