//! Stores a finding, or updates it when it is reported again.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use domain::agents::vulnerability::{CLUSTER_IMAGE_SCANNING, Severity, State, fingerprint};

use super::{Finder, Finding, Link, names};
use crate::schema::{
    cluster_agents as agents, namespaces, projects, vulnerabilities, vulnerability_finding_links as links,
    vulnerability_occurrence_identifiers as occurrence_identifiers, vulnerability_occurrences as occurrences,
    vulnerability_reads as reads, vulnerability_state_transitions as transitions,
};
use crate::sql::Upsert;
use crate::sql::casts;
use crate::{Conn, Result};

/// The version of the report format of `raw_metadata`.
const METADATA_VERSION: &str = "15.0.0";
const MAX_TITLE_CHARACTERS: usize = 255;
const MAX_CVE_CHARACTERS: usize = 48_400;

/// Whether a finding is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOutcome {
    pub created: bool,
}

/// Stores a finding, or updates the stored one. The decisions of users about it stay.
///
/// Without a connection to `sec`, its tables are in the main database, and this is one transaction. Otherwise
/// `sec` is written first, so that a repeated request completes what a failed one has begun.
pub fn put(
    main: &mut Conn,
    sec: Option<&mut Conn>,
    finder: Finder,
    finding: &Finding,
    now: NaiveDateTime,
) -> Result<PutOutcome> {
    let Some(sec) = sec else {
        return main.write(|conn| {
            let placement = load_placement(conn, finder.project_id)?;
            let outcome = store(conn, finder, finding, placement, now)?;
            mark_agent(conn, finder, now)?;
            Ok(outcome)
        });
    };
    let placement = load_placement(main, finder.project_id)?;
    let outcome = store(sec, finder, finding, placement, now)?;
    main.write(|conn| mark_agent(conn, finder, now))?;
    Ok(outcome)
}

/// Stores the finding in the tables of `sec`.
fn store(
    conn: &mut Conn,
    finder: Finder,
    finding: &Finding,
    placement: Placement,
    now: NaiveDateTime,
) -> Result<PutOutcome> {
    conn.write(|conn| {
        serialise(conn, finding)?;
        let scanner_id = names::scanner(conn, finder.project_id, &finding.scanner, now)?;
        let identifier_ids = names::identifiers(conn, finder.project_id, &finding.identifiers, now)?;
        let identifier_ids = &identifier_ids;
        let upsert = FindingUpsert { finder, finding, placement, scanner_id, identifier_ids, now };
        let known: Option<(i64, Option<i64>)> = occurrences::table
            .filter(occurrences::uuid.eq(casts::uuid(&finding.uuid.to_string())))
            .select((occurrences::id, occurrences::vulnerability_id))
            .first(conn)
            .optional()?;
        let (occurrence_id, vulnerability_id) = match known {
            Some((id, vulnerability_id)) => {
                upsert.update_occurrence(conn, id)?;
                (id, vulnerability_id)
            }
            None => (upsert.insert_occurrence(conn)?, None),
        };
        upsert.replace_identifiers(conn, occurrence_id)?;
        upsert.replace_links(conn, occurrence_id)?;
        match vulnerability_id {
            Some(id) => upsert.refresh(conn, id)?,
            None => upsert.detect(conn, occurrence_id)?,
        }
        Ok(PutOutcome { created: vulnerability_id.is_none() })
    })
}

/// Notes that the agent has found something.
fn mark_agent(conn: &mut Conn, finder: Finder, now: NaiveDateTime) -> Result<()> {
    let agent = agents::table.find(finder.agent_id).filter(agents::has_vulnerabilities.eq(false));
    diesel::update(agent)
        .set((agents::has_vulnerabilities.eq(true), agents::updated_at.eq(now)))
        .execute(conn)?;
    Ok(())
}

