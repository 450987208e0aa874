//! The check of the schema at the start of a service, with the schemas of GitLab's releases.
use database::check::{CheckOutcome, FindingKind, check, check_part};
use database::registry::{DatabaseName, SERVICES, Service};

use super::support::{TestDatabase, open, run};

/// Marks the database as GitLab's.
const GITLAB: &str = "CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar);";

fn outcome(database: &TestDatabase, service: &str) -> CheckOutcome {
    check(&mut open(&database.url()), Service::find(service).unwrap()).unwrap()
}

/// The messages of the findings, core first.
fn messages(outcome: &CheckOutcome) -> Vec<&str> {
    let findings = match outcome {
        CheckOutcome::Fits { warnings } => warnings,
        CheckOutcome::Misfit(findings) => findings,
        CheckOutcome::Waiting(reason) => panic!("waiting: {reason}"),
    };
    findings.iter().map(|finding| finding.message.as_str()).collect()
}

fn fits(database: &TestDatabase) {
    for service in SERVICES {
        let outcome = outcome(database, service.name);
        assert_eq!(outcome, CheckOutcome::Fits { warnings: Vec::new() }, "{}", service.name);
    }
}

/// Columns that some releases between 18.0 and 19.x lack cause no finding.
#[test]
fn optional_columns_are_no_finding() {
    let database = TestDatabase::new();
    fits(&database);
    run(&database.url(), GITLAB);
    for change in [
        "ALTER TABLE namespace_details DROP COLUMN deleted_at",
        "ALTER TABLE pool_repositories DROP COLUMN organization_id",
        "ALTER TABLE group_scim_auth_access_tokens DROP COLUMN temp_source_id",
        "ALTER TABLE namespaces DROP COLUMN push_rule_id, DROP COLUMN description",
        "ALTER TABLE plans DROP COLUMN plan_name_uid",
        "ALTER TABLE project_authorizations DROP COLUMN is_unique",
        "ALTER TABLE application_settings DROP COLUMN admin_mode, DROP COLUMN restricted_visibility_levels",
        "ALTER TABLE users ALTER COLUMN username TYPE text",
        "ALTER TABLE cluster_agents RENAME TO elsewhere; CREATE VIEW cluster_agents AS SELECT * FROM elsewhere",
    ] {
        run(&database.url(), change);
    }
    fits(&database);
}

#[test]
fn every_finding_is_reported_at_once_to_the_services_that_it_concerns() {
    let database = TestDatabase::new();
    run(&database.url(), GITLAB);
    run(&database.url(), "ALTER TABLE keys DROP COLUMN expires_at; DROP TABLE protected_tags CASCADE");
    for service in ["kas-api", "scim-api", "admin-api", "billing-api"] {
        assert_eq!(outcome(&database, service), CheckOutcome::Fits { warnings: Vec::new() }, "{service}");
    }
    run(
        &database.url(),
        "ALTER TABLE projects DROP COLUMN visibility_level; ALTER TABLE routes DROP COLUMN path; \
         ALTER TABLE users ALTER COLUMN projects_limit TYPE bigint",
    );
    let outcome = outcome(&database, "shell-api");
    assert!(matches!(outcome, CheckOutcome::Misfit(_)));
    assert_eq!(
        messages(&outcome),
        [
            "column keys.expires_at is missing; shell-api needs it",
            "column projects.visibility_level is missing; shell-api needs it",
            "table protected_tags is missing; shell-api needs it",
            "column routes.path is missing; shell-api needs it",
            "column users.projects_limit is bigint, expected integer (GitLab 18.0 or newer is supported)",
        ]
    );
}

/// A missing table that only one feature needs disables the feature.
#[test]
fn a_feature_whose_table_does_not_fit_is_a_warning() {
    let database = TestDatabase::new();
    run(&database.url(), GITLAB);
    run(
        &database.url(),
        "ALTER TABLE ci_minutes_additional_packs RENAME TO away; \
         ALTER TABLE members ADD COLUMN new_column bigint; \
         ALTER TABLE members ADD CHECK (new_column IS NOT NULL) NOT VALID; \
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
         CREATE TRIGGER gitlab_schema_write_trigger_for_vulnerabilities BEFORE INSERT ON vulnerabilities \
         FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    );
    let warnings = |service| match outcome(&database, service) {
        CheckOutcome::Fits { warnings } => {
            let facts = warnings.into_iter().map(|warning| (warning.table, warning.kind, warning.capability));
            facts.collect::<Vec<_>>()
        }
        other => panic!("{service}: {other:?}"),
    };
    // A push that creates a project makes its owner a member.
    assert_eq!(warnings("shell-api"), [("members", FindingKind::Trap, None)]);
    assert!(warnings("admin-api").is_empty());
    assert_eq!(
        warnings("billing-api"),
        [("ci_minutes_additional_packs", FindingKind::Missing, Some("packs"))]
    );
    assert_eq!(warnings("scim-api"), [("members", FindingKind::Trap, Some("add_members"))]);
    assert_eq!(warnings("kas-api"), [("vulnerabilities", FindingKind::Locked, Some("vulnerabilities"))]);
}

