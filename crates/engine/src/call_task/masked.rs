//! What a caller of a masking number is connected with.

use std::{collections::BTreeMap, time::Duration};

use outdial_domain::{Address, Digit, Mask, Pin};
use outdial_flow::{CallerId, Dial, Flow, Gather, Instruction, Prompt, Say};

/// How long to wait for each key of a PIN.
const KEY: Duration = Duration::from_secs(10);
/// How often a PIN may be tried in one call: each try that names nobody, or nothing, leads to the next.
const TRIES: usize = 3;
/// Why a call ends that reached nobody.
pub(super) const REFUSED: &str = "none of the pins that were tried is one of this caller and this number";

/// The flow for somebody who calls a number with these masks, newest first; `None` when none of them is theirs.
pub(super) fn flow(masks: &[Mask], from: &Address) -> Option<Flow> {
    let theirs = Mask::reached(masks, from);
    if let [(mask, to)] = theirs[..]
        && mask.pin.is_none()
    {
        return Some(Flow {
            steps: vec![connect(mask, to)],
        });
    }
    let mut on = BTreeMap::new();
    for (mask, to) in theirs {
        let pin = mask.pin.as_ref().map_or("", Pin::as_str);
        on.entry(pin.to_owned()).or_insert_with(|| vec![connect(mask, to)]);
    }
    let lengths = on.keys().map(String::len);
    let fewest = lengths.clone().min()?;
    let most = lengths.max()?;
    let octet = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
    let ask = |words| Gather {
        name: "pin".to_owned(),
        private: true,
        prompts: vec![said(words)],
        fewest: octet(fewest),
        most: octet(most),
        finish: (fewest < most).then(|| Digit::from_char('#')).flatten(),
        timeout: KEY,
        tries: 1,
        on: on.clone(),
        otherwise: Vec::new(),
        no_input: Vec::new(),
    };
    let again = "This pin was not recognized. Please press your pin.";
    let words = std::iter::once("Please press your pin.").chain(std::iter::repeat(again));
    let mut steps: Vec<_> = words.take(TRIES).map(|words| Instruction::Gather(ask(words))).collect();
    // Who is connected, or is told why not, never gets here: those calls end with the dial.
    steps.push(Instruction::Say(words_of("This pin was not recognized. Goodbye.")));
    Some(Flow { steps })
}

fn said(words: &str) -> Prompt {
    Prompt::Say(words_of(words))
}

fn words_of(text: &str) -> Say {
    Say {
        text: text.to_owned(),
        voice: None,
        language: Some("en".to_owned()),
    }
}

fn connect(mask: &Mask, to: &Address) -> Instruction {
    Instruction::Dial(Box::new(Dial {
        from: Some(CallerId::Number(mask.number.clone())),
        ..Dial::to(to.clone())
    }))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use outdial_domain::{AccountId, MaskId};

    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn mask(parties: [&str; 2], pin: Option<&str>) -> Mask {
        let at = Timestamp::UNIX_EPOCH;
        Mask {
            id: MaskId::new(at, [1; 10]),
            account: AccountId::new(at, [1; 10]),
            number: address("+6561234567"),
            parties: parties.map(address),
            pin: pin.map(|pin| pin.parse().unwrap()),
            expires: None,
            tag: None,
            created_at: at,
        }
    }

    #[test]
    fn each_of_the_two_is_connected_with_the_other() {
        let masks = [mask(["+6590000001", "+6590000002"], None)];
        for (from, to) in [("+6590000001", "+6590000002"), ("+6590000002", "+6590000001")] {
            let flow = flow(&masks, &address(from)).unwrap();
            let dial = flow.dials()[0];
            assert_eq!(dial.to, [address(to)]);
            assert_eq!(dial.from, Some(CallerId::Number(address("+6561234567"))));
        }
        assert_eq!(flow(&masks, &address("+6590000003")), None);
        assert_eq!(flow(&[], &address("+6590000001")), None);
    }

    #[test]
    fn a_pin_decides_whom_a_caller_reaches() {
        let masks = [
            mask(["+6590000001", "+6590000002"], Some("1111")),
            mask(["+6590000001", "+6590000003"], Some("22222")),
        ];
        let flow = flow(&masks, &address("+6590000001")).unwrap();
        let (last, asks) = flow.steps.split_last().unwrap();
        assert!(matches!(last, Instruction::Say(_)), "{last:?}");
        assert_eq!(asks.len(), 3);
        for ask in asks {
            let Instruction::Gather(ask) = ask else {
                panic!("it asks")
            };
            assert_eq!((ask.fewest, ask.most, ask.on.len(), ask.tries), (4, 5, 2, 1));
        }
        assert_eq!(flow.dials().len(), 6);
    }
}
