//! Alerts about a cluster: what agentk's module for Cilium sends, and what any other tool may send.
use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

use crate::agents::vulnerability::{Fingerprint, fingerprint};

const UNTITLED: &str = "New: Alert";
const TOOL: &str = "Cilium";

/// One alert, cut to what its columns hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub title: String,
    pub description: Option<String>,
    pub service: Option<String>,
    pub monitoring_tool: String,
    pub hosts: Vec<String>,
    /// 0 critical, 1 high, 2 medium, 3 low, 4 info, 5 unknown
    pub severity: i16,
    pub fingerprint: Fingerprint,
    pub started_at: NaiveDateTime,
    /// It is over.
    pub ended_at: Option<NaiveDateTime>,
    /// As it was sent.
    pub payload: Value,
}

impl Alert {
    /// Reads an alert that was sent at `now`.
    pub fn read(payload: Value, now: NaiveDateTime) -> Self {
        let at = |path: &str| payload.pointer(path).and_then(text);
        let title = at("/title").or_else(|| at("/ciliumNetworkPolicy/metadata/name"));
        let title = cut(&title.unwrap_or_else(|| UNTITLED.to_owned()), 200);
        let named = at("/fingerprint").unwrap_or_else(|| {
            let part = |path: &str| at(path).unwrap_or_default();
            let namespace = part("/ciliumNetworkPolicy/metadata/namespace");
            let (source, destination) = (part("/flow/source/namespace"), part("/flow/destination/namespace"));
            format!("{title}:{namespace}:{source}:{destination}")
        });
        let moment = |path: &str| at(path).as_deref().and_then(moment);
        Self {
            description: at("/description").map(|text| cut(&text, 1000)),
            service: at("/service").map(|text| cut(&text, 100)),
            monitoring_tool: cut(at("/monitoring_tool").as_deref().unwrap_or(TOOL), 100),
            hosts: payload.get("hosts").map(hosts).unwrap_or_default(),
            severity: severity(at("/severity").as_deref()),
            fingerprint: fingerprint(&named),
            started_at: moment("/start_time").or_else(|| moment("/flow/time")).unwrap_or(now),
            ended_at: at("/end_time").map(|text| self::moment(&text).unwrap_or(now)),
            title,
            payload,
        }
    }
}

/// A text that is not blank; a number is taken for its text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

fn severity(word: Option<&str>) -> i16 {
    match word.unwrap_or_default().to_ascii_lowercase().as_str() {
        "high" => 1,
        "medium" => 2,
        "low" => 3,
        "info" => 4,
        "unknown" => 5,
        _ => 0,
    }
}

/// One host or lists of them, as one list whose texts have 255 characters together.
fn hosts(value: &Value) -> Vec<String> {
    let mut room = 255;
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values.iter().rev()),
            value => found.extend(text(value).filter(|host| {
                let length = host.chars().count();
                let fits = length <= room;
                room = if fits { room - length } else { 0 };
                fits
            })),
        }
    }
    found
}

/// A moment in one of the forms that tools write; without a zone it is UTC.
fn moment(text: &str) -> Option<NaiveDateTime> {
    let zoned = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    let plain = || {
        let text = text.trim_end_matches(" UTC");
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    };
    let moment = zoned.map(|moment| moment.naive_utc()).ok().or_else(plain)?;
    // In whole microseconds, as the databases keep it.
    DateTime::from_timestamp_micros(moment.and_utc().timestamp_micros()).map(|moment| moment.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> NaiveDateTime {
        moment("2022-06-02T05:36:26Z").unwrap()
    }

    #[test]
    fn agentks_alert_is_named_by_its_policy() {
        let alert = Alert::read(
            json!({
                "flow": { "time": "2021-01-02T03:04:05.5+01:00", "source": { "namespace": "a" }, "destination": { "namespace": "b" } },
                "ciliumNetworkPolicy": { "metadata": { "name": "deny-all", "namespace": "n" } },
            }),
            now(),
        );
        assert_eq!(
            (alert.title.as_str(), alert.monitoring_tool.as_str(), alert.severity),
            ("deny-all", "Cilium", 0)
        );
        assert_eq!(alert.started_at, moment("2021-01-02 02:04:05.5 UTC").unwrap());
        assert_eq!(alert.fingerprint, fingerprint("deny-all:n:a:b"));
        assert_eq!(alert.ended_at, None);
    }

    #[test]
    fn any_tools_alert_is_cut_to_its_columns() {
        let alert = Alert::read(
            json!({
                "title": "ü".repeat(300), "description": "d".repeat(2000), "service": "s".repeat(200), "severity": "Low",
                "monitoring_tool": "m".repeat(200), "fingerprint": 7, "end_time": "2021-01-02T03:04:05", "start_time": "soon",
                "hosts": ["a", ["b", { "c": 1 }, 4], "d".repeat(260), "e"],
            }),
            now(),
        );
        let lengths = [
            Some(&alert.title),
            alert.description.as_ref(),
            alert.service.as_ref(),
            Some(&alert.monitoring_tool),
        ];
        assert_eq!(
            lengths.map(|text| text.map(|text| text.chars().count())),
            [Some(200), Some(1000), Some(100), Some(100)]
        );
        assert_eq!((alert.severity, alert.fingerprint), (3, fingerprint("7")));
        assert_eq!(alert.hosts, ["a", "b", "4"]);
        assert_eq!((alert.started_at, alert.ended_at), (now(), moment("2021-01-02T03:04:05Z")));
    }

    #[test]
    fn an_empty_alert_is_one() {
        let alert = Alert::read(json!({}), now());
        assert_eq!((alert.title.as_str(), alert.started_at), (UNTITLED, now()));
        assert_eq!(alert.fingerprint, fingerprint("New: Alert:::"));
    }

    proptest::proptest! {
        #[test]
        fn any_texts_are_read(title in "\\PC*", time in "\\PC*", hosts in proptest::collection::vec("\\PC{0,99}", 0..9)) {
            let alert = Alert::read(json!({ "title": title, "start_time": time, "hosts": hosts }), now());
            proptest::prop_assert!(alert.title.chars().count() <= 200);
            proptest::prop_assert!(alert.hosts.iter().map(|host| host.chars().count()).sum::<usize>() <= 255);
        }
    }
}
