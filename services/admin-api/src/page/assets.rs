//! `GET /admin/assets/{name}`: style sheet, scripts and icon, without authentication
use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Path;

use super::error::PageError;

pub async fn show(name: Path<String>) -> Result<HttpResponse, PageError> {
    let (media_type, text) = match name.as_str() {
        "admin.css" => ("text/css; charset=utf-8", include_str!("../../assets/admin.css")),
        "admin.js" => ("text/javascript; charset=utf-8", include_str!("../../assets/admin.js")),
        "htmx.min.js" => ("text/javascript; charset=utf-8", include_str!("../../assets/htmx.min.js")),
        "icon.svg" => ("image/svg+xml", include_str!("../../assets/icon.svg")),
        _ => return Err(PageError::NotFound("There is no file with this name.")),
    };
    Ok(HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .body(text))
}
