//! Input that nobody meant well.

use outdial_voicent::{CallRequest, Form, LONGEST_BODY, ReqId, Status, Table, Vcast};
use proptest::prelude::*;

#[test]
fn forms_that_are_refused_by_name() {
    let many: String = (0..300).map(|number| format!("f{number}=1&")).collect();
    assert!(Form::read(many.as_bytes()).is_err());
    assert!(Form::read(&vec![b'a'; LONGEST_BODY + 1]).is_err());
    let twice = Form::read(b"phoneno=1&phoneno=2").unwrap_err();
    assert_eq!(twice.to_string(), "phoneno is given twice with different values");
    assert!(Form::read(b"phoneno=1&phoneno=1").is_ok());
}

#[test]
fn names_of_requests_are_digits() {
    let long = "1".repeat(33);
    for wrong in ["", "abc", "1 2", "-1", "１２", "1]", long.as_str()] {
        assert!(ReqId::new(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn records_that_are_none() {
    let huge = "^".repeat(1_000_000);
    for body in [
        "",
        "[",
        "]",
        "<html>^made^</html>",
        "[0^null^made",
        "[0^null^made^x^y^z",
        "[0^^^1 2 3 4 5^99999 1 1 1 1^^^^^^]",
        huge.as_str(),
    ] {
        let status = Status::read(body);
        let _ = (status.print(), status.outcome());
    }
}

proptest! {
    #[test]
    fn nothing_falls_over(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(form) = Form::read(&bytes) {
            let _ = CallRequest::from_form(&form);
            let _ = outdial_voicent::CampaignRequest::from_form(&form);
            let _ = outdial_voicent::Notice::from_form(&form);
        }
        let _ = Status::read(&text).print();
        let _ = Vcast::read(&text);
        let _ = Table::read(&bytes);
        let _ = outdial_voicent::Accepted::read(&text);
    }

    #[test]
    fn a_request_comes_back_from_its_form(phone in "[ -~]{1,20}", text in "[^\u{fffd}]{1,40}", delete: bool, minutes in proptest::option::of(any::<u32>())) {
        let mut request = CallRequest::text(phone, text).self_delete(delete);
        request.call_time = minutes;
        let printed = request.to_form().print();
        prop_assert_eq!(CallRequest::from_form(&Form::read(printed.as_bytes()).unwrap()).unwrap(), request);
    }

    #[test]
    fn a_status_is_read_as_it_was_printed(body in "[a-z0-9 ^\\[\\]|=\n]{0,80}") {
        let once = Status::read(&Status::read(&body).print());
        prop_assert_eq!(Status::read(&once.print()), once);
    }

    #[test]
    fn a_command_line_keeps_its_values(list in "[^\"\\p{C}]{1,20}", wav in "[^\"\\p{C}]{0,20}", code in "[^\"\\p{C}]{0,10}", rows in any::<u32>()) {
        let mut vcast = Vcast::till_confirm(list, wav, code);
        vcast.start_from_row = Some(rows);
        vcast.text = Some("-startnow".into());
        prop_assert_eq!(Vcast::read(&vcast.print().unwrap()).unwrap(), vcast);
    }

    #[test]
    fn a_table_comes_back_from_its_csv(rows in proptest::collection::vec(proptest::collection::vec("[^\u{0}\u{feff}]{0,10}", 3), 0..5)) {
        let table = Table { header: vec!["Name".into(), "Phone".into(), "x".into()], rows };
        prop_assert_eq!(Table::read(table.print().as_bytes()).unwrap(), table);
    }
}
