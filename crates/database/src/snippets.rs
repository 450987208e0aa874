//! Snippets and the locations of their repositories.
use diesel::prelude::*;

use crate::git_access::Storage;
use crate::schema::{project_features, shards, snippet_repositories, snippets};
use crate::{Conn, Result};
use domain::snippet::Snippet;
use domain::{FeatureLevel, Visibility, hashed_path};

#[derive(Debug, Clone)]
pub struct FoundSnippet {
    pub snippet: Snippet,
    /// `None` for a personal snippet.
    pub project_id: Option<i64>,
    /// `None` if the repository has not been created yet.
    pub storage: Option<Storage>,
}

/// Finds a snippet by its id. One statement.
pub fn find(conn: &mut Conn, id: i64) -> Result<Option<FoundSnippet>> {
    type Row = (i64, i64, i32, Option<i64>, Option<i32>, Option<String>, Option<String>);
    let row: Option<Row> = snippets::table
        .left_join(
            project_features::table.on(project_features::project_id.nullable().eq(snippets::project_id)),
        )
        .left_join(snippet_repositories::table.on(snippet_repositories::snippet_id.eq(snippets::id)))
        .left_join(shards::table.on(shards::id.nullable().eq(snippet_repositories::shard_id.nullable())))
        .filter(snippets::id.eq(id))
        .select((
            snippets::id,
            snippets::author_id,
            snippets::visibility_level,
            snippets::project_id,
            project_features::snippets_access_level.nullable(),
            snippet_repositories::disk_path.nullable(),
            shards::name.nullable(),
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|(id, author_id, visibility, project_id, feature, disk_path, shard)| FoundSnippet {
        snippet: Snippet {
            id,
            author_id,
            visibility: Visibility::from_level(visibility),
            feature: project_id.map(|_| FeatureLevel::from_level(feature)),
        },
        project_id,
        storage: shard.map(|name| Storage {
            name,
            disk_path: disk_path.unwrap_or_else(|| hashed_path("@snippets", id)),
        }),
    }))
}
