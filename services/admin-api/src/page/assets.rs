//! `GET /admin/assets/{name}`: static files without user data
use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Path;

use super::error::PageError;

pub async fn show(name: Path<String>) -> Result<HttpResponse, PageError> {
    let (kind, text) = match name.as_str() {
        "admin.css" => ("text/css; charset=utf-8", include_str!("../../assets/admin.css")),
        "admin.js" => ("text/javascript; charset=utf-8", include_str!("../../assets/admin.js")),
        "htmx.min.js" => ("text/javascript; charset=utf-8", include_str!("../../assets/htmx.min.js")),
        "icon.svg" => ("image/svg+xml", include_str!("../../assets/icon.svg")),
        _ => return Err(PageError::NotFound("There is no such file.")),
    };
    Ok(HttpResponse::Ok().content_type(kind).insert_header((CACHE_CONTROL, "public, max-age=300")).body(text))
}
