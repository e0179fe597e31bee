//! Bytes written by hand, in both directions.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use outdial_voicent::{
    Accepted, Attempt, Broadcast, CallRequest, CampaignAnswer, CampaignRequest, Content, Form, Import, Notice, Outcome,
    Removed, ReqId, Status, Table, Vcast, Word, base_name, is_vcast, no_such_record,
};

fn read(form: &str) -> CallRequest {
    CallRequest::from_form(&Form::read(form.as_bytes()).unwrap()).unwrap()
}

#[test]
fn captured_requests_are_read_and_printed() {
    let text = "info=simple+text+call&txt=Hello%2C+how+are+you+doing&firstocc=10&selfdelete=1&phoneno=123-4567";
    let wanted = CallRequest::text("123-4567", "Hello, how are you doing").self_delete(true);
    assert_eq!(read(text), wanted);
    assert_eq!(read(&wanted.to_form().print()), wanted);

    let confirm = "info=Simple+Call+till+Confirm&firstocc=10&cmdline=%22C%3A%5CMy+calllist%5Cescalation.voc%22+-startnow\
        +-confirmcode+911911+-wavfile+%22C%3A%5CMy+calllist%5Cescalation.wav%22&phoneno=1111111&selfdelete=0\
        &startexec=C%3A%5CProgram+Files%5CVoicent%5CBroadcastByPhone%5Cbin%5Cvcast.exe";
    let list = Vcast::till_confirm(
        r"C:\My calllist\escalation.voc",
        r"C:\My calllist\escalation.wav",
        "911911",
    );
    let program = r"C:\Program Files\Voicent\BroadcastByPhone\bin\vcast.exe";
    let request = read(confirm);
    assert_eq!(request, CallRequest::till_confirm(program, &list).unwrap());
    let Content::Program { path, arguments } = request.content else {
        panic!()
    };
    assert!(is_vcast(&path));
    assert_eq!(Vcast::read(&arguments).unwrap(), list);
}

#[test]
fn requests_that_escape_nothing() {
    let request =
        read("info=Simple Text Call 123&phoneno=(02) 123-4567&firstocc=10&selfdelete=0&txt=Tom & Anna say \"x = 1&2\"");
    assert_eq!(request.content, Content::Text("Tom & Anna say \"x = 1&2\"".into()));
    assert_eq!(request.phone, "(02) 123-4567");
}

#[test]
fn texts_are_utf_8_or_else_windows_1252() {
    for form in [
        &b"phoneno=1&txt=Gr%C3%BC%C3%9Fe"[..],
        b"phoneno=1&txt=Gr\xc3\xbc\xc3\x9fe",
        b"phoneno=1&txt=Gr%FC%DFe",
        b"phoneno=1&txt=Gr\xfc\xdfe",
    ] {
        let request = CallRequest::from_form(&Form::read(form).unwrap()).unwrap();
        assert_eq!(request.content, Content::Text("Grüße".into()));
    }
}

#[test]
fn contents_have_an_order() {
    let all = "phoneno=1&startexec=x&starturl=http%3A%2F%2Fa&startapp=ivr&audiofile=a.wav&txt=Hi&sms=1";
    assert_eq!(read(all).content, Content::Sms("Hi".into()));
    assert_eq!(
        read(all.split("&txt").next().unwrap()).content,
        Content::Audio("a.wav".into())
    );
    assert_eq!(
        read(all.split("&audio").next().unwrap()).content,
        Content::App("ivr".into())
    );
    assert_eq!(
        read(all.split("&startapp").next().unwrap()).content,
        Content::VoiceXml("http://a".into())
    );
    let program = read(all.split("&starturl").next().unwrap()).content;
    assert_eq!(
        program,
        Content::Program {
            path: "x".into(),
            arguments: String::new()
        }
    );
}

#[test]
fn every_option_travels() {
    for request in [
        CallRequest::text("1", "Hi")
            .call_time(5)
            .attendee("Anna")
            .caller_id("555")
            .detection(3)
            .first_occurrence(60)
            .info("x"),
        CallRequest::sms("1", "Hi"),
        CallRequest::audio("1", "a.wav"),
        CallRequest::app("1", "survey"),
        CallRequest::voice_xml("1", "http://a/b.vxml").exit_url("http://a/c.vxml"),
    ] {
        assert_eq!(request.check(), Ok(()));
        assert_eq!(read(&request.to_form().print()), request);
        let pairs: Vec<(String, String)> = request
            .to_form()
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(CallRequest::from_map(pairs).unwrap(), request);
    }
}

