//! The script file: the example works, and mistakes are named with their remedy.

use std::path::Path;
use std::time::Duration;

use outdial_handset::{Behaviour, Challenge, HandsetSet, Network, Phone, PressWay, Script, Sound, Step, Voicemail};

fn parse(text: &str) -> Result<Script, String> {
    Script::parse(text, Path::new("/scripts")).map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_example_starts() {
    let mut script = Script::read(Path::new("examples/handsets.toml")).unwrap();
    assert_eq!(script.phones.len(), 11);
    assert_eq!(script.ring_log.as_deref(), Some(Path::new("examples/rings.jsonl")));
    script.ring_log = None;
    let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, None)
        .await
        .unwrap();
    handsets.shutdown().await;
}

#[test]
fn a_file_says_the_same_as_the_builder() {
    let script = parse(
        r##"
        [[phone]]
        number = "1"
        ring = "2s"
        challenge = { user = "u", password = "p", status = 401 }
        network = { loss = 0.03, delay = "80ms", jitter = "20ms", seed = 1 }
        hang_up_after = "1m 30s"
        mute = true
        on_call = [{ then = "busy" }, { then = "reject", code = 480 }]
        do = [
            { wait = "1s" },
            { wait_for = "prompt" },
            { press = "1#" },
            { press = "2", way = "info" },
            { speak = "a.wav" },
            { tone = 440, for = "1s" },
            { listen = "9s" },
            { hang_up = true },
        ]

        [[phone]]
        number = "2"
        voicemail = { greeting = "hello.wav", limit = "10s" }
        record = false

        [[phone]]
        number = "3"
        echo = -30

        [[phone]]
        number = "*"
        then = "redirect"
        contact = "sip:1@127.0.0.1"
        rtp = false
        "##,
    )
    .unwrap();
    let second = Duration::from_secs(1);
    let network = Network::losing(0.03).jitter(Duration::from_millis(20)).seed(1);
    let network = Network {
        delay: Duration::from_millis(80),
        ..network
    };
    let first = Phone::answering("1")
        .ring(2 * second)
        .challenge(Challenge::new("u", "p").unauthorized())
        .network(network)
        .hang_up_after(90 * second)
        .mute()
        .first(Behaviour::busy())
        .first(Behaviour::reject(480))
        .wait(second)
        .wait_for_prompt()
        .press("1#")
        .press_by(PressWay::Info, "2")
        .speak("/scripts/a.wav")
        .tone(440.0, second)
        .listen(9 * second)
        .hang_up();
    let voicemail = Voicemail {
        greeting: Sound::File("/scripts/hello.wav".into()),
        limit: 10 * second,
        silence: Step::MESSAGE_SILENCE,
    };
    let second = Phone::new("2", Behaviour::voicemail(voicemail)).without_recording();
    let echo = Phone::answering("3").echo(-30.0);
    let third = Phone::redirecting("*", "sip:1@127.0.0.1").without_rtp();
    assert_eq!(script.phones, [first, second, echo, third]);
}

#[test]
fn mistakes_are_named_with_their_remedy() {
    let cases = [
        ("rnig = 1", &["`rnig`", "`ring_log`, `phone`, `smsc`, `text`"][..]),
        ("[[phone]]\nnumber = '1'\nrnig = '2s'", &["rnig", "`ring`", "line 3"]),
        ("[[phone]]\nring = '2s'", &["no. 1", "number = \"+6598765432\""]),
        ("[[phone]]\nnumber = '1'\nring = '2'", &["\"2\"", "\"80ms\""]),
        ("[[phone]]\nnumber = '1'\nring = '-2s'", &["\"-2s\"", "\"80ms\""]),
        ("[[phone]]\nnumber = '1'\nthen = 'bsuy'", &["`bsuy`", "`busy`"]),
        (
            "[[phone]]\nnumber = '1'\nthen = 'reject'\ncode = 200",
            &["code is 200", "400 to 699"],
        ),
        (
            "[[phone]]\nnumber = '1'\ncode = 486",
            &["code does not go with then = Answer"],
        ),
        ("[[phone]]\nnumber = '1'\nthen = 'redirect'", &["contact"]),
        (
            "[[phone]]\nnumber = '1'\nthen = 'busy'\ndo = []",
            &["do (or voicemail) does not go with"],
        ),
        ("[[phone]]\nnumber = '1'\ndo = [{ wiat = '1s' }]", &["`wiat`", "`wait`"]),
        (
            "[[phone]]\nnumber = '1'\ndo = [{ }]",
            &["step 1", "0 verbs", "wait_for"],
        ),
        (
            "[[phone]]\nnumber = '1'\ndo = [{ wait = '1s', press = '1' }]",
            &["2 verbs"],
        ),
        (
            "[[phone]]\nnumber = '1'\ndo = [{ wait = '1s', way = 'rtp' }]",
            &["way does not go with wait"],
        ),
        ("[[phone]]\nnumber = '1'\ndo = [{ press = '1x' }]", &["'x'", "0 to 9"]),
        ("[[phone]]\nnumber = '1'\ndo = [{ tone = 440 }]", &["for = \"1s\""]),
        (
            "[[phone]]\nnumber = '1'\nearly = [{ hang_up = true }]",
            &["early has hang_up"],
        ),
        (
            "[[phone]]\nnumber = '1'\necho = 0\ndo = []",
            &["echo does not go with do"],
        ),
        ("[[phone]]\nnumber = '1'\necho = 40", &["echo is 40 dB", "-60 to 20"]),
        (
            "[[phone]]\nnumber = '1'\nnetwork = { loss = 3 }",
            &["network.loss is 3"],
        ),
        (
            "[[phone]]\nnumber = '1'\non_call = [{ number = '2' }]",
            &["number stands in on_call"],
        ),
        (
            "[[phone]]\nnumber = '1'\nchallenge = { user = 'u', password = 'p', status = 403 }",
            &["401 or 407"],
        ),
        (
            "[[phone]]\nnumber = '1'\n[[phone]]\nnumber = '1'",
            &["there twice", "on_call"],
        ),
    ];
    for (text, expected) in cases {
        let error = parse(text).expect_err(text);
        for part in expected {
            assert!(error.contains(part), "{text}\n{error}\nlacks {part}");
        }
    }
}

#[tokio::test]
async fn a_missing_sound_and_a_used_port_are_told_at_the_start() {
    let start = |script: Script, listen: String| HandsetSet::start(listen.parse().unwrap(), script, None);
    let phone = Phone::answering("1").speak("/nowhere/a.wav");
    let error = start(phone.into(), "127.0.0.1:0".into()).await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/a.wav"), "{error}");

    let handsets = start(Script::new(), "127.0.0.1:0".into()).await.unwrap();
    let address = handsets.address().to_string();
    let error = start(Script::new(), address.clone()).await.unwrap_err().to_string();
    assert!(
        error.contains(&address) && error.contains("choose another port"),
        "{error}"
    );
    handsets.shutdown().await;
    // The address is free again.
    start(Script::new(), address).await.unwrap().shutdown().await;
}
