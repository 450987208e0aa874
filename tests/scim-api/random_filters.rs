//! Random filters find the same users in the database and in memory: thousands of filters over a thousand
//! random users.
use std::fmt::Write;

use super::support::plant;
use database::scim::{Group, Mode, Tenant};
use scim::condition::Condition;
use scim::filter::Filter;
use scim::{Search, Selection};
use testkit::Database;

const USERS: u64 = 1000;
const FILTERS: u32 = 1_500;
const URL: &str = "https://h/Users";

/// Pseudorandom numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap()]
    }

    /// A string of few letters, so that strings often match, and of characters that are special in SQL.
    fn text(&mut self, longest: u64) -> String {
        let letters: Vec<&str> =
            "aAbBäÄσΣ%_\\'\" 1éяЯz@".split("").filter(|letter| !letter.is_empty()).collect();
        (0..self.below(longest + 1)).map(|_| self.pick(&letters)).collect()
    }

    /// An SQL literal of a string that may be NULL or empty.
    fn column(&mut self) -> String {
        match self.below(4) {
            0 => "NULL".to_owned(),
            1 => "''".to_owned(),
            _ => quoted(&self.text(3)),
        }
    }

    fn moment(&mut self) -> String {
        format!("2026-01-0{} 0{}:00:00", 1 + self.below(4), self.below(3))
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Users with identities in group 10. Two of three have a record, and half of these have addresses.
fn crowd(random: &mut Random) -> String {
    let mut sql = String::new();
    for id in 2000..2000 + USERS {
        let (username, name) =
            (quoted(&format!("{}{}", random.text(2), random.pick(&["", "x", "y"]))), quoted(&random.text(5)));
        let email = quoted(&format!("{}{id}", random.text(2)));
        let external = quoted(&format!("{}{id}", random.text(2)));
        let (active, created, updated) = (random.below(2) == 0, random.moment(), random.moment());
        writeln!(
            sql,
            "INSERT INTO users (id, username, name, email, projects_limit) VALUES ({id}, \
             {username}, {name}, {email}, 0);
            INSERT INTO scim_identities (id, group_id, user_id, extern_uid, active, created_at, updated_at) \
             VALUES ({id}, 10, {id}, {external}, {active}, '{created}', '{updated}');"
        )
        .unwrap();
        if random.below(3) == 0 {
            continue;
        }
        let columns: Vec<String> = (0..4).map(|_| random.column()).collect();
        let (scim_id, called) = (
            quoted(&format!("{}{id}", random.text(1))),
            if random.below(3) == 0 { "NULL".to_owned() } else { quoted(&format!("{}q", random.text(2))) },
        );
        let is_foreign = called != "NULL" && random.below(3) == 0;
        let deleted = if random.below(10) == 0 { "'2026-01-01 00:00:00'" } else { "NULL" };
        writeln!(
            sql,
            "INSERT INTO scim_api_records (scope, identity_id, group_id, user_id, scim_id, \
             user_name, formatted, family_name, given_name, display_name, is_foreign, version, deleted_at)
            VALUES (1, {id}, 10, {id}, {scim_id}, {called}, {}, {}, {}, {}, {is_foreign}, {}, {deleted});",
            columns[0],
            columns[1],
            columns[2],
            columns[3],
            random.below(5)
        )
        .unwrap();
        for position in 0..random.below(4) {
            let value = quoted(&format!("{}v", random.text(2)));
            let (kind, display) = (
                if random.below(3) == 0 {
                    "NULL".to_owned()
                } else {
                    quoted(random.pick(&["work", "HOME", "ä"]))
                },
                random.column(),
            );
            let primary = random.pick(&["NULL", "true", "false"]);
            writeln!(
                sql,
                "INSERT INTO scim_api_emails (scope, identity_id, position, user_id, value, type, \
                 display, is_primary)
                VALUES (1, {id}, {position}, {id}, {value}, {kind}, {display}, {primary});"
            )
            .unwrap();
        }
    }
    sql
}

fn comparison(random: &mut Random, path: &str) -> String {
    let operators = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
    let operand = serde_json::to_string(&random.text(2)).unwrap();
    match random.below(12) {
        0 => format!("{path} pr"),
        1 => format!("{path} eq null"),
        _ => format!("{path} {} {operand}", random.pick(&operators)),
    }
}

fn leaf(random: &mut Random) -> String {
    let order = |random: &mut Random| random.pick(&["eq", "ne", "gt", "ge", "lt", "le"]);
    match random.below(10) {
        0 => format!("active {} {}", random.pick(&["eq", "ne"]), random.pick(&["true", "\"False\""])),
        1 => format!(
            "meta.{} {} \"{}Z\"",
            random.pick(&["created", "lastModified"]),
            order(random),
            random.moment().replace(' ', "T")
        ),
        2 => format!("meta.version {} \"W/\\\"{}\\\"\"", random.pick(&["eq", "ne"]), random.below(5)),
        3 => {
            let inner: Vec<String> = (0..=random.below(2)).map(|_| part(random)).collect();
            let inner = inner.join(random.pick(&[" and ", " or "]));
            let inner = if random.below(4) == 0 { format!("not ({inner})") } else { inner };
            if random.below(2) == 0 {
                format!("emails[{inner}]")
            } else {
                let then = comparison(random, "value");
                format!("emails[{inner}].{then}")
            }
        }
        4 => {
            let sub = part(random);
            format!("emails.{sub}")
        }
        5 => comparison(random, random_unstored(random.0)),
        _ => {
            let path = random.pick(&[
                "id",
                "externalId",
                "userName",
                "name.formatted",
                "name.familyName",
                "name.givenName",
                "displayName",
            ]);
            comparison(random, path)
        }
    }
}

fn random_unstored(seed: u64) -> &'static str {
    if seed.is_multiple_of(2) { "title" } else { "emails" }
}

