//! Every place where a face says that something is not available here: what waits to be built. Whoever builds one takes
//! its line away. The tests of each face ask for all of its own, and the test below finds what no line names.

/// Exotel's resources and fields, and what each is called in the refusal: the method, the resource, its fields.
pub(crate) const EXOTEL: &[(&str, &str, &str, &str)] = &[
    (
        "POST",
        "Sms/send.json",
        "From=1&To=2&Body=x&ShortenUrl=true",
        "ShortenUrl",
    ),
    ("GET", "Balance.json", "", "The balance"),
    (
        "POST",
        "Calls/connect.json",
        "From=11&To=22&CallerId=8088919888&WaitUrl=http://a.example/",
        "WaitUrl",
    ),
    (
        "POST",
        "Calls/connect.json",
        "From=11&To=22&CallerId=8088919888&StreamUrl=wss://a.example/",
        "StreamUrl",
    ),
    (
        "POST",
        "Calls/connect.json",
        "From=11&To=22&CallerId=8088919888&StartPlaybackValueNew=http://a.example/",
        "StartPlaybackValueNew",
    ),
    // Recordings are WAV.
    (
        "POST",
        "Calls/connect.json",
        "From=11&To=22&CallerId=8088919888&Record=true&RecordingFormat=mp3",
        "RecordingFormat",
    ),
];

/// Hoiio's resources with their fields, and the word for each.
pub(crate) const HOIIO: &[(&str, &str, &str)] = &[
    ("voice/get_rate", "dest2=%2B6522222222", "error_service_not_available"),
    (
        "sms/bulk_send",
        "recipients=%5B%5D&msg=x",
        "error_sms_service_not_available",
    ),
    ("sms/get_rate", "dest=%2B6511111111", "error_sms_service_not_available"),
    // A sound that is named by its address, and words for whoever is put on hold.
    (
        "ivr/middle/play",
        "session=S-1&msg=%3Curl%3Ehttp://a.example/%3C/url%3E",
        "error_msg_cannot_convert_text",
    ),
    ("ivr/middle/hold", "session=S-1&msg=hi", "error_msg_cannot_convert_text"),
    (
        "ivr/middle/unhold",
        "session=S-1&msg=hi",
        "error_msg_cannot_convert_text",
    ),
    ("user/get_balance", "", "error_service_not_available"),
    ("number/get_countries", "", "error_service_not_available"),
    ("number/get_choices", "country=SG", "error_no_number_available"),
    ("number/get_rates", "country=SG", "error_service_not_available"),
    (
        "number/subscribe",
        "number=%2B6511111111&duration=1",
        "error_subscribe_number_not_available",
    ),
    (
        "number/subcribe",
        "number=%2B6511111111&duration=1",
        "error_subscribe_number_not_available",
    ),
    (
        "number/update_forwarding",
        "number=%2B6511111111",
        "error_number_not_assigned",
    ),
    ("number/get_active", "", "error_service_not_available"),
    (
        "fax/send",
        "dest=%2B6511111111&file=eA==",
        "error_service_not_available",
    ),
    ("fax/query_status", "txn_ref=x", "error_service_not_available"),
    ("fax/get_history", "", "error_service_not_available"),
    ("fax/get_rate", "dest=%2B6511111111", "error_service_not_available"),
    // Texts with marks in them, which name a voice or a sound.
    (
        "ivr/start/dial",
        "dest=%2B6511111111&msg=%3Cspeech+language%3D%22en%22%3EHello%3C%2Fspeech%3E",
        "error_msg_cannot_convert_text",
    ),
];

/// Voicent's requests for calls, and what each is called. Its campaigns are refused as a whole.
pub(crate) const VOICENT: &[(&str, &str)] = &[
    ("phoneno=1&startvxml=http://a.example/x", "VoiceXML"),
    ("phoneno=1&starturl=http://a.example/x", "VoiceXML"),
    ("phoneno=1&txt=hi&exitvxml=http://a.example/x", "VoiceXML"),
    ("phoneno=1&txt=hi&detection=2", "the detection of answering machines"),
    (TILL_CONFIRM, "calling until somebody confirms"),
];

/// A call until somebody confirms, as the first client asks for it.
pub(crate) const TILL_CONFIRM: &str = "info=Simple+Call+till+Confirm&firstocc=10&cmdline=%22C%3A%5CMy+calllist%5Cescalation.voc\
    %22+-startnow+-confirmcode+911911+-wavfile+%22C%3A%5CMy+calllist%5Cescalation.wav%22&phoneno=1111111\
    &selfdelete=0&startexec=C%3A%5CProgram+Files%5CVoicent%5CBroadcastByPhone%5Cbin%5Cvcast.exe";

/// Lines of call files, and what is said of them. Of the options of `Dial` this one stands for those that are not done.
pub(crate) const SPOOL: &[(&str, &str)] = &[
    ("Application: Echo", "Echo is not available here"),
    (
        "Application: Dial\nData: PJSIP/1@lab,,A(hello)",
        "the option A of Dial is not available here",
    ),
];

/// Whatever the source says is not available has a line.
#[test]
fn nothing_is_unavailable_that_no_line_names() {
    fn sources(directory: &std::path::Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                sources(&path, into);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "not_available.rs" {
                into.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut texts = Vec::new();
    sources(
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut texts,
    );
    let named = |what: &str| {
        EXOTEL.iter().any(|(.., named)| *named == what)
            || VOICENT.iter().any(|(_, named)| *named == what)
            || SPOOL.iter().any(|(_, said)| said.starts_with(what))
    };
    let mut found = 0;
    for text in &texts {
        for (_, rest) in text
            .match_indices("not_available(\"")
            .map(|(at, mark)| text.split_at(at + mark.len()))
        {
            let what = rest.split('"').next().unwrap();
            assert!(named(what), "{what} is not available, and stands in no list");
            found += 1;
        }
    }
    assert!(found >= 6, "only {found} were found: are they said otherwise now?");
}
