//! The grammar as tables. `cron.ParseStandard` of robfig/cron v3.0.1 gives the same results, except for the time zones
//! that only this parser rejects.
use super::*;

/// Accepted by robfig/cron and by this parser.
const ACCEPTED: &[&str] = &[
    "* * * * *",
    "0 0 1 1 0",
    "59 23 31 12 6",
    "30 2 * * *",
    "0 3 ? * ?",
    "? ? ? ? ?",
    "*/75 * * * *",
    "*/1 * * * *",
    "*/59 */23 */31 */12 */6",
    "?/5 * * * *",
    "5/10 * * jan-mar MON",
    "1,,2 * * * *",
    ",1 * * * *",
    "1, * * * *",
    ", * * * *",
    ",,, , , , ,",
    "+5 03 * * *",
    "00 00 01 01 00",
    "000000000000000000000059 * * * *",
    "0 0 31 2 *",
    "0 0 30 2 *",
    "1-5 * * * *",
    "1-5/2 * * * *",
    "5-5 * * * *",
    "0-59 0-23 1-31 1-12 0-6",
    "0-59/60 * * * *",
    "59/100 * * * *",
    "0/1 * * * *",
    "*-5 * * * *",
    "*- * * * *",
    "*-foo * * * *",
    "*-1-2-3 * * * *",
    "?-x * * * *",
    "*-99/5 * * * *",
    "*/9223372036854775807 * * * *",
    "*/+5 * * * *",
    "1-+5 * * * *",
    "+1-+5/+2 * * * *",
    "1/007 * * * *",
    "0,15,30,45 * * * *",
    "*,5 * * * *",
    "1-5,10-20/2,59 * * * *",
    "0 0 * jan *",
    "0 0 * JAN *",
    "0 0 * jAn-DeC *",
    "0 0 * feb,mar,apr,may,jun,jul *",
    "0 0 * aug,sep,oct,nov,dec *",
    "0 0 * jan/2 *",
    "0 0 * 1-dec *",
    "0 0 * jan-12/3 *",
    "0 0 * * sun",
    "0 0 * * SAT",
    "0 0 * * sun-sat",
    "0 0 * * mon,tue,wed,thu,fri",
    "0 0 * * 0-sat",
    "0 0 * * 5/1",
    "0 0 * * 0-6/2",
    "0 0 * * 6",
    "0 0 * * FR\u{130}",
    "0 12 1,15 * 1-5",
    "  0 3 * * *",
    "0 3 * * *  ",
    "0\t3\t*\t*\t*",
    "0 3  *   *    *",
    "0\u{a0}3\u{3000}* * *",
    "0 3 * * *\n",
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
    "@every 1h30m",
    "@every 1.5h",
    "@every 90s",
    "@every 0",
    "@every +0",
    "@every -0",
    "@every -1h",
    "@every +1h",
    "@every 1h1h1h",
    "@every 1ns",
    "@every 1us",
    "@every 1\u{b5}s",
    "@every 1\u{3bc}s",
    "@every 1ms",
    "@every .5s",
    "@every 5.s",
    "@every 1.m",
    "@every 0.000000000000000000000001h",
    "@every 1h0.5m",
    "@every 2562047h",
    "@every 9223372036854775807ns",
    "@every -9223372036854775808ns",
    "@every 2562047h47m16.854775807s",
    "@every 0.9223372036854775808s",
    "@every 0.99999999999999999999999s",
    "TZ=Europe/Berlin 0 3 * * *",
    "CRON_TZ=Etc/GMT+1 @weekly",
    "TZ=CET   @daily",
    "TZ=UTC @every 1h",
    "TZ=UTC @daily ",
    "TZ=UTC \t@daily\n",
    "TZ=US/Pacific 0 3 * * *",
    "TZ=America/Argentina/Buenos_Aires 0 3 * * *",
    "TZ=America/Port-au-Prince 0 3 * * *",
    "TZ=Etc/GMT-14 0 3 * * *",
    "TZ=GMT0 0 3 * * *",
    "TZ=W-SU 0 3 * * *",
    "TZ=Europe/Kyiv 0 3 * * *",
    "TZ=Europe/Kiev 0 3 * * *",
    "TZ=Asia/Calcutta 0 3 * * *",
    "TZ=EST5EDT 0 3 * * *",
    "TZ=Factory 0 3 * * *",
    "CRON_TZ=Zulu   0 3 * * *  ",
];

