//! Two parties by Asterisk's `Dial`, and rooms by its `ConfBridge`: flows that are just that.

use std::time::Duration;

use outdial_callfile::{Action, Variable};
use outdial_domain::{AccountId, Address};
use outdial_flow::{CallerId, Conference, Dial, Flow, Instruction, OnFailure, WhileRinging};

use crate::{AsteriskTrunk, target};

/// What divides the arguments of an application, or the channels of a `Dial`.
const DIVIDERS: &[char] = &[',', '&', '|', '^', '(', ')'];

/// A flow that puts people together, and nothing else.
pub(crate) enum Together<'f> {
    Dial(&'f Dial),
    Room(&'f Conference),
}

/// What Asterisk runs for such a flow.
pub(crate) struct Application {
    pub(crate) action: Action,
    pub(crate) variables: Vec<Variable>,
    /// How much longer than its talk limit the call may take, because others are rung meanwhile.
    pub(crate) more: Duration,
}

/// The flow, if it is just that.
pub(crate) fn together(flow: &Flow) -> Option<Together<'_>> {
    match flow.steps.as_slice() {
        [Instruction::Dial(dial)] => Some(Together::Dial(dial)),
        [Instruction::Conference(conference)] => Some(Together::Room(conference)),
        _ => None,
    }
}

/// Why Asterisk cannot do it as a whole, if it cannot.
pub(crate) fn refusal(trunk: &AsteriskTrunk, together: &Together<'_>) -> Option<String> {
    let by = "a call that Asterisk takes as a whole";
    let instead = "use a SIP trunk for it";
    let reason = match together {
        Together::Room(conference) if !conference.waiting.is_empty() => {
            "plays nothing of ours while a room waits to begin"
        }
        Together::Room(conference) if conference.record => "keeps what it records of a room to itself",
        Together::Room(_) => return None,
        Together::Dial(dial) if dial.to.len() > 1 => "dials one number, and not one after the other",
        Together::Dial(dial) if !dial.whisper.is_empty() || dial.screen.is_some() => {
            "lets the other party hear and press nothing before it is connected"
        }
        Together::Dial(dial) if matches!(dial.while_ringing, WhileRinging::Prompts(_)) => {
            "plays nothing of ours while the other phone rings"
        }
        Together::Dial(dial) if !dial.announce.is_empty() || dial.on_failure != OnFailure::HangUp => {
            "ends when the other party is not reached, and does not tell"
        }
        Together::Dial(dial) if !dial.codes.is_empty() => "does not tell of keys that are pressed while two talk",
        Together::Dial(dial) if dial.from == Some(CallerId::Private) => {
            "cannot withhold the caller id from one party only"
        }
        Together::Dial(dial) => return dial.to.iter().find_map(|to| channel(trunk, to).err()),
    };
    Some(format!("{by} {reason}: {instead}"))
}

/// What Asterisk runs after the answer of a call to this number.
pub(crate) fn application(
    trunk: &AsteriskTrunk,
    together: &Together<'_>,
    account: AccountId,
    first: &Address,
    usual: (Duration, Duration),
) -> Result<Application, String> {
    if let Some(reason) = refusal(trunk, together) {
        return Err(reason);
    }
    match together {
        Together::Dial(dial) => dialled(trunk, dial, first, usual),
        Together::Room(conference) => Ok(entered(conference, account)),
    }
}

fn dialled(
    trunk: &AsteriskTrunk,
    dial: &Dial,
    first: &Address,
    (ring, talk): (Duration, Duration),
) -> Result<Application, String> {
    let to = dial.to.first().ok_or("there is nobody to dial")?;
    let ring = dial.ring.unwrap_or(ring);
    let mut limit = dial.max.unwrap_or(talk).as_millis().to_string();
    if let Some(before) = dial.warn_before {
        limit = format!("{limit}:{}", before.as_millis());
    }
    let mut options = format!("L({limit})");
    if dial.while_ringing == WhileRinging::Tone {
        // The second one goes on until the network plays something itself.
        options.push(if dial.early_media { 'R' } else { 'r' });
    }
    let shown = match &dial.from {
        Some(CallerId::Number(number)) => Some(number),
        Some(CallerId::OtherParty) => Some(first),
        None | Some(CallerId::Private) => None,
    };
    if let Some(shown) = shown {
        let number = shown.number();
        let number = number.ok_or("Asterisk cannot show a SIP URI as the caller: give a number")?;
        options.push_str(&format!("o({number})"));
    }
    let seconds = ring.as_secs().max(1);
    Ok(Application {
        action: Action::application("Dial", format!("{},{seconds},{options}", channel(trunk, to)?)),
        variables: Vec::new(),
        more: ring + dial.max.unwrap_or_default().saturating_sub(talk),
    })
}

