//! Reading what git prints, whole, cut and mangled.
use super::{Error, are_object_ids, next_object, next_text};

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// All objects of an output, or the error.
fn objects(mut text: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    wait(async {
        let mut found = Vec::new();
        while let Some(object) = next_object(&mut text).await? {
            found.push(object);
        }
        Ok(found)
    })
}

#[test]
fn truncated_output_is_too_much_and_invalid_output_is_an_error() {
    assert!(matches!(objects(b"a blob 5\nhell"), Err(Error::TooMuch)));
    assert!(matches!(objects(b"a blob 5\nhello"), Err(Error::TooMuch)));
    assert!(matches!(objects(b"a blob"), Err(Error::TooMuch)));
    assert!(matches!(objects(b"a missing\n"), Err(Error::Git(_))));
    assert!(matches!(objects(b"a blob many\nhello\n"), Err(Error::Git(_))));
    assert!(matches!(objects(b"a blob 18446744073709551615\nhello\n"), Err(Error::Git(_) | Error::TooMuch)));
    assert!(matches!(wait(next_text(&mut &b"a\0b"[..], 0)), Ok(Some(text)) if text == "a"));
}

#[test]
fn nothing_but_object_ids_is_written_to_git() {
    let (short, long) = ("a".repeat(40), "0".repeat(64));
    assert!(are_object_ids([short.as_str(), &long]).is_ok());
    for bad in
        ["", "--all", "HEAD", "a", &"g".repeat(40), &format!("{short}\n"), &format!("^{}", &short[1..])]
    {
        assert!(are_object_ids([short.as_str(), bad]).is_err(), "{bad:?}");
    }
}

proptest::proptest! {
    #[test]
    fn output_of_git_is_parsed(contents in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..64), 0..6)) {
        let mut text = Vec::new();
        for (index, content) in contents.iter().enumerate() {
            text.extend(format!("{index} blob {}\n", content.len()).bytes());
            text.extend(content);
            text.push(b'\n');
        }
        let expected: Vec<_> = contents.into_iter().enumerate().map(|(index, content)| (index.to_string(), content)).collect();
        proptest::prop_assert_eq!(objects(&text).unwrap(), expected);
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = objects(&bytes);
        let _ = objects(&[b"a blob ", &bytes[..]].concat());
    }
}
