use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Filter, crate::Error> {
    text.parse()
}

#[test]
fn words_have_any_case_and_values_need_no_quotes() {
    let expected = parse(r#"userName eq "a" and not (id pr)"#).unwrap();
    assert_eq!(expected.to_string(), r#"userName eq "a" and not (id pr)"#);
    assert_eq!(parse("  userName  EQ \"a\"  AND  NOT(id PR) ").unwrap(), expected);
    assert_eq!(parse("userName eq 'a' and not (id pr)").unwrap(), expected);
    let bare = parse("id eq 0b1d561c-21ff").unwrap();
    assert_eq!(bare.to_string(), "id eq 0b1d561c-21ff");
    let urn = parse("urn:ietf:params:scim:schemas:core:2.0:User:name.familyName sw x").unwrap();
    let Filter::Attribute(path, _) = &urn else { panic!("{urn}") };
    assert_eq!(path.urn.as_deref(), Some(crate::USER));
    assert_eq!((path.name.as_str(), path.sub.as_deref()), ("name", Some("familyName")));
}

#[test]
fn and_binds_closer_than_or() {
    let filter = parse("a pr and b pr or c pr").unwrap();
    assert_eq!(filter, parse("(a pr and b pr) or c pr").unwrap());
    assert_ne!(filter, parse("a pr and (b pr or c pr)").unwrap());
}

#[test]
fn filter_can_name_a_sub_attribute() {
    let filter = parse(r#"emails[type eq "work"].value eq "a@b.c""#).unwrap();
    assert_eq!(filter.to_string(), r#"emails[type eq "work"].value eq "a@b.c""#);
    assert_eq!(parse("emails[type eq work].value").unwrap().to_string(), "emails[type eq work].value pr");
    assert_eq!(
        parse("emails[primary eq true] and id pr").unwrap().to_string(),
        "emails[primary eq true] and id pr"
    );
}

#[test]
fn invalid_filter_is_refused() {
    let deep = format!("{}a pr{}", "(".repeat(1000), ")".repeat(1000));
    let many = vec!["a pr"; 65].join(" or ");
    let long = format!("a eq \"{}\"", "x".repeat(4096));
    for text in [
        "",
        "userName eq",
        "userName xx \"a\"",
        "(userName pr",
        "userName eq \"a",
        "userName eq 'a",
        "and",
        "a pr)",
        "a pr b pr",
        "a eq \"b\"c",
        "1a pr",
        "a.b.c pr",
        "a pr or",
        "not a pr",
        "a eq ()",
        "emails[",
        "emails[].value pr",
        "x:y pr",
        "a eq \"\\u0000\"",
        "a eq \0",
        "a eq \"\\x\"",
        &deep,
        &many,
        &long,
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.status, error.scim_type), (400, Some("invalidFilter")), "{text}");
    }
    assert!(parse(&format!("{}a pr{}", "(".repeat(32), ")".repeat(32))).is_ok());
    assert!(parse(&vec!["a pr"; 64].join(" or ")).is_ok());
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_$-]{0,6}".prop_filter("a word of the grammar", |name| {
        !["not", "and", "or", "pr"].contains(&name.to_ascii_lowercase().as_str())
    })
}

fn path() -> impl Strategy<Value = AttributePath> {
    let urn = proptest::option::of("urn:[a-z]{1,5}:[a-z0-9.]{1,5}(:[A-Z][a-z]{1,3})?");
    (urn, name(), proptest::option::of(name())).prop_map(|(urn, name, sub)| AttributePath { urn, name, sub })
}

fn test() -> impl Strategy<Value = Test> {
    let text = "[^\0]{0,8}".prop_map(Operand::Quoted);
    let bare = "[^\0\\s()\\[\\]\"'][^\0\\s()\\[\\]\"]{0,8}".prop_map(Operand::Bare);
    let operator = proptest::sample::select(Operator::ALL.map(|(_, operator)| operator).to_vec());
    let compare =
        (operator, prop_oneof![text, bare]).prop_map(|(operator, operand)| Test::Compare(operator, operand));
    prop_oneof![Just(Test::Present), compare]
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = (path(), test()).prop_map(|(path, test)| Filter::Attribute(path, test));
    leaf.prop_recursive(4, 24, 3, |inner| {
        let some = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            some.clone().prop_map(Filter::Or),
            some.prop_map(Filter::And),
            inner.clone().prop_map(|inner| Filter::Not(Box::new(inner))),
            (path(), inner, proptest::option::of((name(), test())))
                .prop_map(|(path, inner, then)| Filter::Element(path, Box::new(inner), then)),
        ]
    })
}

proptest! {
    #[test]
    fn a_printed_filter_is_read_as_the_same(filter in filter()) {
        let text = filter.to_string();
        prop_assert_eq!(parse(&text).map_err(|error| format!("{error}: {text}")), Ok(filter));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(?s)[a-z()\\[\\]\"'. :\\\\]{0,60}|.{0,60}") {
        if let Ok(filter) = parse(&text) {
            prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
        }
    }
}