fn entered(conference: &Conference, account: AccountId) -> Application {
    // Rooms belong to accounts; those of an Asterisk have one list of names.
    let account = account.to_string();
    let whose = &account[account.len().saturating_sub(12)..];
    let yes = |name: &str| Variable::new(format!("CONFBRIDGE({name})"), "yes");
    let flags = [
        (conference.muted, vec!["user,startmuted"]),
        (conference.moderator, vec!["user,admin", "user,marked"]),
        (conference.wait, vec!["user,wait_marked"]),
        (conference.end, vec!["user,end_marked"]),
        (!conference.tones, vec!["user,quiet"]),
    ];
    let set = flags.iter().filter(|(set, _)| *set);
    let mut variables: Vec<Variable> = set.flat_map(|(_, names)| names.iter().copied().map(yes)).collect();
    variables.push(Variable::new(
        "CONFBRIDGE(bridge,max_members)",
        conference.most.to_string(),
    ));
    Application {
        action: Action::application("ConfBridge", format!("{whose}-{}", conference.room)),
        variables,
        more: Duration::ZERO,
    }
}

/// How the other party is rung.
fn channel(trunk: &AsteriskTrunk, to: &Address) -> Result<String, String> {
    let channel = target::channel(trunk, to)?.to_string();
    match channel.contains(DIVIDERS) {
        true => Err(format!(
            "{to} cannot be dialled by Asterisk's `Dial`, which would divide it"
        )),
        false => Ok(channel),
    }
}

#[cfg(test)]
mod tests {
    use outdial_callfile::Spool;

    use super::*;
    use crate::Way;

    const MINUTE: Duration = Duration::from_secs(60);

    fn trunk() -> AsteriskTrunk {
        let mut trunk = AsteriskTrunk::new("pbx", Way::Files(Spool::default()));
        trunk.channel = Some("PJSIP/{number}@out".parse().unwrap());
        trunk
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn account() -> AccountId {
        "acct_018f0000000070008000000000000001".parse().unwrap()
    }

    fn run(step: Instruction) -> Result<(String, Vec<String>), String> {
        let flow = Flow { steps: vec![step] };
        let together = together(&flow).expect("it is just that");
        let application = application(
            &trunk(),
            &together,
            account(),
            &address("+6590000009"),
            (MINUTE, MINUTE),
        )?;
        let Action::Application { name, data } = application.action else {
            panic!("an application")
        };
        let variables = application.variables.iter();
        let variables = variables.map(|variable| format!("{}={}", variable.name, variable.value));
        Ok((format!("{name}({})", data.unwrap_or_default()), variables.collect()))
    }

    fn dialled(dial: Dial) -> Result<String, String> {
        run(Instruction::Dial(Box::new(dial))).map(|(application, _)| application)
    }

    #[test]
    fn two_are_put_together_by_dial() {
        let to = || Dial::to(address("+6590000001"));
        assert_eq!(dialled(to()).unwrap(), "Dial(PJSIP/+6590000001@out,60,L(60000)R)");
        let dial = Dial {
            from: Some(CallerId::OtherParty),
            ring: Some(Duration::from_secs(20)),
            max: Some(Duration::from_secs(90)),
            warn_before: Some(Duration::from_secs(10)),
            while_ringing: WhileRinging::Silence,
            ..to()
        };
        assert_eq!(
            dialled(dial).unwrap(),
            "Dial(PJSIP/+6590000001@out,20,L(90000:10000)o(+6590000009))"
        );
        for refused in [
            Dial {
                to: vec![address("+6590000001"), address("+6590000002")],
                ..to()
            },
            Dial {
                from: Some(CallerId::Private),
                ..to()
            },
            Dial {
                on_failure: OnFailure::Next,
                ..to()
            },
            Dial {
                codes: [("*1".to_owned(), Vec::new())].into(),
                ..to()
            },
            Dial {
                screen: outdial_domain::Digit::from_char('1'),
                ..to()
            },
        ] {
            assert!(dialled(refused).unwrap_err().contains("use a SIP trunk"));
        }
        assert!(dialled(Dial::to(address("sip:a@example.com"))).is_err());
    }

    #[test]
    fn rooms_are_conferences_of_their_account() {
        let room = Conference {
            muted: true,
            most: 8,
            ..Conference::of("stand-up".parse().unwrap())
        };
        let (application, variables) = run(Instruction::Conference(room)).unwrap();
        assert_eq!(application, "ConfBridge(000000000001-stand-up)");
        assert_eq!(
            variables,
            ["CONFBRIDGE(user,startmuted)=yes", "CONFBRIDGE(bridge,max_members)=8"]
        );
        let moderator = Conference {
            moderator: true,
            wait: true,
            end: true,
            tones: false,
            ..Conference::of("stand-up".parse().unwrap())
        };
        let (_, variables) = run(Instruction::Conference(moderator)).unwrap();
        assert_eq!(variables.len(), 6, "{variables:?}");
    }
}