fn part(random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("primary {} {}", random.pick(&["eq", "ne"]), random.pick(&["true", "false", "null"])),
        1 => "primary pr".to_owned(),
        _ => {
            let path = random.pick(&["value", "type", "display"]);
            comparison(random, path)
        }
    }
}

fn filter(random: &mut Random, depth: u32) -> String {
    match random.below(if depth == 0 { 1 } else { 5 }) {
        3 => format!("not ({})", filter(random, depth - 1)),
        4 => {
            let word = random.pick(&[" and ", " or "]);
            format!("({}){word}({})", filter(random, depth - 1), filter(random, depth - 1))
        }
        _ => leaf(random),
    }
}

/// Filters, responses and sorting use the same values, in both modes. A third of the accounts are foreign
/// to the group.
#[testkit::test]
async fn database_and_memory_agree_in_mode_rfc(database: Database) {
    database_and_memory_agree(&database, Mode::Rfc);
}

#[testkit::test]
async fn database_and_memory_agree_in_mode_gitlab(database: Database) {
    database_and_memory_agree(&database, Mode::GitLab);
}

fn database_and_memory_agree(database: &Database, mode: Mode) {
    let mut conn = database.open();
    plant(&mut conn);
    let mut random = Random(0x5eed_5c14);
    testkit::fixture::run(&mut conn, &format!("BEGIN; {} COMMIT;", crowd(&mut random)));
    let group =
        Group { id: 10, provider_id: 10, enforced_sso: false, default_role: 10, member_role_id: None };
    let tenant = Tenant { group: Some(group), mode, deleted_visible: false, keep_saml_identity: false };
    let search = |condition: Option<Condition>| Search {
        start_index: 1,
        count: 5000,
        condition,
        sort: None,
        selection: Selection::default(),
    };
    let everybody = database::scim::list(&mut conn, &tenant, &search(None), true).unwrap().users;
    assert!(everybody.len() > 900, "{}", everybody.len());
    let (mut tried, mut some) = (0, 0);
    while tried < FILTERS {
        let text = filter(&mut random, 2);
        let Ok(condition) = Condition::from_filter(
            &text.parse::<Filter>().unwrap_or_else(|error| panic!("{text}: {error}")),
            URL,
        ) else {
            continue;
        };
        let expected: Vec<i64> = everybody
            .iter()
            .filter(|stored| condition.holds(&stored.user, tenant.mode.mutability()))
            .map(|stored| stored.identity_id)
            .collect();
        let page = database::scim::list(&mut conn, &tenant, &search(Some(condition)), false)
            .unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let found: Vec<i64> = page.users.iter().map(|stored| stored.identity_id).collect();
        let strange = everybody
            .iter()
            .filter(|stored| found.contains(&stored.identity_id) != expected.contains(&stored.identity_id))
            .take(1)
            .collect::<Vec<_>>();
        assert!(found == expected, "{text}: {strange:?}");
        tried += 1;
        some += u32::from(!found.is_empty() && found.len() < everybody.len());
    }
    assert!(some > FILTERS / 2, "only {some} filters match some users and not others");
}
