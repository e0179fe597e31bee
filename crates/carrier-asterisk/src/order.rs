//! A call as Asterisk is told of it, whichever way.

use std::time::Duration;

use outdial_callfile::{Action, CallFile, CallerId, Channel, Variable};
use outdial_engine::ports::WholeOrder;
use outdial_flow::{HandOver, Target};

use crate::{
    AsteriskTrunk, Dialplan, Way, manager,
    script::{self, Script},
    sounds, target,
    together::{Application, Together, application, together},
};

/// The channel variable that holds the name of the leg.
pub(crate) const LEG: &str = "OUTDIAL_LEG";

/// The channel variable of a call file that holds how many seconds its call can take from its beginning, so that
/// whoever finds it after a crash knows how long to wait for its result.
const LONGEST: &str = "OUTDIAL_LONGEST";

/// After an attempt that Asterisk itself did not survive, it dials again when twice this time has
/// passed since. It is the longest there is, and the carrier removes such a file long before.
const NEVER: u32 = 2_147_483;

/// What Asterisk is told, and what is known of it.
pub(crate) struct Order {
    /// The call. It is also what the manager interface is told, in other words.
    pub(crate) file: CallFile,
    /// The longest that it can last from its answer.
    pub(crate) talk: Duration,
    /// The application that the request names, which Asterisk may not have.
    pub(crate) application: Option<String>,
    /// How long it lasts from its answer, where Asterisk does not decide that.
    pub(crate) length: Option<Duration>,
    /// What has to come about after the answer.
    pub(crate) then: Then,
}

/// What has to come about after the answer, so that the call is what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Then {
    /// Nothing that Asterisk tells of.
    #[default]
    Nothing,
    /// Another party is dialled, and answers.
    Dialled,
    /// It is let into a room.
    Joined,
}

impl Order {
    /// How long the call can take from its beginning.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_secs(self.file.wait_time.into()) + self.talk
    }
}

/// What a call file says of how long its call can take from its beginning.
pub(crate) fn longest(file: &CallFile) -> Option<Duration> {
    let said = file.variables.iter().rev().find(|variable| variable.name == LONGEST)?;
    said.value.parse().ok().map(Duration::from_secs)
}

/// Writes the sounds, and then the order. It blocks as long as the disk does.
pub(crate) fn write(trunk: &AsteriskTrunk, order: &WholeOrder) -> Result<Order, String> {
    if let Some(together) = together(&order.flow) {
        return put_together(trunk, order, &together);
    }
    let script = script::script(&order.flow, &order.sounds, order.talk)?;
    let channel = target::channel(trunk, &order.leg.to)?;
    let action = match &script {
        Script::Nothing => match &trunk.dialplan {
            Some(dialplan) => go_on(dialplan, &order.leg.to.number().unwrap_or_default()),
            None => Action::application("Hangup", ""),
        },
        Script::Silence(length) if length.is_zero() => Action::application("Hangup", ""),
        Script::Silence(length) => Action::application("Wait", format!("{:.3}", length.as_secs_f64())),
        Script::HandOver(hand_over) => given(&hand_over.target),
        Script::Sounds(pieces) => {
            let dir = trunk.sounds.as_deref().ok_or("the trunk has no `sounds`")?;
            let paths = sounds::playable(dir, pieces)
                .map_err(|error| format!("the prompts cannot be written to {}: {error}", dir.display()))?;
            Action::application("Playback", paths)
        }
    };
    let mut file = common(trunk, channel, action);
    if let Script::HandOver(hand_over) = &script {
        add(&mut file, hand_over);
    }
    name(&mut file, order)?;
    if let (Script::Nothing, Some(dialplan)) = (&script, &trunk.dialplan) {
        file.early_media = dialplan.early_media;
    }
    let length = match (&script, &trunk.dialplan) {
        (Script::Nothing, None) => Some(Duration::ZERO),
        _ => script.length(),
    };
    if length.is_none() {
        // Nothing else ends what Asterisk does by itself. It counts from the beginning, not from the
        // answer, so the call may be longer by what the ringing was shorter.
        let limit = whole_seconds(order.ring).saturating_add(whole_seconds(order.talk));
        file.variables
            .push(Variable::new("TIMEOUT(absolute)", limit.to_string()));
    }
    let application = match &script {
        Script::HandOver(hand_over) => match &hand_over.target {
            Target::Application { name, .. } => Some(name.clone()),
            Target::Dialplan { .. } => None,
        },
        Script::Nothing | Script::Silence(_) | Script::Sounds(_) => None,
    };
    Ok(Order {
        application,
        length,
        ..ordered(trunk, file, length.unwrap_or(order.talk))?
    })
}

