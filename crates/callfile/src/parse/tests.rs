use super::*;

fn problems(text: &str) -> Vec<String> {
    parse(text.as_bytes())
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

const MINIMAL: &str = "Channel: Local/1@c\nApplication: Hangup\nArchive: yes\n";

#[test]
fn a_file_of_pycall_2_is_read_without_complaint() {
    let text = "Channel: Local/100@from-internal\nCallerid: \"Wake Up\" <555>\nSet: greeting=hello\nAccount: acct\n\
                WaitTime: 15\nRetryTime: 60\nMaxretries: 2\nApplication: Playback\nData: hello-world\nArchive: yes";
    let parsed = parse(text.as_bytes());
    assert_eq!(parsed.problems, []);
    let expected = CallFile::builder(Channel::local("100", "from-internal").unwrap())
        .caller_id("Wake Up", "555")
        .variable("greeting", "hello")
        .account("acct")
        .wait_time(15)
        .retry_time(60)
        .max_retries(2)
        .application("Playback", "hello-world")
        .build();
    assert_eq!(parsed.file, Some(expected.unwrap()));
}

#[test]
fn defaults_are_those_of_asterisk() {
    let file = parse(b"channel: SIP/a\nEXTENSION: 1").file.unwrap();
    assert_eq!((file.max_retries, file.retry_time, file.wait_time), (0, 300, 45));
    assert_eq!(file.action, Action::dialplan("", "1"));
    assert_eq!(
        (file.archive, file.always_delete, file.early_media),
        (false, true, false)
    );
}

#[test]
fn each_problem_names_its_line() {
    for (line, problem) in [
        ("Channel : SIP/x", "line 4: \"Channel \" is no key because"),
        ("\u{feff}Data: x", "line 4: \"\\u{feff}Data\" is no key because"),
        ("Nonsense: x", "line 4: \"Nonsense\" is no key; the line is skipped"),
        ("nothing", "line 4: there is no colon"),
        ("Channel: SIP", "line 4: Channel was given before"),
        ("WaitTime: 0", "line 4: WaitTime is no number of use here; 45 is taken"),
        (
            "Priority: label",
            "line 4: Priority is no number of use here; 1 is taken",
        ),
        ("RetryTime: 7 x", "line 4: of RetryTime only a part counts; 7 is taken"),
        ("MaxRetries: -1", "MaxRetries is negative"),
        ("EndRetry: 1 1 (1)", "all attempts were made"),
        ("Early_media: 2", "line 4: Early_media is neither yes nor no"),
        ("Early_media: yes", "early media is heeded only"),
        ("Set: novalue", "line 4: there is no = between"),
        ("Data: a;b", "line 4: \";b\" is a comment"),
        ("Extension: 1", "there are both"),
        ("AlwaysDelete: no", "with AlwaysDelete: no"),
        ("Archive: no", "line 4: Archive was given before"),
    ] {
        let found = problems(&format!("{MINIMAL}{line}\n"));
        assert!(
            found.iter().any(|found| found.starts_with(problem)),
            "{line}: {found:?}"
        );
    }
    assert_eq!(problems(MINIMAL), [""; 0]);
}

#[test]
fn the_last_one_counts_and_variables_add_up() {
    let parsed =
        parse(format!("{MINIMAL}Channel: SIP/first\nchannel: SIP/last/x\nSet: a=1\nsetvar: a=2=3\n").as_bytes());
    let file = parsed.file.unwrap();
    assert_eq!(file.channel.to_string(), "SIP/last/x");
    assert_eq!(file.variables, [Variable::new("a", "1"), Variable::new("a", "2=3")]);
}

#[test]
fn a_channel_without_a_slash_changes_nothing() {
    assert_eq!(
        parse(format!("{MINIMAL}Channel: x\n").as_bytes())
            .file
            .unwrap()
            .channel
            .to_string(),
        "Local/1@c"
    );
    for channel in ["x", "Local/", "/x", ""] {
        let parsed = parse(format!("Channel: {channel}\nApplication: Hangup\n").as_bytes());
        assert_eq!(parsed.file, None, "{channel:?}");
        assert!(parsed.problems.contains(&Problem {
            line: None,
            kind: ProblemKind::NoChannel
        }));
    }
    assert!(!parse(b"").would_call());
}

#[test]
fn an_archived_file_is_read_with_its_notes() {
    let parsed = parse(format!("{MINIMAL}\nStartRetry: 77 1 (1300)\nStatus: Completed\n").as_bytes());
    assert_eq!(parsed.problems, []);
    assert_eq!((parsed.history.attempts(), parsed.history.running()), (1, Some(77)));
    assert_eq!(parsed.lines.last().unwrap().meaning, Meaning::Status);
}

#[test]
fn lines_are_explained() {
    let parsed = parse(b"Channel: SIP/a\nWaitTime: 5\n# note\n\nMaxRetries: 2\nCallerID: Bob <1>\n");
    let said: Vec<String> = parsed.lines.iter().map(Line::explanation).collect();
    assert_eq!(
        said,
        [
            "rings \"a\" by SIP",
            "rings for at most 5 s",
            "a comment",
            "nothing",
            "makes at most 3 attempts",
            "shows the name \"Bob\" and the number \"1\""
        ]
    );
}
