//! Input that nobody meant well.

use outdial_hoiio::{Fields, LONGEST_BODY, Page, Record, Value, read_answer, voice};

#[test]
fn forms_that_cannot_be_read_are_refused_by_name() {
    let long = "a".repeat(LONGEST_BODY + 1);
    let many: String = (0..300).map(|number| format!("f{number}=1&")).collect();
    for (form, named) in [
        ("dest2=%FF%FE", "dest2"),
        ("%FF=1", "form"),
        ("dest2=%2B651&dest2=%2B652", "dest2"),
        (long.as_str(), "form"),
        (many.as_str(), "form"),
    ] {
        let invalid = Fields::from_form(form).unwrap_err();
        assert_eq!(invalid.faults()[0].field, named);
    }
}

#[test]
fn odd_forms_are_read_as_far_as_they_go() {
    let fields = Fields::from_form("&&dest2=%2B65%zz&tag&a=1&a=1&=x").unwrap();
    assert_eq!(fields.get("dest2"), Some("+65%zz"));
    assert_eq!(fields.get("tag"), Some(""));
    assert_eq!(fields.iter().filter(|(name, _)| *name == "a").count(), 1);
}

#[test]
fn answers_that_are_none() {
    let deep = "[".repeat(100_000);
    for text in [
        &b""[..],
        b"[]",
        b"null",
        b"{}",
        b"{\"status\":7}",
        b"<html>busy</html>",
        b"\xff\xfe{",
        deep.as_bytes(),
        b"{\"status\":\"success_ok\"",
        b"{\"status\":\"success_ok\"}",
        b"{\"status\":\"success_ok\",\"txn_ref\":{\"a\":1}}",
        b"{\"status\":\"success_ok\",\"txn_ref\":\"a\",\"duration\":\"-1\"}",
        b"{\"status\":\"success_ok\",\"txn_ref\":\"a\",\"duration\":\"99999999999\"}",
        b"{\"status\":\"success_ok\",\"txn_ref\":\"a\",\"rate\":\"NaN\"}",
        b"{\"status\":\"success_ok\",\"txn_ref\":\"a\",\"date\":\"2012-02-30 00:00:00\"}",
    ] {
        assert!(read_answer::<voice::CallStatus>(text).is_err(), "{:?}", text.get(..40));
    }
    let huge = vec![b' '; LONGEST_BODY + 1];
    assert!(read_answer::<voice::CallStatus>(&huge).is_err());
    let entries = br#"{"status":"success_ok","entries":[1,2]}"#;
    assert!(read_answer::<Page<voice::CallStatus>>(entries).is_err());
}

#[test]
fn times_that_are_none() {
    for text in [
        "",
        "2012-01-31",
        "2012-01-31T12:06:15",
        "31.01.2012 12:06",
        "2012-01-31 25:00:00",
        "２012-01-31 12:06:15",
    ] {
        assert_eq!(jiff::Zoned::read(text), None, "{text}");
    }
}

#[test]
fn json_that_is_no_request() {
    for text in [
        "",
        "[]",
        "7",
        "{\"dest2\": {\"a\": 1}}",
        "{\"dest2\": [[1]]}",
        "{\"dest2\": 1",
    ] {
        assert!(voice::Call::from_json(text).is_err(), "{text}");
    }
}