#[test]
fn missing_privilege_is_named() {
    let database = TestDatabase::new();
    run(&database.url(), GITLAB);
    let role = format!("role_of_{}", database.name);
    run(
        &database.url(),
        &format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA internal_api TO {role}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, internal_api TO {role}; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, internal_api TO {role}; \
             REVOKE ALL ON organization_users, keys FROM {role}"
        ),
    );
    let url = database.url().replace("postgres@", &format!("{role}@"));
    let outcome = |service| check(&mut open(&url), Service::find(service).unwrap()).unwrap();
    let keys = format!("role {role} may not SELECT keys; run: internal-apictl grants shell-api");
    assert_eq!(messages(&outcome("shell-api")).first(), Some(&keys.as_str()));
    let users =
        format!("role {role} may not SELECT organization_users; run: internal-apictl grants scim-api");
    let scim = outcome("scim-api");
    assert!(matches!(scim, CheckOutcome::Fits { .. }));
    assert_eq!(messages(&scim).first(), Some(&users.as_str()));
    assert_eq!(outcome("admin-api"), CheckOutcome::Fits { warnings: Vec::new() });
    drop(database);
    run(&super::support::server_url(), &format!("DROP ROLE {role}"));
}

/// Each right that the role has lost is a finding of its own.
#[test]
fn each_missing_privilege_is_named() {
    let database = TestDatabase::new();
    run(&database.url(), GITLAB);
    let role = format!("role_of_{}", database.name);
    run(&database.url(), &format!("CREATE ROLE {role} LOGIN"));
    let scim = Service::find("scim-api").unwrap();
    let sql = database::grants(&mut open(&database.url()), scim, &role, None).unwrap();
    run(&database.url(), &sql);
    run(
        &database.url(),
        &format!(
            "REVOKE SELECT (locked_at) ON users FROM {role}; REVOKE INSERT (path) ON routes FROM {role}; \
             REVOKE UPDATE (name) ON namespaces FROM {role}; REVOKE DELETE ON emails FROM {role}; \
             REVOKE USAGE ON SEQUENCE users_id_seq FROM {role}"
        ),
    );
    let conn = &mut open(&database.url().replace("postgres@", &format!("{role}@")));
    let outcome = check(conn, scim).unwrap();
    assert!(matches!(outcome, CheckOutcome::Misfit(_)));
    let expected = [
        "UPDATE namespaces.name",
        "INSERT INTO routes.path",
        "SELECT users.locked_at",
        "use sequence users_id_seq",
        "DELETE FROM emails",
    ]
    .map(|right| format!("role {role} may not {right}; run: internal-apictl grants scim-api"));
    assert_eq!(messages(&outcome), expected);
    drop(database);
    run(&super::support::server_url(), &format!("DROP ROLE {role}"));
}

/// `ON CONFLICT` fails without the unique index of its columns.
#[test]
fn a_missing_unique_index_is_named() {
    let database = TestDatabase::new();
    run(&database.url(), GITLAB);
    run(&database.url(), "DROP INDEX vulnerability_scanners_project_id_external_id_key");
    assert_eq!(
        messages(&outcome(&database, "kas-api")),
        ["no unique index on vulnerability_scanners (external_id, project_id)"]
    );
}

