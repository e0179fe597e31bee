//! Input that nobody meant well.

use outdial_exotel::call::{CallAnswer, Connect};
use outdial_exotel::callback::CallCallback;
use outdial_exotel::sms::{SendBulk, SmsAnswer};
use outdial_exotel::{Answer, Fields, LONGEST_BODY, Node, Record};

#[test]
fn xml_that_is_none_or_worse() {
    let deep = format!("<TwilioResponse>{}", "<a>".repeat(100_000));
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><TwilioResponse><Call><Sid>&b;</Sid></Call></TwilioResponse>";
    let file = "<!DOCTYPE r [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><TwilioResponse><Call><Sid>&a;</Sid></Call></TwilioResponse>";
    for text in [
        "<",
        "<TwilioResponse>",
        "<TwilioResponse><Call></TwilioResponse>",
        "<TwilioResponse/><TwilioResponse/>",
        "<html><body>busy</body></html>",
        "<TwilioResponse><Call><Sid>&unknown;</Sid></Call></TwilioResponse>",
        "<TwilioResponse><Call><Sid>&#xFFFFFFFF;</Sid></Call></TwilioResponse>",
        "<TwilioResponse><Call/></TwilioResponse>",
        "<TwilioResponse><Call><Sid>a</Sid><Duration>long</Duration></Call></TwilioResponse>",
        bomb,
        file,
        deep.as_str(),
    ] {
        assert!(CallAnswer::read(text.as_bytes()).is_err(), "{:?}", text.get(..60));
    }
}

#[test]
fn json_that_is_no_answer() {
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    for text in [
        &b""[..],
        b"null",
        b"7",
        b"[]",
        b"{}",
        b"\"Call\"",
        b"\xff\xfe{\0",
        b"{\"Call\":{}}",
        b"{\"Call\":[1]}",
        deep.as_bytes(),
    ] {
        assert!(CallAnswer::read(text).is_err(), "{text:?}");
        assert!(SmsAnswer::read(text).is_err(), "{text:?}");
    }
    assert!(Node::read(&vec![b' '; LONGEST_BODY + 1]).is_err());
}

#[test]
fn bodies_that_cannot_be_read() {
    let many: String = (0..2000).map(|number| format!("f{number}=1&")).collect();
    let huge = vec![b'a'; LONGEST_BODY + 1];
    let form = Some("application/x-www-form-urlencoded");
    let parts = Some("multipart/form-data; boundary=x");
    for (kind, body) in [
        (form, &b"From=%FF%FE"[..]),
        (form, b"\xff\xfeFrom=1"),
        (form, many.as_bytes()),
        (form, &huge),
        (parts, b"--x\r\n"),
        (parts, b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"),
        (parts, b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"),
        (parts, b"no part at all"),
        (None, b"--x\nFrom"),
        (None, b"{\"From\":"),
    ] {
        assert!(Fields::from_request(None, kind, body).is_err(), "{:?}", body.get(..60));
    }
}

#[test]
fn fields_that_contradict_each_other() {
    assert!(Connect::from_form("From=1&From=2&CallerId=3").is_err());
    assert!(Connect::from_form("From=1&From=1&CallerId=3&To[x]=4").is_ok_and(|call| call.to.is_none()));
    assert!(Connect::from_form("From=1&CallerId=3&TimeLimit=-1").is_err());
    assert!(Connect::from_form("From=1&CallerId=3&Record=maybe").is_err());
}

#[test]
fn bulk_and_callbacks_that_are_none() {
    for body in [
        &b"{}"[..],
        b"[]",
        b"{\"Messages\":7}",
        b"{\"Messages\":[7]}",
        b"{\"Messages\":[{\"To\":[1,2],\"Body\":\"x\"}]}",
    ] {
        assert!(SendBulk::read(body).is_err(), "{body:?}");
    }
    let many = format!("{{\"Messages\":[{}{{}}]}}", "{},".repeat(1_000_000));
    assert_eq!(SendBulk::read(many.as_bytes()).unwrap_err().faults().len(), 1);
    for body in [
        &b""[..],
        b"Status=completed",
        b"{\"CallSid\":null}",
        b"CallSid=a&Legs[0][OnCallDuration]=x",
    ] {
        assert!(CallCallback::read(None, body).is_err(), "{body:?}");
    }
}
