//! Whatever the values are: what is written is safe, and is read back equal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use outdial_callfile::{Action, CallFile, CallerId, Channel, FileName, Key, Meaning, Variable, parse};
use proptest::prelude::*;

/// Text with much of what matters in call files.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => "[a-zA-Z0-9]{1,6}",
        2 => proptest::sample::select(vec![
            ";", "\\", "\\;", "#", " #", " ", "\t", "\n", "\r", "\r\n", "\0", "\"", "<", ">", "=", ":", "/", "@",
            "\nApplication: System\nData: id\n", "Set: a=b", "Status: Failed", "\u{85}", "\u{a0}", "\u{feff}",
            "\u{e9}", "\u{1f4de}", "${EXTEN}", "SHELL(id)",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (hostile(), proptest::option::of(hostile())).prop_map(|(name, data)| Action::Application { name, data }),
        (hostile(), hostile(), 0..40_u32).prop_map(|(context, extension, priority)| Action::Dialplan {
            context,
            extension,
            priority
        }),
    ]
}

/// A channel that could be made of hostile parts, or a plain one.
fn channel() -> impl Strategy<Value = Channel> {
    (hostile(), hostile()).prop_map(|(number, context)| {
        Channel::local(&number, &context)
            .or_else(|_| Channel::raw(&format!("{number}/{context}")))
            .unwrap_or_else(|_| Channel::local("100", "from-internal").unwrap())
    })
}

prop_compose! {
    fn file()(
        channel in channel(),
        action in action(),
        name in proptest::option::of(hostile()),
        number in proptest::option::of(prop_oneof![hostile(), "[0-9+*#]{1,12}"]),
        numbers in (-1..5_i32, 0..700_u32, 0..100_u32),
        account in proptest::option::of(hostile()),
        codecs in proptest::collection::vec(prop_oneof![hostile(), "[a-z0-9]{1,6}"], 0..3),
        variables in proptest::collection::vec((prop_oneof![hostile(), "[a-zA-Z_]{1,9}"], hostile()), 0..3),
        flags in any::<[bool; 3]>(),
    ) -> CallFile {
        CallFile {
            caller_id: Some(CallerId { name, number }).filter(|id| *id != CallerId::default()),
            max_retries: numbers.0,
            retry_time: numbers.1,
            wait_time: numbers.2,
            account,
            codecs,
            variables: variables.into_iter().map(|(name, value)| Variable::new(name, value)).collect(),
            early_media: flags[0],
            always_delete: flags[1],
            archive: flags[2],
            ..CallFile::new(channel, action)
        }
    }
}

/// The same file, with what cannot be written replaced, so that more is written than refused.
fn mended(file: &CallFile) -> CallFile {
    let wrong = |key| {
        file.validate()
            .is_err_and(|invalid| invalid.problems().iter().any(|problem| problem.key == key))
    };
    let action = match &file.action {
        Action::Application { name, data } => Action::Application {
            name: if wrong(Key::Application) {
                "Hangup".into()
            } else {
                name.clone()
            },
            data: data.clone().filter(|_| !wrong(Key::Data)),
        },
        Action::Dialplan {
            context,
            extension,
            priority,
        } => Action::Dialplan {
            context: if wrong(Key::Context) {
                "c".into()
            } else {
                context.clone()
            },
            extension: if wrong(Key::Extension) {
                "1".into()
            } else {
                extension.clone()
            },
            priority: (*priority).max(1),
        },
    };
    CallFile {
        early_media: file.early_media && matches!(action, Action::Dialplan { .. }),
        action,
        caller_id: file.caller_id.clone().filter(|_| !wrong(Key::CallerId)),
        max_retries: file.max_retries.max(0),
        retry_time: file.retry_time.max(1),
        wait_time: file.wait_time.max(1),
        account: file.account.clone().filter(|_| !wrong(Key::Account)),
        codecs: if wrong(Key::Codecs) {
            Vec::new()
        } else {
            file.codecs.clone()
        },
        variables: if wrong(Key::Set) {
            Vec::new()
        } else {
            file.variables.clone()
        },
        ..file.clone()
    }
}

fn is_read_back(file: &CallFile) -> Result<(), TestCaseError> {
    let Ok(text) = file.to_text() else {
        return Ok(());
    };
    let parsed = parse(text.as_bytes());
    prop_assert_eq!(parsed.file.as_ref(), Some(file), "{}", text);
    prop_assert!(parsed.would_call());
    // Each line is a directive that was meant, and stands there once, but for variables.
    let mut keys = Vec::new();
    for line in &parsed.lines {
        prop_assert!(line.problems.is_empty(), "{:?} in {}", line.problems, text);
        match &line.meaning {
            Meaning::Directive { key, .. } => keys.push(*key),
            other => prop_assert!(false, "{:?} in {}", other, text),
        }
    }
    prop_assert_eq!(
        keys.iter().filter(|key| **key == Key::Set).count(),
        file.variables.len()
    );
    keys.retain(|key| *key != Key::Set);
    let count = keys.len();
    keys.dedup();
    prop_assert_eq!(keys.len(), count);
    prop_assert_eq!(
        keys.contains(&Key::Application),
        matches!(file.action, Action::Application { .. })
    );
    prop_assert!(text.ends_with("Archive: yes\n") || text.ends_with("Archive: no\n"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_equal(file in file()) {
        is_read_back(&file)?;
        let mended = mended(&file);
        prop_assert!(mended.to_text().is_ok(), "{:?}", mended.to_text());
        is_read_back(&mended)?;
    }

    #[test]
    fn any_value_of_a_single_field_is_safe(value in hostile()) {
        let plain = || CallFile::new(Channel::local("1", "c").unwrap(), Action::application("Hangup", ""));
        is_read_back(&CallFile { account: Some(value.clone()), ..plain() })?;
        is_read_back(&CallFile { caller_id: Some(CallerId::new(value.clone(), "1")), ..plain() })?;
        is_read_back(&CallFile { caller_id: Some(CallerId { name: Some(value.clone()), number: None }), ..plain() })?;
        is_read_back(&CallFile { variables: vec![Variable::new("a", value.clone())], ..plain() })?;
        is_read_back(&CallFile { action: Action::application("Playback", value.clone()), ..plain() })?;
        is_read_back(&CallFile { action: Action::dialplan("c", value), ..plain() })?;
    }

    #[test]
    fn serde_gives_back_what_it_took(file in file()) {
        let text = serde_json::to_string(&file).unwrap();
        prop_assert_eq!(serde_json::from_str::<CallFile>(&text).unwrap(), file);
    }

    #[test]
    fn any_bytes_can_be_parsed_and_explained(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let parsed = parse(&bytes);
        for line in parsed.lines {
            prop_assert!(!line.explanation().is_empty());
        }
    }

    #[test]
    fn any_lines_can_be_parsed(lines in proptest::collection::vec((proptest::sample::select(Key::ALL.to_vec()), hostile()), 0..12)) {
        let text: String = lines.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        let parsed = parse(text.as_bytes());
        if let Some(file) = parsed.file.filter(|file| file.validate().is_ok()) {
            is_read_back(&file)?;
        }
    }

    #[test]
    fn a_file_name_stays_in_its_directory(name in hostile()) {
        if let Ok(name) = FileName::new(name) {
            let path = std::path::Path::new("/spool").join(name.as_str());
            prop_assert_eq!(path.parent(), Some(std::path::Path::new("/spool")));
            prop_assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(name.as_str()));
        }
    }
}