#[test]
fn migrations_that_have_not_run_are_waited_for() {
    let database = TestDatabase::new();
    run(&database.url(), &format!("{GITLAB} DROP SCHEMA internal_api CASCADE"));
    assert_eq!(outcome(&database, "billing-api"), CheckOutcome::Fits { warnings: Vec::new() });
    let waits = |service| matches!(outcome(&database, service), CheckOutcome::Waiting(_));
    assert!(waits("shell-api") && waits("scim-api") && waits("admin-api") && waits("kas-api"));
    database::migrate(&mut open(&database.url())).unwrap();
    fits(&database);
    run(&database.url(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    assert!(waits("billing-api"));
}

/// The printed `GRANT` statements are exactly those that the check requires, and can be repeated.
#[test]
fn granted_rights_are_enough_and_no_more() {
    let database = TestDatabase::new();
    run(&database.url(), GITLAB);
    let role = |service: Service| format!("{}_of_{}", service.name.replace('-', "_"), database.name);
    for service in SERVICES {
        let role = role(service);
        run(&database.url(), &format!("CREATE ROLE {role} LOGIN"));
        let sql = database::grants(&mut open(&database.url()), service, &role, None).unwrap();
        run(&database.url(), &format!("GRANT SELECT ON term_agreements, cluster_agents, plans TO {role}"));
        run(&database.url(), &sql);
        run(&database.url(), &sql);
        assert_eq!(
            database::grants(&mut open(&database.url()), service, &role, None).unwrap(),
            sql,
            "{role}"
        );
        let conn = &mut open(&database.url().replace("postgres@", &format!("{role}@")));
        assert_eq!(check(conn, service).unwrap(), CheckOutcome::Fits { warnings: Vec::new() }, "{role}");
        let may_read = |conn: &mut database::Conn, what: &str| {
            diesel::connection::SimpleConnection::batch_execute(conn, &format!("SELECT {what} LIMIT 0"))
                .is_ok()
        };
        assert!(may_read(conn, "id FROM users"), "{role}");
        let has_password = ["scim-api", "shell-api"].contains(&service.name);
        assert_eq!(may_read(conn, "encrypted_password FROM users"), has_password, "{role}");
        assert_eq!(may_read(conn, "encrypted_otp_secret FROM users"), service.name == "shell-api", "{role}");
        assert_eq!(may_read(conn, "key FROM keys"), service.name == "shell-api", "{role}");
        assert_eq!(may_read(conn, "name FROM plans"), service.name == "billing-api", "{role}");
    }
    let roles: Vec<String> = SERVICES.into_iter().map(role).collect();
    drop(database);
    run(&super::support::server_url(), &format!("DROP ROLE {}", roles.join(", ")));
}

/// With the URLs of two databases exchanged, every table that a service writes is locked.
#[test]
fn locked_tables_are_named_with_the_option_of_their_database() {
    const LOCK: &str =
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';";
    let database = TestDatabase::new();
    run(&database.url(), &format!("{GITLAB} {LOCK}"));
    let billing = Service::find("billing-api").unwrap();
    let lock = |table: &str| {
        format!(
            "CREATE TRIGGER gitlab_schema_write_trigger_for_{table} BEFORE INSERT ON {table} \
             FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        )
    };
    let packs = "ci_minutes_additional_packs";
    run(&database.url(), &lock(packs));
    let message = |table: &str, option| {
        format!("table {table} is locked for writes in this database; set --database-{option}")
    };
    for service in SERVICES {
        let expected = if service == billing { vec![message(packs, "ci-url")] } else { Vec::new() };
        assert_eq!(messages(&outcome(&database, service.name)), expected, "{}", service.name);
    }
    let part = |parts: &[DatabaseName]| check_part(&mut open(&database.url()), billing, parts).unwrap();
    assert_eq!(part(&[DatabaseName::Main]), CheckOutcome::Fits { warnings: Vec::new() });

    let written: Vec<&str> =
        billing.tables().filter(database::registry::TableUse::is_written).map(|table| table.table).collect();
    let of_main = written.iter().copied().filter(|table| *table != packs);
    for table in of_main.clone() {
        run(&database.url(), &lock(table));
    }
    let expected: Vec<String> = of_main.map(|table| message(table, "url")).collect();
    let exchanged = part(&[DatabaseName::Main]);
    let mut found = messages(&exchanged);
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn rights_are_granted_on_the_tables_of_one_database() {
    let database = TestDatabase::new();
    run(&database.url(), GITLAB);
    let billing = Service::find("billing-api").unwrap();
    let tables = |part| {
        let sql = database::grants(&mut open(&database.url()), billing, "billing", Some(part)).unwrap();
        ["ci_minutes_additional_packs", "gitlab_subscriptions"]
            .map(|table| sql.contains(&format!(" ON public.{table} TO \"billing\"")))
    };
    assert_eq!(tables(DatabaseName::Main), [false, true]);
    assert_eq!(tables(DatabaseName::Ci), [true, false]);
}
