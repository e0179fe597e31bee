//! What is printed is read as it was.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use outdial_exotel::call::{Call, CallAnswer, CallStatus, Connect};
use outdial_exotel::sms::{SendSms, Sms, SmsAnswer, SmsStatus};
use outdial_exotel::{Answer, Fields, Format, Node, Record, Route, time};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// What both XML and a form can carry. Absent and empty are the same on this wire.
fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[^\\p{C}\u{fffe}\u{ffff}]{1,20}|a\r\nb").unwrap()
}

prop_compose! {
    fn call()(
        sid in text(),
        to in proptest::option::of(text()),
        seconds in proptest::option::of(0_i64..4_000_000_000),
        status in proptest::option::of(proptest::sample::select(CallStatus::ALL)),
        duration in proptest::option::of(any::<u32>()),
        price in proptest::option::of((any::<i64>(), 0_u32..8)),
    ) -> Call {
        let mut call = Call::new(sid);
        call.to = to;
        call.date_created = seconds.map(|seconds| time(jiff::Timestamp::from_second(seconds).unwrap()));
        call.status = status;
        call.duration = duration;
        call.price = price.map(|(number, scale)| Decimal::new(number, scale));
        call
    }
}

proptest! {
    #[test]
    fn a_call_comes_back_from_both_forms(call in call()) {
        let answer = CallAnswer::from(call);
        for format in [Format::Json, Format::Xml] {
            prop_assert_eq!(&CallAnswer::read(answer.print(format).as_bytes()).unwrap(), &answer);
        }
    }

    #[test]
    fn texts_come_back_from_both_forms(bodies in proptest::collection::vec(text(), 1..4)) {
        let answer = SmsAnswer(bodies.into_iter().map(|body| Sms::new("s").body(body).status(SmsStatus::Sent)).collect());
        for format in [Format::Json, Format::Xml] {
            prop_assert_eq!(&SmsAnswer::read(answer.print(format).as_bytes()).unwrap(), &answer);
        }
    }

    #[test]
    fn requests_come_back_from_every_encoding(from in text(), to in text(), field in text(), numbers in proptest::collection::vec("[0-9]{1,9}", 1..5)) {
        let call = Connect::numbers(from.clone(), to, "88").custom_field(field);
        let sms = SendSms::new(from, numbers, "a&b=c\r\n--x");
        let (kind, body) = call.to_fields().to_multipart();
        prop_assert_eq!(Connect::from_fields(&Fields::from_request(None, Some(&kind), &body).unwrap()).unwrap(), call.clone());
        prop_assert_eq!(Connect::from_form(&call.to_fields().to_form()).unwrap(), call);
        prop_assert_eq!(SendSms::from_form(&sms.to_fields().to_form()).unwrap(), sms);
    }

    #[test]
    fn nothing_falls_over(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in proptest::option::of("\\PC{0,40}"), path in "(/[a-zA-Z0-9%.]{0,8}){0,6}|\\PC*") {
        let _ = Node::read(&bytes).map(|node| (node.print(Format::Xml), node.print(Format::Json)));
        let _ = Fields::from_request(None, kind.as_deref(), &bytes).map(|fields| Connect::from_request(&fields));
        let _ = Route::read(&path);
    }

    #[test]
    fn xml_never_falls_over(text in "(<|>|/|&|;|a|TwilioResponse|!\\[CDATA\\[|\\]\\]|!--|--| |\"|=|#x41){0,40}") {
        let _ = Node::read(format!("<{text}").as_bytes());
    }
}
