//! `GET /api/v4/internal/lfs`
use std::path::{Path, PathBuf};

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::web::{Bytes, Data};
use domain::GlRepository;
use endpoint::{Params, RestError, log_field, log_optional_field};
use futures_util::stream::try_unfold;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, Take};

use crate::{App, Shell};

/// The length of an object id: SHA-256 in hexadecimal.
const OID_DIGITS: usize = 64;
/// The number of bytes in memory at a time.
const CHUNK: usize = 64 * 1024;

/// Sends a Git LFS object, which Gitaly substitutes for its pointer. If the object is missing, Gitaly keeps
/// the pointer.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    let oid = params.required_text("oid")?;
    let repository: GlRepository = params.required_text("gl_repository")?.parse()?;
    log_field("gl_repository", repository.to_string());
    log_field("lfs_oid", oid.chars().take(OID_DIGITS).collect::<String>());
    log_optional_field("gl_project_id", project_id(repository));
    let not_found = || RestError::NotFound("Not Found");
    let (Some(path), Some(project_id)) = (app.lfs_path(&oid), project_id(repository)) else {
        return Err(not_found());
    };
    let has_object = move |conn: &mut database::Conn| database::lfs::has_object(conn, &oid, project_id);
    if !app.core.pool.read(has_object).await? {
        return Err(not_found());
    }
    let (file, size) = open(&path).await.ok_or_else(not_found)?;
    let body = SizedStream::new(size, try_unfold(file.take(size), read));
    Ok(HttpResponse::Ok().content_type("application/octet-stream").body(body))
}

/// The project that the repository belongs to.
pub(super) fn project_id(repository: GlRepository) -> Option<i64> {
    match repository {
        GlRepository::Project(id) | GlRepository::Wiki(id) | GlRepository::Design(id) => Some(id),
        GlRepository::Snippet(_) | GlRepository::GroupWiki(_) => None,
    }
}

impl App {
    /// The path of an object. Only a valid object id becomes part of a path.
    fn lfs_path(&self, oid: &str) -> Option<PathBuf> {
        let is_oid =
            oid.len() == OID_DIGITS && oid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let root = self.options.lfs_storage_path.as_ref().filter(|_| is_oid)?;
        Some(root.join(&oid[..2]).join(&oid[2..4]).join(&oid[4..]))
    }
}

/// Opens a file and returns its size, or `None` if it cannot be read.
async fn open(path: &Path) -> Option<(File, u64)> {
    let file = File::open(path).await.ok()?;
    let metadata = file.metadata().await.ok()?;
    metadata.is_file().then_some((file, metadata.len()))
}

async fn read(mut file: Take<File>) -> std::io::Result<Option<(Bytes, Take<File>)>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let read = file.read_buf(&mut chunk).await?;
    Ok((read > 0).then(|| (chunk.into(), file)))
}
