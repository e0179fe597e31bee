//! What must hold of every text, whatever happened.

use std::collections::{BTreeMap, HashMap};

use outdial_domain::{
    Message, MessageEvent, MessageState,
    message::{OnUnknown, SubmissionState},
};

use super::{history::History, life::receiver, network::Taken};

impl History {
    /// Panics when something does not hold.
    pub(crate) fn check(&self) {
        let messages = self.messages();
        let asked = self.asked.lock().unwrap();
        for made in &asked.made {
            assert!(
                messages.iter().any(|message| message.id == *made),
                "{made} is forgotten"
            );
        }
        let mut taken: HashMap<(String, usize), Vec<Taken>> = HashMap::new();
        for one in self.network.taken() {
            taken.entry((one.to.clone(), one.part)).or_default().push(one);
        }
        let delivered = self.network.delivered();
        for message in &messages {
            let to = message.plan.to.to_string();
            let number = (0..asked.plans.len()).find(|number| receiver(*number) == to);
            let plan = &asked.plans[number.expect("it was asked for")];
            let of_part = |part: usize| taken.get(&(to.clone(), part)).map_or(&[][..], Vec::as_slice);
            assert_eq!(message.parts, plan.parts);
            for part in 0..plan.parts {
                self.is_not_sent_too_often(message, of_part(part));
            }
            let none = (0..plan.parts).all(|part| of_part(part).is_empty());
            let never_left = matches!(message.state, MessageState::Canceled | MessageState::Refused);
            assert!(none || !never_left, "{message:#?} has left");
            if asked.canceled.contains(&message.id) {
                assert_eq!(message.state, MessageState::Canceled, "{message:#?}");
            }
            self.is_what_the_network_says(message, &delivered);
            self.events_tell_it(message);
        }
    }

    /// A part that a network has is submitted again only where nobody could know that, and only if the plan says so.
    fn is_not_sent_too_often(&self, message: &Message, taken: &[Taken]) {
        let lost = taken.iter().filter(|one| !one.said).count();
        let interrupted = self.interrupted.get(&message.id).copied().unwrap_or(0);
        let allowed = match message.plan.on_unknown {
            OnUnknown::Leave => 1,
            OnUnknown::Retry => 1 + (lost + interrupted).min(usize::from(message.plan.unknown_retries)),
        };
        assert!(taken.len() <= allowed, "{allowed} are allowed: {taken:?} {message:#?}");
        let is_known = lost == 0 && interrupted == 0;
        let reported = message
            .submissions
            .iter()
            .any(|submission| submission.state == SubmissionState::Unknown && submission.id.is_some());
        let is_unknown = message.state == MessageState::Unknown && message.reason.as_deref() != Some("no receipt came");
        assert!(
            !is_unknown || !is_known || reported || message.parts > 1,
            "it can be known: {taken:?} {message:#?}"
        );
    }

    /// What somebody heard of a part is written down.
    fn is_what_the_network_says(&self, message: &Message, delivered: &BTreeMap<String, bool>) {
        for submission in &message.submissions {
            let Some(name) = &submission.id else { continue };
            if submission.state == SubmissionState::Delivered {
                assert!(delivered.contains_key(name), "nobody said so of {name}: {message:#?}");
            }
            let open = matches!(submission.state, SubmissionState::Submitted | SubmissionState::Unknown);
            if delivered.get(name) == Some(&true) && open {
                panic!("it is not written down that {name} was delivered: {message:#?}");
            }
        }
        let all = message
            .submissions
            .iter()
            .all(|submission| submission.state == SubmissionState::Delivered);
        if message.state == MessageState::Delivered {
            assert!(all && message.delivered_at.is_some(), "{message:#?}");
        }
    }

    /// It ends once, or once more where somebody tells what nobody knew, and nothing is sent afterwards.
    fn events_tell_it(&self, message: &Message) {
        let events = self.events(message);
        assert_eq!(events.len(), message.events as usize);
        assert!(matches!(events[0], MessageEvent::Created { .. }), "{events:#?}");
        let ends: Vec<usize> = (0..events.len())
            .filter(|place| matches!(events[*place], MessageEvent::Ended { .. }))
            .collect();
        let ended: Vec<MessageState> = events
            .iter()
            .filter_map(|event| match event {
                MessageEvent::Ended { state, .. } => Some(*state),
                _ => None,
            })
            .collect();
        assert!(
            matches!(ended[..], [_] | [MessageState::Unknown, _]) && ended.last() == Some(&message.state),
            "{events:#?}"
        );
        let after = &events[ends[0] + 1..];
        let told = |event: &MessageEvent| matches!(event, MessageEvent::Reported { .. } | MessageEvent::Ended { .. });
        assert!(after.iter().all(told), "{events:#?}");
        let tries = events
            .iter()
            .filter(|event| matches!(event, MessageEvent::Sending { .. }))
            .count();
        assert_eq!(tries, usize::from(message.tries), "{events:#?}");
    }
}