/// Serialises requests with the same finding. On SQLite the transaction is the only writer.
fn serialise(conn: &mut Conn, finding: &Finding) -> Result<()> {
    if let Conn::Postgresql(pg) = conn {
        let (key, _) = finding.uuid.as_u64_pair();
        sql::<Bool>("SELECT pg_advisory_xact_lock(")
            .bind::<BigInt, _>(key.cast_signed())
            .sql(")")
            .execute(pg)?;
    }
    Ok(())
}

/// The columns of `vulnerability_reads` that come from the project.
struct Placement {
    archived: bool,
    /// The ids of the project's namespace and its ancestors, as a JSON array.
    traversal_ids: String,
}

/// Reads the project in a statement of its own: the tables of vulnerabilities may be in another database.
fn load_placement(conn: &mut Conn, project_id: i64) -> Result<Placement> {
    let ids = match conn {
        Conn::Postgresql(_) => "CAST(array_to_json(namespaces.traversal_ids) AS text)",
        Conn::Sqlite(_) => "namespaces.traversal_ids",
    };
    let (archived, traversal_ids): (bool, String) = projects::table
        .inner_join(namespaces::table.on(namespaces::id.eq(projects::namespace_id)))
        .filter(projects::id.eq(project_id))
        .select((projects::archived, sql::<Text>(ids)))
        .first(conn)
        .optional()?
        .ok_or(domain::Error::NotFound("Project"))?;
    Ok(Placement { archived, traversal_ids })
}

struct FindingUpsert<'a> {
    finder: Finder,
    finding: &'a Finding,
    placement: Placement,
    scanner_id: i64,
    identifier_ids: &'a [i64],
    now: NaiveDateTime,
}