/// Rejected by robfig/cron with an error, and by this parser.
const REFUSED: &[&str] = &[
    "",
    " ",
    "nope",
    "0",
    "* * * *",
    "* * * * * *",
    "0 3 * *",
    "0 0 3 * * *",
    "0 3 * * * 2026",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * 32 * *",
    "* * * 0 *",
    "* * * 13 *",
    "* * * * 7",
    "0 3 * * 7",
    "0 3 * * 0,7",
    "0 3 * * 07",
    "0 3 * * 1-7",
    "0 3 * * 5-7/2",
    "0 3 * * 7/1",
    "0 3 * * fri-sun",
    "0 3 * * sat-mon",
    "0 3 * * Sunday",
    "0 3 * * mond",
    "0 3 * * mo",
    "0 3 * * mon#1",
    "0 3 * * 5L",
    "0 3 L * *",
    "0 3 LW * *",
    "0 3 15W * *",
    "0 3 * january *",
    "0 3 * ja *",
    "0 3 * dec-jan *",
    "0 3 jan * *",
    "mon * * * *",
    "* mon * * *",
    "* * * mon *",
    "* * * * jan",
    "5-1 * * * *",
    "*/0 * * * *",
    "*/00 * * * *",
    "*/-0 * * * *",
    "*/-1 * * * *",
    "1/0 * * * *",
    "1-5/0 * * * *",
    "*/ * * * *",
    "1/ * * * *",
    "/5 * * * *",
    "/ * * * *",
    "1- * * * *",
    "-1 * * * *",
    "- * * * *",
    "-0 * * * *",
    "1-2-3 * * * *",
    "1-- * * * *",
    "1--2 * * * *",
    "*/2/3 * * * *",
    "1-5/2/3 * * * *",
    "*// * * * *",
    "** * * * *",
    "*5 * * * *",
    "5* * * * *",
    "*,60 * * * *",
    "1,x * * * *",
    "1,2,3-60 * * * *",
    "0-60 * * * *",
    "60/1 * * * *",
    "++5 * * * *",
    "+ * * * *",
    "+-5 * * * *",
    "5+ * * * *",
    "*/9223372036854775808 * * * *",
    "*/99999999999999999999 * * * *",
    "9223372036854775807 * * * *",
    "9223372036854775808 * * * *",
    "1.5 * * * *",
    "1e1 * * * *",
    "0x5 * * * *",
    "1_0 * * * *",
    "\u{663} * * * *",
    "* * * * \u{ff13}",
    "0\u{200b}3 * * *",
    "0 3 * * *\0",
    "H * * * *",
    "H/5 * * * *",
    "~ * * * *",
    "0 3 $ * *",
    "0;3 * * *",
    "0 3 * * ma\u{212a}",
    "@",
    "@Daily",
    "@DAILY",
    "@reboot",
    "@every",
    "@every ",
    "@every1h",
    "@every  1h",
    "@every 1h ",
    "@every\t1h",
    "@EVERY 1h",
    "@every 1d",
    "@every 1w",
    "@every 90",
    "@every 1",
    "@every 00",
    "@every h",
    "@every .",
    "@every .h",
    "@every 1.",
    "@every -",
    "@every +",
    "@every --1h",
    "@every +-1h",
    "@every - 1h",
    "@every 1h30",
    "@every 1h 30m",
    "@every 1H",
    "@every 1S",
    "@every 1hr",
    "@every 1,5h",
    "@every 1..5h",
    "@every 1.5.5h",
    "@every 1_000s",
    "@every 1e3s",
    "@every 2562048h",
    "@every 2562047.8h",
    "@every 9223372036854775808ns",
    "@every -9223372036854775809ns",
    "@every 99999999999999999999ns",
    "@every 2562047h47m16.854775808s",
    "@daily ",
    " @daily",
    "\t@daily",
    "@daily\n",
    "@daily @daily",
    "@daily * * * *",
    "@hourly 0 3 * * *",
    "@secondly",
    "@minutely",
    "@quarterly",
    "@weekdays",
    "TZ=Europe/Nowhere 0 3 * * *",
    "TZ=europe/berlin 0 3 * * *",
    "TZ=EUROPE/BERLIN 0 3 * * *",
    "TZ=Europe/Berlin/ 0 3 * * *",
    "TZ=/Europe/Berlin 0 3 * * *",
    "TZ=../Europe/Berlin 0 3 * * *",
    "TZ=Europe 0 3 * * *",
    "TZ=utc 0 3 * * *",
    "TZ=+02:00 0 3 * * *",
    "TZ=UTC+1 0 3 * * *",
    "TZ=CEST 0 3 * * *",
    "TZ=tzdata.zi 0 3 * * *",
    "TZ=local @daily",
    "TZ=UTC ",
    "TZ=UTC\t0 3 * * *",
    "TZ=UTC,0 3 * * *",
    "TZ=UTC 3 * * *",
    "TZ=UTC 0 3 * * 7",
    "TZ=UTC TZ=UTC 0 3 * * *",
    "TZ=UTC @reboot",
    "TZ =UTC 0 3 * * *",
    " TZ=UTC 0 3 * * *",
    "tz=UTC 0 3 * * *",
    "Tz=UTC 0 3 * * *",
    "cron_tz=UTC 0 3 * * *",
    "CRON_TZ =UTC 0 3 * * *",
    "CRON=UTC 0 3 * * *",
    "ZONE=UTC 0 3 * * *",
    "TZ=\"UTC\" 0 3 * * *",
    "0 3 * * * TZ=UTC",
    "# 0 3 * * *",
    "TZ=# 0 3 * * *",
];

