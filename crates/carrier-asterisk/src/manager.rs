//! Asterisk's manager interface: one connection to it for each trunk, made again when it is lost.

mod leg;
mod link;
mod message;
mod originate;

use std::{net::SocketAddr, time::Duration};

use outdial_domain::{EndedBy, Ending, LegId, Outcome};
use secrecy::SecretString;

pub(crate) use self::{leg::ManagedLeg, link::Manager, originate::unfit};
use self::{
    link::NotSent,
    message::{Action, Message},
};
use crate::ending;

/// How long a leg of an earlier run may take to end when it is told to.
const ENDS_WITHIN: Duration = Duration::from_secs(4);

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

/// What became of a leg that was handed over by an earlier run of ours.
///
/// Nobody looks after it any more, so it is ended like a leg of ours whose process died, and that
/// it was there says what it was. That Asterisk does not have it says nothing.
pub(crate) async fn look_up(manager: &Manager, leg: LegId) -> Option<Ending> {
    let id = leg.to_string();
    manager.ready(ENDS_WITHIN).await.ok()?;
    let mut events = manager.follow(&id);
    let asked = Action::new("Status").with("Channel", &id);
    let status = match manager.ask(asked).await {
        Ok(answer) => answer.await.ok()?,
        Err(NotSent(_)) => return None,
    };
    if !status.succeeded() {
        return None;
    }
    let answered = async {
        loop {
            let event = events.recv().await?;
            if event.is("Status") {
                return Some(event.get("ChannelState") == Some("6"));
            }
        }
    };
    let answered = tokio::time::timeout(ENDS_WITHIN, answered).await.ok().flatten()?;
    let hang_up = Action::new("Hangup").with("Channel", &id).with("Cause", "16");
    let _ = manager.ask(hang_up).await.ok()?.await;
    Some(if answered {
        let reason = "we were interrupted while the call was answered, and hung it up when we were back";
        Ending::new(Outcome::Completed, EndedBy::System, reason)
    } else {
        ending::not_dialled("we were interrupted while the phone rang, and hung up when we were back")
    })
}

impl Manager {
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
