//! What is printed is read as it was.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::Timestamp;
use outdial_hoiio::{Fields, Page, Record, Status, print_answer, read_answer, sms, voice};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// Absent and empty are the same on this wire.
fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[^,]{1,20}").unwrap()
}

fn state() -> impl Strategy<Value = voice::CallState> {
    proptest::sample::select(voice::CallState::ALL)
}

prop_compose! {
    fn call()(
        dest2 in text(),
        dest1 in proptest::option::of(text()),
        caller_id in proptest::option::of(text()),
        max_duration in proptest::option::of(any::<u32>()),
        tag in proptest::option::of(text()),
    ) -> voice::Call {
        let mut call = voice::Call::new(dest2);
        call.dest1 = dest1;
        call.caller_id = caller_id;
        call.max_duration = max_duration;
        call.tag = tag;
        call
    }
}

prop_compose! {
    fn status()(
        txn_ref in text(),
        tag in "\\PC{0,20}",
        dest1 in text(),
        states in (proptest::option::of(state()), proptest::option::of(state())),
        seconds in proptest::option::of(0_i64..4_000_000_000),
        duration in proptest::option::of(any::<u32>()),
        rate in proptest::option::of((any::<i64>(), 0_u32..10)),
    ) -> voice::CallStatus {
        let mut status = voice::CallStatus::new(txn_ref).tag(tag).dest1(dest1);
        (status.call_status_dest1, status.call_status_dest2) = states;
        status.date = seconds.map(|seconds| outdial_hoiio::time(Timestamp::from_second(seconds).unwrap()));
        status.duration = duration;
        status.rate = rate.map(|(number, scale)| Decimal::new(number, scale));
        status
    }
}

proptest! {
    #[test]
    fn a_call_comes_back_from_its_form(call in call()) {
        prop_assert_eq!(&voice::Call::from_form(&call.to_form()).unwrap(), &call);
        prop_assert_eq!(voice::Call::from_fields_strictly(&call.to_fields()).unwrap(), call);
    }

    #[test]
    fn a_conference_comes_back_from_its_form(dest in proptest::collection::vec("\\+[0-9]{3,15}", 1..8)) {
        let conference = voice::Conference::new(dest);
        prop_assert_eq!(voice::Conference::from_form(&conference.to_form()).unwrap(), conference);
    }

    #[test]
    fn a_history_comes_back_from_its_json(entries in proptest::collection::vec(status(), 0..4), total in any::<u32>()) {
        let page = Page { total_entries_count: total, entries };
        let read = read_answer::<Page<voice::CallStatus>>(print_answer(&page).as_bytes());
        prop_assert_eq!(read.unwrap().unwrap(), page);
    }

    #[test]
    fn any_word_is_kept(word in "\\PC*") {
        prop_assert_eq!(Status::read(&word).to_string(), word);
    }

    #[test]
    fn nothing_falls_over(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_answer::<Page<voice::CallStatus>>(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(fields) = Fields::from_form(&text) {
            let _ = voice::Call::from_fields(&fields);
            prop_assert_eq!(Fields::from_form(&fields.to_form()).unwrap(), fields);
        }
        let _ = sms::parts(&text);
    }
}