impl FindingUpsert<'_> {
    fn title(&self) -> String {
        self.finding.name.chars().take(MAX_TITLE_CHARACTERS).collect()
    }

    /// The first identifier of type `cve`.
    fn cve(&self) -> Option<String> {
        let cve = self.finding.identifiers.iter().find(|one| one.external_type.eq_ignore_ascii_case("cve"));
        cve.map(|one| one.external_id.chars().take(MAX_CVE_CHARACTERS).collect())
    }

    fn insert_occurrence(&self, conn: &mut Conn) -> Result<i64> {
        let (finding, uuid) = (self.finding, self.finding.uuid.to_string());
        Ok(diesel::insert_into(occurrences::table)
            .values((
                occurrences::uuid.eq(casts::uuid(&uuid)),
                occurrences::project_id.eq(self.finder.project_id),
                occurrences::report_type.eq(CLUSTER_IMAGE_SCANNING),
                occurrences::scanner_id.eq(self.scanner_id),
                occurrences::primary_identifier_id.eq(self.identifier_ids[0]),
                occurrences::project_fingerprint.eq(fingerprint(&uuid).as_slice()),
                occurrences::location_fingerprint.eq(finding.place.as_slice()),
                occurrences::severity.eq(finding.severity.0),
                occurrences::name.eq(&finding.name),
                occurrences::description.eq(&finding.description),
                occurrences::solution.eq(&finding.solution),
                occurrences::cve.eq(self.cve()),
                occurrences::location.eq(casts::nullable_json_text(&finding.location)),
                occurrences::metadata_version.eq(METADATA_VERSION),
                occurrences::raw_metadata.eq(&finding.raw_metadata),
                occurrences::detection_method.eq(0),
                occurrences::created_at.eq(self.now),
                occurrences::updated_at.eq(self.now),
            ))
            .returning(occurrences::id)
            .get_result(conn)?)
    }

    fn update_occurrence(&self, conn: &mut Conn, id: i64) -> Result<()> {
        let finding = self.finding;
        diesel::update(occurrences::table.find(id))
            .set((
                occurrences::scanner_id.eq(self.scanner_id),
                occurrences::severity.eq(finding.severity.0),
                occurrences::name.eq(&finding.name),
                occurrences::description.eq(&finding.description),
                occurrences::solution.eq(&finding.solution),
                occurrences::cve.eq(self.cve()),
                occurrences::location.eq(casts::nullable_json_text(&finding.location)),
                occurrences::metadata_version.eq(METADATA_VERSION),
                occurrences::raw_metadata.eq(&finding.raw_metadata),
                occurrences::updated_at.eq(self.now),
            ))
            .execute(conn)?;
        Ok(())
    }

    fn replace_identifiers(&self, conn: &mut Conn, occurrence_id: i64) -> Result<()> {
        let current: Vec<(i64, i64)> = occurrence_identifiers::table
            .filter(occurrence_identifiers::occurrence_id.eq(occurrence_id))
            .select((occurrence_identifiers::id, occurrence_identifiers::identifier_id))
            .load(conn)?;
        for (id, _) in current.iter().filter(|(_, identifier)| !self.identifier_ids.contains(identifier)) {
            diesel::delete(occurrence_identifiers::table.find(id)).execute(conn)?;
        }
        let is_new = |identifier: &&i64| !current.iter().any(|(_, known)| known == *identifier);
        for identifier_id in self.identifier_ids.iter().filter(is_new) {
            let insert = diesel::insert_into(occurrence_identifiers::table).values((
                occurrence_identifiers::occurrence_id.eq(occurrence_id),
                occurrence_identifiers::identifier_id.eq(identifier_id),
                occurrence_identifiers::project_id.eq(self.finder.project_id),
                occurrence_identifiers::created_at.eq(self.now),
                occurrence_identifiers::updated_at.eq(self.now),
            ));
            let target =
                &[occurrence_identifiers::occurrence_id::NAME, occurrence_identifiers::identifier_id::NAME];
            Upsert { insert, target, set: &[] }.execute(conn)?;
        }
        Ok(())
    }

    fn replace_links(&self, conn: &mut Conn, occurrence_id: i64) -> Result<()> {
        let of_occurrence = links::table.filter(links::vulnerability_occurrence_id.eq(occurrence_id));
        let current: Vec<Link> =
            of_occurrence.order(links::id).select((links::name, links::url)).load(conn)?;
        if current == self.finding.links {
            return Ok(());
        }
        diesel::delete(of_occurrence).execute(conn)?;
        for link in &self.finding.links {
            diesel::insert_into(links::table)
                .values((
                    links::vulnerability_occurrence_id.eq(occurrence_id),
                    links::project_id.eq(self.finder.project_id),
                    links::name.eq(&link.name),
                    links::url.eq(&link.url),
                    links::created_at.eq(self.now),
                    links::updated_at.eq(self.now),
                ))
                .execute(conn)?;
        }
        Ok(())
    }

    fn detect(&self, conn: &mut Conn, occurrence_id: i64) -> Result<()> {
        let id: i64 = diesel::insert_into(vulnerabilities::table)
            .values((
                vulnerabilities::project_id.eq(self.finder.project_id),
                vulnerabilities::author_id.eq(self.finder.author_id),
                vulnerabilities::title.eq(self.title()),
                vulnerabilities::state.eq(State::DETECTED.0),
                vulnerabilities::severity.eq(self.finding.severity.0),
                vulnerabilities::report_type.eq(CLUSTER_IMAGE_SCANNING),
                vulnerabilities::present_on_default_branch.eq(true),
                vulnerabilities::detected_at.eq(self.now),
                vulnerabilities::finding_id.eq(occurrence_id),
                vulnerabilities::created_at.eq(self.now),
                vulnerabilities::updated_at.eq(self.now),
            ))
            .returning(vulnerabilities::id)
            .get_result(conn)?;
        diesel::update(occurrences::table.find(occurrence_id))
            .set(occurrences::vulnerability_id.eq(id))
            .execute(conn)?;
        self.put_read(conn, id, State::DETECTED, self.finding.severity)
    }

    /// Completes the vulnerability's row in `vulnerability_reads`, which lists read. A trigger of GitLab may have
    /// inserted it with only some of the columns.
    fn put_read(
        &self,
        conn: &mut Conn,
        vulnerability_id: i64,
        state: State,
        severity: Severity,
    ) -> Result<()> {
        let insert = diesel::insert_into(reads::table).values((
            reads::vulnerability_id.eq(vulnerability_id),
            reads::project_id.eq(self.finder.project_id),
            reads::scanner_id.eq(self.scanner_id),
            reads::report_type.eq(CLUSTER_IMAGE_SCANNING),
            reads::severity.eq(severity.0),
            reads::state.eq(state.0),
            reads::resolved_on_default_branch.eq(false),
            reads::auto_resolved.eq(false),
            reads::uuid.eq(casts::uuid(&self.finding.uuid.to_string())),
            reads::location_image.eq(&self.finding.image),
            reads::cluster_agent_id.eq(self.finder.agent_id.to_string()),
            reads::casted_cluster_agent_id.eq(self.finder.agent_id),
            reads::traversal_ids.eq(casts::bigints_from_json(&self.placement.traversal_ids)),
            reads::archived.eq(self.placement.archived),
            reads::identifier_names.eq(casts::text_array(&self.identifier_names())),
        ));
        let set = &[
            reads::project_id::NAME,
            reads::scanner_id::NAME,
            reads::report_type::NAME,
            reads::severity::NAME,
            reads::state::NAME,
            reads::resolved_on_default_branch::NAME,
            reads::auto_resolved::NAME,
            reads::uuid::NAME,
            reads::location_image::NAME,
            reads::cluster_agent_id::NAME,
            reads::casted_cluster_agent_id::NAME,
            reads::traversal_ids::NAME,
            reads::archived::NAME,
            reads::identifier_names::NAME,
        ];
        Upsert { insert, target: &[reads::vulnerability_id::NAME], set }.execute(conn)?;
        Ok(())
    }

    fn identifier_names(&self) -> Vec<String> {
        self.finding.identifiers.iter().map(|identifier| identifier.name.clone()).collect()
    }

    /// Updates a known vulnerability. A resolved one is detected again; a dismissed or confirmed one stays so.
    fn refresh(&self, conn: &mut Conn, id: i64) -> Result<()> {
        let vulnerability = vulnerabilities::table.find(id);
        // The first write locks the row, so that it cannot be resolved or dismissed until the commit.
        let (state, overridden, known): (i16, Option<bool>, i16) = diesel::update(vulnerability)
            .set((
                vulnerabilities::title.eq(self.title()),
                vulnerabilities::resolved_on_default_branch.eq(false),
                vulnerabilities::updated_at.eq(self.now),
            ))
            .returning((
                vulnerabilities::state,
                vulnerabilities::severity_overridden,
                vulnerabilities::severity,
            ))
            .get_result(conn)?;
        let severity = if overridden == Some(true) { known } else { self.finding.severity.0 };
        if severity != known {
            diesel::update(vulnerability).set(vulnerabilities::severity.eq(severity)).execute(conn)?;
        }
        let resolved = State(state) == State::RESOLVED;
        if resolved {
            self.reopen(conn, id)?;
        }
        let state = if resolved { State::DETECTED } else { State(state) };
        self.put_read(conn, id, state, Severity(severity))
    }

    fn reopen(&self, conn: &mut Conn, id: i64) -> Result<()> {
        diesel::update(vulnerabilities::table.find(id))
            .set((
                vulnerabilities::state.eq(State::DETECTED.0),
                vulnerabilities::resolved_at.eq(None::<NaiveDateTime>),
                vulnerabilities::resolved_by_id.eq(None::<i64>),
                vulnerabilities::auto_resolved.eq(false),
            ))
            .execute(conn)?;
        diesel::insert_into(transitions::table)
            .values((
                transitions::vulnerability_id.eq(id),
                transitions::project_id.eq(self.finder.project_id),
                transitions::from_state.eq(State::RESOLVED.0),
                transitions::to_state.eq(State::DETECTED.0),
                transitions::author_id.eq(self.finder.author_id),
                transitions::created_at.eq(self.now),
                transitions::updated_at.eq(self.now),
            ))
            .execute(conn)?;
        Ok(())
    }
}
