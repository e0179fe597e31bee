//! A call as the manager interface is told of it.

use outdial_callfile::{Action as AfterAnswer, CallFile};

use super::{EARLY, message::Action};

/// The action that places this call, on a channel of this name.
pub(super) fn originate(id: &str, file: &CallFile) -> Action {
    let mut action = Action::new("Originate")
        .with("Channel", &file.channel)
        .with("ChannelId", id)
        .with("Timeout", u64::from(file.wait_time) * 1_000)
        .with("Async", "true");
    action = match &file.action {
        AfterAnswer::Application { name, data } => action
            .with("Application", name)
            .with("Data", data.as_deref().unwrap_or_default()),
        AfterAnswer::Dialplan {
            context,
            extension,
            priority,
        } => action
            .with("Context", context)
            .with("Exten", extension)
            .with("Priority", priority)
            .with("EarlyMedia", file.early_media),
    };
    if file.early_media {
        action = action.with("Variable", format_args!("{EARLY}=1"));
    }
    if let Some(caller) = &file.caller_id {
        action = action.with("CallerID", caller);
    }
    if let Some(account) = &file.account {
        action = action.with("Account", account);
    }
    file.variables.iter().fold(action, |action, variable| {
        action.with(
            "Variable",
            format_args!("{}={}", variable.name, escaped(&variable.value)),
        )
    })
}

/// Why the manager interface could not be told of this call, if it could not.
pub(crate) fn unfit(file: &CallFile) -> Option<String> {
    originate("leg_00000000000000000000000000000000", file)
        .text("trial")
        .err()
}

/// A value as one: Asterisk divides the line at its commas, and counts quotes and brackets while it
/// looks for them.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if ",\"\\()[]".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use outdial_callfile::{CallFile, Channel, Variable};

    use super::*;

    #[test]
    fn a_value_cannot_become_two() {
        let channel = Channel::local("1", "a").unwrap();
        let mut file = CallFile::new(channel, AfterAnswer::dialplan("b", "s"));
        file.variables = vec![Variable::new("A", "1,B=2"), Variable::new("CHANNEL(language)", "(\"en")];
        let text = originate("leg", &file).text("leg").unwrap();
        assert!(text.contains("\r\nVariable: A=1\\,B=2\r\n"), "{text}");
        assert!(text.contains("\r\nVariable: CHANNEL(language)=\\(\\\"en\r\n"), "{text}");
    }

    #[test]
    fn a_line_that_asterisk_would_drop_is_refused() {
        let channel = Channel::local("1", "a").unwrap();
        let mut file = CallFile::new(channel, AfterAnswer::dialplan("b", "s"));
        file.variables = vec![Variable::new("A", ",".repeat(490))];
        assert_eq!(unfit(&file), None);
        file.variables = vec![Variable::new("A", ",".repeat(600))];
        assert!(unfit(&file).unwrap().contains("Variable"));
    }
}
