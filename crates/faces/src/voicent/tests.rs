use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use outdial_domain::CallState;
use outdial_engine::{ports::MessageFilter, verbs};
use outdial_flow::{Instruction, Prompt};
use outdial_testkit::fakes::Script;

use super::testing::Rig;
use crate::not_available::{TILL_CONFIRM, VOICENT as NOT_AVAILABLE};
use crate::testing::{OURS, send, send_from, wav};

const CALL: &str = "/ocall/callreqHandler.jsp";
/// A call of the first client, as it was captured.
const TEXT: &str = "info=simple+text+call&txt=Hello%2C+how+are+you+doing&firstocc=10&selfdelete=0&phoneno=123-4567";
#[tokio::test(start_paused = true)]
async fn a_text_is_said_and_the_record_tells_so() {
    let rig = Rig::start().await;
    let answer = rig.post(CALL, TEXT).await;
    assert_eq!(answer.status, StatusCode::OK);
    let call = rig.ground.calls().await.remove(0);
    let name = call.face.clone().unwrap().reference;
    assert_eq!(name, call.created_at.as_millisecond().to_string());
    assert_eq!(
        answer.text,
        format!("Your call is planned for Wed Jan 02 11:04:05 +08 2030. [ReqId={name}]\n")
    );
    assert_eq!(call.plan.to.to_string(), "1234567");
    assert_eq!(call.plan.tag.as_deref(), Some("simple text call"));
    assert_eq!(rig.status(&name).await, "[]");
    let details = rig.ground.reached("ended", 1).await;
    assert_eq!(details.flow, outdial_flow::Flow::say("Hello, how are you doing"));
    assert_eq!(
        rig.status(&name).await,
        "[0^null^made^2030 0 2 11 4^2030 0 2 11 4^Call succeeded^^^^^\n]"
    );
    // The others ask by GET.
    let asked = rig.get(&format!("/ocall//callStatusHandler.jsp/?reqid={name}")).await;
    assert_eq!(asked.text, rig.status(&name).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_answers_is_tried_again_each_minute() {
    let rig = Rig::start().await;
    for _ in 0..2 {
        rig.ground.world.carrier.next(Script::busy());
    }
    let name = rig.call(TEXT).await;
    rig.ground.reached("retry_scheduled", 1).await;
    let told = rig.status(&name).await;
    assert!(
        told.starts_with("[0^null^retry^2030 0 2 11 4^2030 0 2 11 4^Line busy. Try in 1 minute ^^^^^\n]"),
        "{told}"
    );
    rig.ground.reached("ended", 1).await;
    let told = rig.status(&name).await;
    let words: Vec<&str> = told
        .split('^')
        .filter(|field| ["retry", "made", "failed"].contains(field))
        .collect();
    assert_eq!(words, ["retry", "retry", "made"], "{told}");
    assert!(told.contains("^2030 0 2 11 6^2030 0 2 11 4^Call succeeded^"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn after_its_time_a_call_has_failed() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        rig.ground.world.carrier.next(Script::busy());
    }
    let name = rig.call(&TEXT.replace("firstocc=10", "firstocc=2")).await;
    rig.ground.reached("ended", 1).await;
    let told = rig.status(&name).await;
    let words: Vec<&str> = told
        .split('^')
        .filter(|field| ["retry", "made", "failed"].contains(field))
        .collect();
    assert_eq!(words, ["retry", "failed"], "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_record_goes_by_itself_or_when_it_is_told_to() {
    let rig = Rig::start().await;
    let own = rig.call(&TEXT.replace("selfdelete=0", "selfdelete=1")).await;
    rig.ground.reached("ended", 1).await;
    let gone = |name: &str| format!("ERROR: no such call record: {name}\n");
    assert_eq!(rig.status(&own).await, gone(&own));

    // One that waits is not dialled any more.
    let waiting = rig.call(&format!("{TEXT}&schedule=t&calltime=30")).await;
    let remove = async |name: &str| {
        rig.post("/ocall/callremoveHandler.jsp", &format!("reqid={name}"))
            .await
            .text
    };
    assert_eq!(remove(&waiting).await, "[removed]\n");
    let call = rig.ground.calls().await.remove(0);
    assert_eq!((call.state, call.face), (CallState::Ended, None));
    assert_eq!(remove(&waiting).await, gone(&waiting));
    assert_eq!(rig.status(&waiting).await, gone(&waiting));

    // One under way goes on.
    rig.ground.world.carrier.next(Script::answers());
    let live = rig.call(&TEXT.replace("123-4567", "765-4321")).await;
    rig.ground.reached("answered", 2).await;
    assert_eq!(remove(&live).await, "[removed]\n");
    assert_eq!(rig.status(&live).await, gone(&live));
    let ended = rig.ground.reached("ended", 3).await;
    assert_eq!(ended.call.ending.unwrap().outcome, outdial_domain::Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_text_is_sent_in_the_place_of_a_call() {
    let rig = Rig::start().await;
    let form = "info=a+text&phoneno=%2B6598765432&txt=Hello&sms=1&firstocc=10&selfdelete=0";
    let names = [rig.call(form).await, rig.call(form).await];
    assert_ne!(names[0], names[1]);
    let actor = rig.config.tenant.actor(super::FACE);
    let sent = verbs::list_messages(
        &rig.ground.engine,
        &actor,
        MessageFilter {
            most: 9,
            ..MessageFilter::default()
        },
    );
    let message = sent.await.unwrap().items.pop().unwrap();
    assert_eq!(
        (message.plan.body.as_str(), message.plan.tag.as_deref()),
        ("Hello", Some("a text"))
    );
    assert_eq!(message.plan.expires.duration_since(message.plan.due).as_mins(), 10);
    assert_eq!(rig.status(&names[0]).await, "[]");

    let waiting = rig.call(&format!("{form}&schedule=t&calltime=30")).await;
    let remove = format!("reqid={waiting}");
    assert_eq!(
        rig.post("/ocall/callremoveHandler.jsp", &remove).await.text,
        "[removed]\n"
    );
    assert_eq!(
        rig.status(&waiting).await,
        format!("ERROR: no such call record: {waiting}\n")
    );
    for (form, wrong) in [
        ("phoneno=x&txt=Hello&sms=1", "phoneno "),
        (
            "phoneno=%2B6598765432&txt=Hello&sms=1&callerid=%2B6590000009",
            "callerid: ",
        ),
    ] {
        let told = rig.post(CALL, form).await.text;
        assert!(told.starts_with(&format!("ERROR: {wrong}")), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_never_given_twice() {
    let rig = Rig::start().await;
    let mut names = Vec::new();
    for _ in 0..5 {
        names.push(rig.call(TEXT).await.parse::<i64>().unwrap());
    }
    let first = names[0];
    assert_eq!(names, (first..first + 5).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn files_are_found_by_their_name_alone() {
    let rig = Rig::start().await;
    std::fs::write(rig.file("hello.wav"), wav(16_000)).unwrap();
    std::fs::write(rig.file("noise.wav"), b"not a sound").unwrap();
    std::fs::create_dir(rig.file("folder.wav")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", rig.file("link.wav")).unwrap();
    for path in ["C:\\my audios\\hello.wav", "/etc/../hello.wav", "hello.wav"] {
        rig.call(&format!("phoneno=1&audiofile={}", path.replace('\\', "%5C")))
            .await;
    }
    let flows: Vec<_> = {
        let mut flows = Vec::new();
        for call in rig.ground.calls().await {
            let details = outdial_engine::verbs::get_call(&rig.ground.engine, &rig.ground.actor, call.id).await;
            flows.push(details.unwrap().flow);
        }
        flows
    };
    // It was taken in once.
    assert!(matches!(flows[0].steps[..], [Instruction::Play(_)]), "{flows:?}");
    assert!(flows.iter().all(|flow| *flow == flows[0]), "{flows:?}");
    for (named, why) in [
        ("other.wav", "no file of this name"),
        ("..", "no file of this name"),
        ("/etc/passwd", "no file of this name"),
        ("link.wav", "no file of this name"),
        ("folder.wav", "no file of this name"),
        ("noise.wav", "audiofile:"),
    ] {
        let answer = rig.post(CALL, &format!("phoneno=1&audiofile={named}")).await;
        assert!(
            answer.text.starts_with("ERROR: ") && answer.text.contains(why),
            "{named}: {}",
            answer.text
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_flow_is_an_application() {
    let rig = Rig::start().await;
    rig.call("phoneno=1&startapp=welcome&callerid=%2B65+6123+4567").await;
    let details = rig.ground.reached("created", 1).await;
    assert_eq!(details.call.plan.from.unwrap().to_string(), OURS);
    assert!(matches!(&details.flow.prompts()[..], [Prompt::Say(say)] if say.text == "Welcome"));
    let answer = rig.post(CALL, "phoneno=1&startapp=other").await.text;
    assert!(
        answer.starts_with("ERROR: startapp: there is no flow `other`"),
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_available_is_said_to_be() {
    let rig = Rig::start().await;
    for (form, what) in NOT_AVAILABLE {
        let answer = rig.post(CALL, form).await;
        assert_eq!(answer.text, format!("ERROR: {what} is not available here\n"), "{form}");
    }
    let answer = rig.post("/ocall/campapi", "action=campstats&camp_id=1").await;
    assert_eq!(answer.text, r#"{"status":"ERROR: campaigns are not available here"}"#);
    assert_eq!(rig.ground.calls().await, []);
}

#[tokio::test(start_paused = true)]
async fn no_program_is_ever_run() {
    let rig = Rig::start().await;
    let touched = rig.file("touched");
    let shell = format!(
        "phoneno=1&startexec=/bin/sh&cmdline=-c+%22touch+{}%22",
        touched.display()
    );
    let answer = rig.post(CALL, &shell).await;
    assert_eq!(answer.text, "ERROR: startexec: no program is run here\n");
    let open = TILL_CONFIRM.replace("escalation.wav%22", "escalation.wav");
    let answer = rig.post(CALL, &open).await;
    assert_eq!(answer.text, "ERROR: cmdline has a quotation mark that is not closed\n");
    assert!(!touched.exists());
    assert_eq!(rig.ground.calls().await, []);
}

#[tokio::test(start_paused = true)]
async fn faults_are_told_in_the_gateways_own_form() {
    let rig = Rig::start().await;
    let long = format!("phoneno=1&txt={}", "a".repeat(20_000));
    let huge = format!("phoneno=1&txt={}", "a".repeat(10_000_000));
    for (path, form, status, why) in [
        (CALL, "", 200, "phoneno is missing"),
        (CALL, "phoneno=123", 200, "txt is missing"),
        (CALL, "phoneno=abc&txt=x", 200, "phoneno must have a digit"),
        (CALL, "phoneno=1a&txt=x", 200, "phoneno: `a` cannot be dialled"),
        (CALL, "phoneno=1&phoneno=2&txt=x", 200, "phoneno is given twice"),
        (CALL, "phoneno=1&txt=x&firstocc=soon", 200, "firstocc must be"),
        (
            CALL,
            "phoneno=1&txt=x&firstocc=4000000000",
            200,
            "firstocc: give a time within",
        ),
        (
            CALL,
            "phoneno=1&txt=x&calltime=4000000000",
            200,
            "calltime: give a time within",
        ),
        (
            CALL,
            "phoneno=1&txt=x&callerid=%2B6590000000",
            200,
            "callerid: this is not a number of the account",
        ),
        (CALL, long.as_str(), 200, "txt: the text may have at most"),
        (CALL, huge.as_str(), 413, "the form may have at most"),
        ("/ocall/callstatusHandler.jsp", "", 200, "no such call record"),
        (
            "/ocall/callstatusHandler.jsp",
            "reqid=[ReqId=1]",
            200,
            "no such call record: 1",
        ),
        (
            "/ocall/callremoveHandler.jsp",
            "reqid=17",
            200,
            "no such call record: 17",
        ),
        ("/ocall/other.jsp", "", 404, "there is nothing at this path"),
        ("/", "", 404, "there is nothing at this path"),
    ] {
        let answer = rig.post(path, form).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert!(
            answer.text.starts_with("ERROR: ") && answer.text.contains(why),
            "{path}: {}",
            answer.text
        );
        assert!(!answer.text.contains('['), "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    }
    let delete = Request::delete(CALL).body(Body::empty()).unwrap();
    let answer = send(&rig.router, delete).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    rig.ground.world.store.fill_disk();
    let answer = rig.post(CALL, TEXT).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.text.starts_with("ERROR: ") && !answer.text.contains("disk"),
        "{}",
        answer.text
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_sender_is_told_so() {
    let rig = Rig::start().await;
    let stalled = Body::from_stream(futures_util::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    let before = tokio::time::Instant::now();
    let answer = send(&rig.router, Request::post(CALL).body(stalled).unwrap()).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(answer.text.starts_with("ERROR: "), "{}", answer.text);
    assert!(before.elapsed() <= Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn texts_come_in_the_encodings_of_their_clients() {
    let rig = Rig::start().await;
    for (form, said) in [
        ("phoneno=1&txt=Gr%C3%BC%C3%9Fe", "Grüße"),
        ("phoneno=1&txt=Gr%FC%DFe", "Grüße"),
        // Nothing is escaped.
        ("phoneno=1&txt=Salt & pepper, please", "Salt & pepper, please"),
    ] {
        rig.call(form).await;
        let call = rig.ground.calls().await.remove(0);
        tokio::time::advance(Duration::from_millis(5)).await;
        let details = outdial_engine::verbs::get_call(&rig.ground.engine, &rig.ground.actor, call.id)
            .await
            .unwrap();
        assert_eq!(details.flow, outdial_flow::Flow::say(said), "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn web_pages_and_strangers_may_not_ask() {
    let rig = Rig::start().await;
    let ask = |peer: &'static str, headers: &'static [(&'static str, &'static str)]| {
        let mut request = Request::post(CALL);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(TEXT)).unwrap();
        let router = rig.router.clone();
        async move { send_from(&router, peer, request).await }
    };
    let here = "127.0.0.1:5000";
    for (peer, headers) in [
        (here, &[("host", "localhost:8155"), ("origin", "http://a.example")][..]),
        (here, &[("host", "localhost"), ("origin", "null")]),
        (here, &[("host", "localhost"), ("referer", "http://localhost/x")]),
        (here, &[("host", "localhost"), ("sec-fetch-site", "cross-site")]),
        (here, &[("host", "localhost"), ("user-agent", "Mozilla/5.0 (X11)")]),
        // A name of somebody's that leads here.
        (here, &[("host", "a.example:8155")]),
        (here, &[("host", "localhost"), ("host", "a.example")]),
        (here, &[("host", "user@localhost")]),
        ("192.0.2.8:5000", &[("host", "gateway")]),
        ("[2001:db8::1]:5000", &[]),
    ] {
        let answer = ask(peer, headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{peer} {headers:?}");
        assert!(answer.text.starts_with("ERROR: "), "{}", answer.text);
    }
    assert_eq!(rig.ground.calls().await, []);
    for (peer, headers) in [
        (here, &[][..]),
        ("[::1]:5000", &[("host", "[::1]:8155")]),
        ("[::ffff:127.0.0.1]:5000", &[("host", "127.0.0.1:8155")]),
        ("192.0.2.7:5000", &[("host", "GATEWAY:8155")]),
        (here, &[("host", "localhost"), ("sec-fetch-site", "none")]),
        (
            here,
            &[
                ("host", "localhost"),
                ("sec-fetch-site", "none"),
                ("user-agent", "Mozilla/5.0 (X11)"),
            ],
        ),
        (
            here,
            &[("host", "localhost:8155"), ("user-agent", "Python-urllib/1.17")],
        ),
    ] {
        let answer = ask(peer, headers).await;
        assert!(answer.text.contains("[ReqId="), "{peer} {headers:?}: {}", answer.text);
    }
    // Without an address nobody is answered.
    let request = Request::post(CALL).body(Body::from(TEXT)).unwrap();
    let response = tower::ServiceExt::oneshot(rig.router.clone(), request).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(start_paused = true)]
async fn another_account_sees_nothing() {
    let rig = Rig::start().await;
    let name = rig.call(TEXT).await;
    let other = rig.ground.world.account("other", &[]).await;
    let mut config = rig.config.clone();
    config.tenant.account = other.account;
    let router = super::router(rig.ground.engine.clone(), config);
    for path in ["/ocall/callstatusHandler.jsp", "/ocall/callremoveHandler.jsp"] {
        let request = Request::get(format!("{path}?reqid={name}"))
            .body(Body::empty())
            .unwrap();
        let answer = send(&router, request).await;
        assert_eq!(answer.text, format!("ERROR: no such call record: {name}\n"));
    }
    assert_ne!(rig.status(&name).await, format!("ERROR: no such call record: {name}\n"));
}

#[tokio::test(start_paused = true)]
async fn a_sip_uri_is_dialled_only_where_its_host_is_open() {
    let form = "phoneno=sip:evil@127.0.0.1:9999&txt=hi&firstocc=10";
    let closed = Rig::grounded(|settings| settings.policy.open = vec!["+65".parse().unwrap()]).await;
    let answer = closed.post("/ocall/callreqHandler.jsp", form).await;
    assert!(answer.text.starts_with("ERROR: phoneno: give a number"), "{answer:?}");
    assert_eq!(closed.ground.calls().await, []);
    let open = Rig::grounded(|settings| settings.policy.open = vec!["sip:127.0.0.1".parse().unwrap()]).await;
    open.call(form).await;
}