#[test]
fn wrong_requests_are_named() {
    let wrong = |form: &str| {
        CallRequest::from_form(&Form::read(form.as_bytes()).unwrap())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(wrong("txt=Hi"), "phoneno is missing");
    assert_eq!(wrong("phoneno=1"), "txt is missing");
    assert_eq!(
        wrong("phoneno=1&txt=Hi&firstocc=soon"),
        "firstocc must be a whole number"
    );
    let misspelt = CallRequest::from_json(r#"{"phone": "1", "txt": "Hi", "selfdelete": true}"#).unwrap_err();
    assert_eq!(
        misspelt.to_string(),
        "phone is not a field of this request; phoneno is missing"
    );
    assert_eq!(
        CallRequest::from_json(r#"{"phoneno": "1", "txt": "Hi", "selfdelete": true, "firstocc": 5, "sms": null}"#)
            .unwrap(),
        CallRequest::text("1", "Hi")
            .info("")
            .self_delete(true)
            .first_occurrence(5)
    );
    assert!(CallRequest::text("anna", "Hi").check().is_err());
    assert!(CallRequest::text("1", "").check().is_err());
    assert!(CallRequest::text("1", "Hi").detection(4).check().is_err());
}

#[test]
fn answers_to_requests() {
    let body = "Your call is planned for Mon Apr 21 11:51:18 BST 2008. [ReqId=1208775078314]\n";
    let due = "2008-04-21T11:51:18+01:00[Europe/London]".parse().unwrap();
    let id = ReqId::of("2008-04-21T10:51:18.314Z".parse().unwrap());
    assert_eq!(Accepted::Yes(id.clone()).print(&due), body);
    assert_eq!(Accepted::read(body), Accepted::Yes(id));
    assert_eq!(
        Accepted::read("<html><b>[ReqId=7]</b> and ]"),
        Accepted::Yes(ReqId::new("7").unwrap())
    );
    for body in ["", "<html>", "[ReqId=", "[ReqId=]", "[ReqId=1;rm]"] {
        assert!(matches!(Accepted::read(body), Accepted::No(_)), "{body}");
    }
    let refused = Accepted::No("no file hello.wav".into());
    assert_eq!(refused.print(&due), "ERROR: no file hello.wav\n");
    assert_eq!(Accepted::read("ERROR: no file hello.wav\r\n"), refused);
    // Nobody's words become an answer.
    assert!(
        !Accepted::No("no file [ReqId=1] ^made^".into())
            .print(&due)
            .contains(['[', '^'])
    );

    assert_eq!(Removed::read("[removed]"), Removed::Yes);
    let gone = Removed::No(no_such_record("12 34<x>"));
    assert_eq!(gone.print(), "ERROR: no such call record: 1234\n");
    assert_eq!(Removed::read(&gone.print()), gone);
}

fn at(minute: i8) -> DateTime {
    date(2008, 4, 21).at(13, minute, 0, 0)
}

#[test]
fn a_failed_and_a_successful_attempt() {
    let body = "[0^null^retry^2008 3 21 13 2^2008 3 21 13 2^No answer. Try in 1 minute ^^^^^\
                0^null^made^2008 3 21 13 3^2008 3 21 13 2^Call succeeded^^^^^\n]";
    let retry = Attempt::new(Word::Retry, at(2), at(2), "No answer. Try in 1 minute");
    let made = Attempt::new(Word::Made, at(3), at(2), "Call succeeded");
    let status = Status::read(body);
    assert_eq!(status, Status::Attempts(vec![retry, made]));
    assert_eq!(status.print(), body.replace("minute ^", "minute^"));
    assert_eq!(status.outcome(), Outcome::Made);
    assert_eq!(status.outcome().to_string(), "Call Made");
    let Status::Attempts(attempts) = status else { panic!() };
    let zone = TimeZone::get("Europe/London").unwrap();
    assert_eq!(
        attempts[1].at_in(&zone).unwrap().to_string(),
        "2008-04-21T13:03:00+01:00[Europe/London]"
    );
    assert_eq!(attempts[1].due_in(&TimeZone::UTC).unwrap().minute(), 2);
}

#[test]
fn waiting_and_unknown_calls() {
    assert_eq!(Status::read("[]"), Status::Attempts(vec![]));
    assert_eq!(Status::Attempts(vec![]).print(), "[]");
    assert_eq!(Status::read("[]").outcome(), Outcome::InProgress);
    let unknown = Status::Error(no_such_record("42"));
    assert_eq!(unknown.print(), "ERROR: no such call record: 42\n");
    assert_eq!(Status::read(&unknown.print()), unknown);
    assert_eq!(unknown.outcome().to_string(), "");
}

#[test]
fn words_mean_together_what_the_clients_make_of_them() {
    let outcome = |words: &[&str]| {
        let attempts = words
            .iter()
            .map(|word| Attempt::new(Word::read(word), at(1), at(1), ""));
        Status::Attempts(attempts.collect()).outcome().to_string()
    };
    assert_eq!(outcome(&["retry", "retry"]), "Call Will Retry");
    assert_eq!(outcome(&["retry", "made"]), "Call Made");
    assert_eq!(outcome(&["retry", "failed"]), "Call Failed");
    assert_eq!(outcome(&["pending", "waitagent"]), "");
}

#[test]
fn answers_of_applications() {
    let mut made = Attempt::new(Word::Made, at(3), at(2), "ok [^]");
    made.answers = vec![("colour".into(), "red|blue".into()), ("age".into(), "7=8".into())];
    let printed = Status::Attempts(vec![made]).print();
    assert_eq!(
        printed,
        "[0^null^made^2008 3 21 13 3^2008 3 21 13 2^ok    ^^^colour=red blue|age=7=8^^\n]"
    );
    // The newer Java class takes the text after the eighth mark of the whole.
    assert_eq!(printed.split('^').nth(8), Some("colour=red blue|age=7=8"));
    let Status::Attempts(read) = Status::read(&printed.replace("age=7=8", "yes")) else {
        panic!()
    };
    assert_eq!(
        read[0].answers,
        [("colour".into(), "red blue".into()), ("answer".into(), "yes".into())]
    );
}

#[test]
fn command_lines_of_all_clients() {
    let python = r#""C:\a b\e.voc" -startnow -confirmcode 911911 -wavfile "C:\a b\e.wav""#;
    let perl = r#""C:\a b\e.voc" -startnow -wavfile "C:\a b\e.wav" -confirmcode "911911""#;
    let wanted = Vcast::till_confirm(r"C:\a b\e.voc", r"C:\a b\e.wav", "911911");
    assert_eq!(Vcast::read(python).unwrap(), wanted);
    assert_eq!(Vcast::read(perl).unwrap(), wanted);
    assert_eq!(wanted.print().unwrap(), python);

    let glued =
        Vcast::read(r#"list.voc -import"C:\x y.csv" -numbers "1 2,3" -cleanstatus -nextday -maxlines 4 -waveform z"#)
            .unwrap();
    assert_eq!(glued.import.as_deref(), Some(r"C:\x y.csv"));
    assert_eq!(glued.numbers, ["1", "2", "3"]);
    assert_eq!((glued.clean_status, glued.max_lines), (true, Some(4)));
    assert_eq!(glued.unknown, ["-nextday", "-waveform", "z"]);
    for (line, field) in [
        (r#""C:\a"#, "cmdline"),
        ("a.voc -wavfile", "wavfile"),
        ("a.voc -maxlines many", "maxlines"),
    ] {
        assert_eq!(Vcast::read(line).unwrap_err().faults()[0].field, field);
    }
    // What is given as a value stays one.
    let sly = Vcast::till_confirm("a.voc", "a.wav", "1 -statusexe calc");
    assert_eq!(Vcast::read(&sly.print().unwrap()).unwrap(), sly);
    assert!(
        Vcast::till_confirm("a\" -statusexe \"calc", "a.wav", "1")
            .print()
            .is_err()
    );
    for (path, wanted) in [
        ("vcast", true),
        (r"C:\x\VCAST.EXE", true),
        ("/opt/vcast.exe", true),
        ("vcast.exe.sh", false),
        ("/bin/sh", false),
        ("", false),
        ("vcast/..", false),
    ] {
        assert_eq!(is_vcast(path), wanted, "{path}");
    }
}

#[test]
fn call_lists() {
    let list = Table::read(
        "\u{feff}Name,Phone,Confirmation,Status,Floor\r\n\"Lee, Anna\",555-0100,,,3\r\nBo,555-0101\r\n".as_bytes(),
    )
    .unwrap();
    assert_eq!(
        (list.get(0, "name"), list.get(0, "Floor"), list.get(1, "Floor")),
        (Some("Lee, Anna"), Some("3"), Some(""))
    );
    assert_eq!(Table::read(list.print().as_bytes()).unwrap(), list);
    let numbers = Table::of_numbers(["1", "2"]);
    assert_eq!(numbers.print(), "Name,Phone,Confirmation,Status\n,1,,\n,2,,\n");
    assert_eq!(
        Table::read(b"\x00\x01VOC").unwrap_err().to_string(),
        "list is binary: export it as CSV"
    );
    assert!(Table::read(b"").is_err());
    assert!(Table::read(b"a,b\n1,2,3\n").is_err());
}

#[test]
fn reports_of_lists() {
    let form = "index=2&First+Name=Anna&Phone=555-0100&Status=confirmed&caller=555&calltime=1208775078&callduration=17";
    let notice = Notice::from_form(&Form::read(form.as_bytes()).unwrap()).unwrap();
    assert_eq!(
        (notice.column("first name"), notice.column("status")),
        (Some("Anna"), Some("confirmed"))
    );
    assert_eq!(notice.call_time.unwrap().to_string(), "2008-04-21T10:51:18Z");
    assert_eq!(notice.to_form().print(), form);
    for wrong in ["", "index=x", "index=1&calltime=99999999999999"] {
        assert!(
            Notice::from_form(&Form::read(wrong.as_bytes()).unwrap()).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn campaigns() {
    let import = Import {
        list_name: Some("May".into()),
        file: Some("may.csv".into()),
        merge: Some("skip".into()),
        ..Import::default()
    };
    for (request, form) in [
        (
            CampaignRequest::Import(import.clone()),
            "action=import&mod=cus&leadsrcname=May&importfile=may.csv&mergeopt=skip",
        ),
        (
            CampaignRequest::Broadcast(Broadcast {
                name: "Spring".into(),
                list: Some("7".into()),
                lines: Some(4),
                ..Broadcast::default()
            }),
            "action=bbp&CAMP_NAME=Spring&listname=7&lines=4",
        ),
        (
            CampaignRequest::Stats { campaign: "9".into() },
            "action=campstats&camp_id=9",
        ),
        (
            CampaignRequest::Export {
                campaign: "9".into(),
                file: "out.csv".into(),
                extra_columns: None,
            },
            "action=exportcamp&camp_id=9&f=webapps%2FROOT%2Fassets%2Fglobal%2Fout.csv",
        ),
    ] {
        assert_eq!(request.to_form().print(), form);
        assert_eq!(
            CampaignRequest::from_form(&Form::read(form.as_bytes()).unwrap()).unwrap(),
            request
        );
    }
    let whole = CampaignRequest::Broadcast(Broadcast {
        name: "x".into(),
        import: Some(import),
        ..Broadcast::default()
    });
    assert_eq!(CampaignRequest::from_form(&whole.to_form()).unwrap(), whole);
    for (form, wrong) in [
        ("", "action is missing"),
        ("action=format", "action must be one of import bbp campstats exportcamp"),
        ("action=bbp", "CAMP_NAME is missing"),
        ("action=exportcamp&camp_id=1&f=a/..", "f must end in the name of a file"),
    ] {
        let read = CampaignRequest::from_form(&Form::read(form.as_bytes()).unwrap());
        assert_eq!(read.unwrap_err().to_string(), wrong);
    }
    assert_eq!(base_name(r"..\..\C:evil.csv").as_deref(), Some("evil.csv"));

    let mut stats = CampaignAnswer::ok();
    stats.counters = vec![("made".into(), 3), ("total".into(), 5)];
    assert_eq!(stats.print(), r#"{"made":3,"status":"OK","total":5}"#);
    assert_eq!(CampaignAnswer::read(&stats.print()).unwrap(), stats);
    let python = CampaignAnswer::read("{'status': 'OK', 'camp_id': 7}").unwrap();
    assert_eq!((python.is_ok(), python.campaign_id.as_deref()), (true, Some("7")));
    assert_eq!(stats.counter("made"), Some(3));
    for wrong in ["", "[]", "{}", "{'status'", "<html>"] {
        assert!(CampaignAnswer::read(wrong).is_err(), "{wrong}");
    }
}
