//! Style sheet, script, icon.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, web};
use contract::problems::Code;
use http_kit::caller::{Anyone, Caller};
use http_kit::problem::Failure;

use crate::pages::assets;

/// `GET /assets/{name}`. Under the digest that it has, a file may be kept for ever.
pub(crate) async fn read_asset(_: Caller<Anyone>, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let asset = assets::find(&name).ok_or_else(|| Failure::new(Code::RouteNotFound))?;
    let keep = if asset.is_exact { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.content_type))
        .insert_header((CACHE_CONTROL, keep))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(asset.file.data.into_owned()))
}