/// robfig/cron panics, because no space follows the time zone.
const PANICS: &[&str] = &["TZ=Europe/Berlin", "TZ="];

/// Accepted by robfig/cron, but rejected here: not an IANA name, or one that depends on the container.
const STRICTER_ZONES: &[&str] =
    &["TZ=posix/Europe/Berlin 0 3 * * *", "TZ=Local @daily", "TZ= 0 3 * * *", "CRON_TZ= @daily"];

#[test]
fn accepts_expressions_that_agentk_parses() {
    for cadence in ACCEPTED {
        assert!(is_valid(cadence), "{cadence:?}");
    }
}

#[test]
fn refuses_expressions_that_agentk_cannot_parse() {
    for cadence in REFUSED.iter().chain(PANICS).chain(STRICTER_ZONES) {
        assert!(!is_valid(cadence), "{cadence:?}");
    }
}

#[test]
fn table_has_at_least_200_distinct_expressions() {
    let tables = [ACCEPTED, REFUSED, PANICS, STRICTER_ZONES];
    let all: std::collections::BTreeSet<_> = tables.concat().into_iter().collect();
    assert_eq!(all.len(), tables.map(<[_]>::len).iter().sum::<usize>());
    assert!(all.len() >= 200, "{}", all.len());
}

#[test]
fn time_zones_are_sorted_names() {
    let names: Vec<_> = TIME_ZONES.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(names.is_sorted() && names.len() > 590, "{}", names.len());
    assert!(names.iter().all(|name| is_time_zone(name) && name.trim() == *name && !name.is_empty()));
}

proptest::proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "\\PC*") {
        let _ = is_valid(&text);
    }

    #[test]
    fn nearly_valid_text_gets_an_answer(text in "((CRON_)?TZ=UTC ?)?(@every )?[-+*?/,0-9a-z. ]{0,40}") {
        let _ = is_valid(&text);
    }

    #[test]
    fn numbers_within_their_bounds_are_valid(m in 0..60, h in 0..24, d in 1..32, n in 1..13, w in 0..7) {
        let cadence = format!("{m} {h} {d} {n} {w}");
        proptest::prop_assert!(is_valid(&cadence));
    }

    #[test]
    fn numbers_outside_their_bounds_are_not(field in 0_usize..5, above in 1_i64..1000) {
        let mut fields = ["*"; 5];
        let number = (FIELDS[field].max + above).to_string();
        fields[field] = &number;
        proptest::prop_assert!(!is_valid(&fields.join(" ")));
    }
}