/// A call that is put together with others.
fn put_together(trunk: &AsteriskTrunk, order: &WholeOrder, together: &Together<'_>) -> Result<Order, String> {
    let channel = target::channel(trunk, &order.leg.to)?;
    let usual = (order.ring, order.talk);
    let Application {
        action,
        variables,
        more,
    } = application(trunk, together, order.account, &order.leg.to, usual)?;
    let mut file = common(trunk, channel, action);
    file.variables.extend(variables);
    name(&mut file, order)?;
    // Nothing else ends what Asterisk does by itself.
    let talk = order.talk + more;
    let limit = whole_seconds(order.ring).saturating_add(whole_seconds(talk));
    file.variables
        .push(Variable::new("TIMEOUT(absolute)", limit.to_string()));
    Ok(Order {
        then: match together {
            Together::Dial(_) => Then::Dialled,
            Together::Room(_) => Then::Joined,
        },
        ..ordered(trunk, file, talk)?
    })
}

/// The whole of it, if Asterisk can be told.
fn ordered(trunk: &AsteriskTrunk, file: CallFile, talk: Duration) -> Result<Order, String> {
    let mut order = Order {
        file,
        talk,
        application: None,
        length: None,
        then: Then::Nothing,
    };
    if let Way::Files(_) = trunk.way {
        let longest = whole_seconds(order.longest());
        let longest = Variable::new(LONGEST, longest.to_string());
        order.file.variables.push(longest);
    }
    wrong(trunk, &order.file).map_or(Ok(order), Err)
}

/// Who is rung for how long and sees whom, and whose leg it is.
fn name(file: &mut CallFile, order: &WholeOrder) -> Result<(), String> {
    file.variables.push(Variable::new(LEG, order.leg.leg.to_string()));
    file.wait_time = whole_seconds(order.ring);
    if let Some(from) = &order.leg.from {
        let number = from.number();
        let number = number.ok_or("Asterisk cannot show a SIP URI as the caller: give a number")?;
        file.caller_id.get_or_insert_default().number = Some(number);
    }
    Ok(())
}

/// What this trunk puts into every call, for finding out whether it can be written.
pub(crate) fn trial(trunk: &AsteriskTrunk) -> Option<CallFile> {
    let action = match &trunk.dialplan {
        Some(dialplan) => go_on(dialplan, "1"),
        None => Action::application("Hangup", ""),
    };
    let channel = Channel::local("1", "trial").ok()?;
    Some(common(trunk, channel, action))
}

/// Why a call that is handed over so could not be written, if it could not.
pub(crate) fn unfit(trunk: &AsteriskTrunk, hand_over: &HandOver) -> Option<String> {
    let channel = Channel::local("1", "trial").ok()?;
    let mut file = common(trunk, channel, given(&hand_over.target));
    add(&mut file, hand_over);
    wrong(trunk, &file)
}

/// Why Asterisk could not be told of this call, if it could not.
pub(crate) fn wrong(trunk: &AsteriskTrunk, file: &CallFile) -> Option<String> {
    let invalid = file.validate().err().map(|invalid| invalid.to_string());
    invalid.or_else(|| match trunk.way {
        Way::Files(_) => None,
        Way::Manager(_) => manager::unfit(file),
    })
}

/// What the request says in Asterisk's own words.
fn given(target: &Target) -> Action {
    match target {
        Target::Application { name, data } => Action::Application {
            name: name.clone(),
            data: data.clone(),
        },
        Target::Dialplan {
            context,
            extension,
            priority,
            early_media: _,
        } => Action::Dialplan {
            context: context.clone(),
            extension: extension.clone(),
            priority: *priority,
        },
    }
}

fn add(file: &mut CallFile, hand_over: &HandOver) {
    file.early_media = matches!(hand_over.target, Target::Dialplan { early_media: true, .. });
    let variables = hand_over.variables.iter();
    file.variables
        .extend(variables.map(|(name, value)| Variable::new(name, value)));
}

fn common(trunk: &AsteriskTrunk, channel: Channel, action: Action) -> CallFile {
    let mut file = CallFile::new(channel, action);
    file.retry_time = NEVER;
    file.caller_id = trunk.caller_name.clone().map(|name| CallerId {
        name: Some(name),
        number: None,
    });
    file.account.clone_from(&trunk.account);
    let variables = trunk.variables.iter();
    file.variables = variables.map(|(name, value)| Variable::new(name, value)).collect();
    file
}

fn go_on(dialplan: &Dialplan, number: &str) -> Action {
    Action::Dialplan {
        context: dialplan.context.clone(),
        extension: dialplan.extension.clone().unwrap_or_else(|| number.to_owned()),
        priority: dialplan.priority,
    }
}

