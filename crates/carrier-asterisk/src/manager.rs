//! Asterisk's manager interface: one connection to it for each trunk, made again when it is lost.

mod known;
mod leg;
mod link;
mod message;
mod originate;

use std::{net::SocketAddr, time::Duration};

use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::{LeftBehind, LegEvent};
use secrecy::SecretString;
use tokio::sync::mpsc;

pub(crate) use self::{leg::ManagedLeg, link::Manager, originate::unfit};
use self::{
    link::NotSent,
    message::{Action, Message},
};
use crate::{carrier::ended, ending};

/// How long a leg of an earlier run may take to end when it is told to.
const ENDS_WITHIN: Duration = Duration::from_secs(4);
/// How long Asterisk may take to say whether it has an application.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// How long a connection may be away before its legs are given up.
const AWAY: Duration = Duration::from_secs(60);
/// The channel variable that tells of a call that may be connected before its answer.
const EARLY: &str = "OUTDIAL_EARLY_MEDIA";

/// Who we are to Asterisk's manager interface.
#[derive(Clone)]
pub struct ManagerLogin {
    /// Where it is.
    pub address: SocketAddr,
    /// The user, who may `read = call` and `write = call,originate`.
    pub username: String,
    /// The secret, which is never shown.
    pub secret: SecretString,
}

impl std::fmt::Debug for ManagerLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ManagerLogin({} at {})", self.username, self.address)
    }
}

/// Says what became of a leg that was handed over by an earlier run of ours, where that can be known.
///
/// Nobody looks after it any more, so it is ended like a leg of ours whose process died, and that
/// it was there says what it was. That Asterisk does not have it says nothing.
pub(crate) async fn take_up(manager: &Manager, left: &LeftBehind, events: mpsc::Sender<LegEvent>) {
    if let Some(ending) = found(manager, left).await {
        let _ = events.send(LegEvent::Sent).await;
        ended(&events, ending).await;
    }
}

async fn found(manager: &Manager, left: &LeftBehind) -> Option<Ending> {
    let id = left.leg.to_string();
    let connected = left.longest.clamp(ENDS_WITHIN, AWAY);
    manager.ready(connected).await.ok()?;
    let mut events = manager.follow(&id);
    let asked = Action::new("Status").with("Channel", &id).with("Variables", EARLY);
    let status = match manager.ask(asked).await {
        Ok(answer) => answer.await.ok()?,
        Err(NotSent(_)) => return None,
    };
    if !status.succeeded() {
        return None;
    }
    let channel = async {
        loop {
            let event = events.recv().await?;
            if event.is("Status") {
                let early = event.get("Variable") == Some(&format!("{EARLY}=1"));
                return Some((event.get("ChannelState") == Some("6"), early));
            }
        }
    };
    let (up, early) = tokio::time::timeout(ENDS_WITHIN, channel).await.ok().flatten()?;
    let hang_up = Action::new("Hangup").with("Channel", &id).with("Cause", "16");
    let _ = manager.ask(hang_up).await.ok()?.await;
    Some(if up && early {
        ending::unknown(
            "we were interrupted after the call was connected at its first sound, and hung it up when we were back: \
             Asterisk does not tell whether it was answered",
        )
    } else if up {
        let reason = "we were interrupted while the call was answered, and hung it up when we were back";
        Ending::new(Outcome::Completed, EndedBy::System, reason)
    } else {
        ending::unknown(
            "we were interrupted before the call was answered, and hung it up when we were back: the phone may have rung",
        )
    })
}

impl Manager {
    /// Whether Asterisk has this application. Nothing when our user may not ask, for which it needs `command`.
    async fn has_application(&self, name: &str) -> Option<bool> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let asked = Action::new("Command").with("Command", format_args!("core show application {name}"));
        let answer = self.ask(asked).await.ok()?;
        let answer = tokio::time::timeout(ANSWERS_WITHIN, answer).await.ok()?.ok()?;
        match answer.get("Message") {
            Some("Command output follows") => Some(answer.succeeded()),
            _ => None,
        }
    }

    /// Whether our user may place calls, found out by placing one that cannot be.
    pub(crate) async fn may_originate(&self) -> Result<(), String> {
        let trial = Action::new("Originate").with("Channel", "none");
        let answer = self.ask(trial).await.map_err(|NotSent(reason)| reason)?;
        let answer = answer.await.map_err(|_| "the connection was lost".to_owned())?;
        let refusal = refused(&answer);
        if refusal.contains("Permission") {
            return Err(format!(
                "the user of the manager interface may not place calls ({refusal}): give it `write = call,originate` in \
                 manager.conf"
            ));
        }
        Ok(())
    }
}

/// The reason why an action was refused.
fn refused(answer: &Message) -> String {
    answer.get("Message").unwrap_or("no reason was given").to_owned()
}