/// Asterisk counts whole seconds, from one on.
fn whole_seconds(length: Duration) -> u32 {
    let up = length.as_secs() + u64::from(length.subsec_nanos() > 0);
    u32::try_from(up).unwrap_or(NEVER).clamp(1, NEVER)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outdial_callfile::Spool;
    use outdial_domain::Address;
    use outdial_engine::ports::{Clip, LegOrder};
    use outdial_flow::{Flow, Instruction, Prompt, Say};

    use super::*;
    use crate::{Way, script::RATE};

    fn order(to: &str, steps: Vec<Instruction>) -> WholeOrder {
        let say = Say {
            text: "a".to_owned(),
            voice: None,
            language: None,
        };
        let samples = vec![1; 800].into();
        WholeOrder {
            leg: LegOrder {
                leg: "leg_018f0000000070008000000000000001".parse().unwrap(),
                trunk: Some("pbx".to_owned()),
                to: Address::parse(to).unwrap(),
                from: Some(Address::parse("+6560000000").unwrap()),
                send_before: None,
            },
            account: "acct_018f0000000070008000000000000001".parse().unwrap(),
            ring: Duration::from_millis(12_500),
            talk: Duration::from_secs(60),
            flow: Flow { steps },
            sounds: vec![(Prompt::Say(say), Arc::new(Clip { rate: RATE, samples }))],
        }
    }

    fn trunk() -> AsteriskTrunk {
        let mut trunk = AsteriskTrunk::new("pbx", Way::Files(Spool::default()));
        trunk.channel = Some("PJSIP/{number}@out".parse().unwrap());
        trunk.account = Some("acct".to_owned());
        trunk.variables = vec![("CHANNEL(language)".to_owned(), "en".to_owned())];
        trunk
    }

    fn text(trunk: &AsteriskTrunk, order: &WholeOrder) -> String {
        write(trunk, order).map_or_else(|reason| reason, |order| order.file.to_text().unwrap())
    }

    #[test]
    fn a_call_file_says_what_was_ordered() {
        let dir = tempfile::tempdir().unwrap();
        let mut trunk = trunk();
        trunk.sounds = Some(dir.path().to_owned());
        let said = Flow::say("a").steps;
        let text = text(&trunk, &order("+6598765432", said));
        for line in [
            "Channel: PJSIP/+6598765432@out\n",
            "+6560000000",
            "WaitTime: 13\n",
            "Account: acct\n",
            "Set: OUTDIAL_LEG=leg_018f0000000070008000000000000001\n",
            "Set: CHANNEL(language)=en\n",
            "Application: Playback\n",
            "/outdial-",
            "Archive: yes\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("TIMEOUT"), "{text}");
        assert_eq!(outdial_callfile::parse(text.as_bytes()).file.unwrap().max_retries, 0);
    }

    #[test]
    fn flows_without_sound_need_no_directory() {
        let pause = vec![Instruction::Pause(Duration::from_millis(1_500))];
        let waiting = text(&trunk(), &order("1", pause));
        assert!(waiting.contains("Application: Wait\nData: 1.500\n"), "{waiting}");
        let nothing = text(&trunk(), &order("1", vec![]));
        assert!(nothing.contains("Application: Hangup\n"), "{nothing}");
    }

    #[test]
    fn an_empty_flow_goes_on_in_the_dialplan_when_the_trunk_says_where() {
        let mut trunk = trunk();
        trunk.dialplan = Some(Dialplan {
            context: "ivr".to_owned(),
            extension: None,
            priority: 2,
            early_media: true,
        });
        let text = text(&trunk, &order("123", vec![]));
        for line in [
            "Context: ivr\n",
            "Extension: 123\n",
            "Priority: 2\n",
            "Set: TIMEOUT(absolute)=73\n",
            "Early_media: yes\n",
        ] {
            assert!(text.to_lowercase().contains(&line.to_lowercase()), "{line}: {text}");
        }
    }

    #[test]
    fn people_are_put_together_within_a_limit() {
        let dial = outdial_flow::Dial::to(Address::parse("+6590000001").unwrap());
        let both = text(&trunk(), &order("1", vec![Instruction::Dial(Box::new(dial))]));
        for line in [
            "Application: Dial\nData: PJSIP/+6590000001@out,12,L(60000)R\n",
            "Set: TIMEOUT(absolute)=86\n",
            "Set: OUTDIAL_LEG=leg_",
        ] {
            assert!(both.contains(line), "{line}: {both}");
        }
        let room = outdial_flow::Conference::of("lobby".parse().unwrap());
        let room = text(&trunk(), &order("1", vec![Instruction::Conference(room)]));
        for line in [
            "Application: ConfBridge\nData: 000000000001-lobby\n",
            "Set: CONFBRIDGE(bridge,max_members)=500\n",
        ] {
            assert!(room.contains(line), "{line}: {room}");
        }
    }

    #[test]
    fn what_cannot_be_shown_or_rung_is_refused() {
        let mut order = order("1", vec![]);
        order.leg.from = Some(Address::parse("sip:a@example.com").unwrap());
        assert!(text(&trunk(), &order).contains("SIP URI"));
        order.leg.to = Address::parse("1@nowhere").unwrap();
        assert!(text(&trunk(), &order).contains("nowhere"));
    }
}
