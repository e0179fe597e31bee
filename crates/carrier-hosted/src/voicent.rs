//! Voicent's gateway: calls that say a text, play sounds or start an application, and texts.
//!
//! The gateway knows no names of ours and no credentials, so a call whose request was not answered cannot be found
//! again. It tries by itself again what nobody answered; the shortest time that it can be given keeps it to one
//! attempt, and should it want another one all the same, the call is removed there: what follows is our plan's affair.

mod answers;
mod request;

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use outdial_domain::{
    Address, MessageId,
    message::{PartFate, ReceiptState},
};
use outdial_engine::ports::{Ask, Clock, TextAsk, TextOrder, WholeOrder};
use outdial_voicent::{CallRequest, Client, Error, ReqId, Status};

use crate::{
    HostedCarrier, Reach, WrongTrunk,
    ending::told,
    numbers::digits,
    service::{Found, HungUp, Placed, Seen, Service, Trouble},
};

/// The carrier of calls and texts to Voicent's gateways.
pub type VoicentCarrier = HostedCarrier<Voicent>;

/// So many minutes after its request nothing is tried any more: the fewest that there are.
const FIRST_OCCURRENCE: u32 = 1;

/// One trunk: a gateway.
#[derive(Debug, Clone)]
pub struct VoicentTrunk {
    /// Its name.
    pub name: String,
    /// Where the gateway is, as `http://192.0.2.10:8155`.
    pub url: String,
    /// The number that calls show when a request says nothing.
    pub from: Option<String>,
    /// The directory where prompts are put, by a path of this machine.
    pub audio: Option<PathBuf>,
    /// The same directory as the gateway names it, with whatever divides it from a name; as this machine does, if not
    /// given.
    pub audio_there: Option<String>,
    /// How the gateway is reached. It makes no callbacks.
    pub reach: Reach,
}

impl VoicentTrunk {
    /// A gateway, with what is usual.
    #[must_use]
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            from: None,
            audio: None,
            audio_there: None,
            reach: Reach::default(),
        }
    }
}

/// A gateway with its client.
pub struct Voicent {
    settings: VoicentTrunk,
    client: Client,
}

impl VoicentCarrier {
    /// A carrier with these trunks.
    ///
    /// # Errors
    ///
    /// [`WrongTrunk`] for the first whose settings make no sense.
    pub fn start(trunks: Vec<VoicentTrunk>, clock: Arc<dyn Clock>) -> Result<Self, WrongTrunk> {
        let trunks: Vec<Voicent> = trunks.into_iter().map(Voicent::new).collect::<Result<_, _>>()?;
        Self::of(trunks, clock)
    }

    /// Whether a gateway answers. Nobody is rung, and nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub async fn probe(&self, trunk: &str) -> Result<String, String> {
        let voicent = self.of_name(trunk)?;
        let url = &voicent.settings.url;
        let nobody = ReqId::new("0").map_err(|error| error.to_string())?;
        let well = match voicent.client.status(&nobody).await {
            // What it says of a call that there is not is what a gateway says.
            Ok(_) => format!("{url} answers"),
            Err(Error::NotFound(reason)) if !reason.starts_with("HTTP") => format!("{url} answers"),
            Err(Error::NotFound(_)) => {
                return Err(format!(
                    "{url} answers, and not as a gateway: check the port, which is usually 8155"
                ));
            }
            Err(error) => return Err(format!("{url}: {error}")),
        };
        match &voicent.settings.audio {
            None => Ok(well),
            Some(directory) => match tempfile_in(directory) {
                Ok(()) => Ok(format!("{well}, prompts into {}", directory.display())),
                Err(error) => Err(format!(
                    "no prompt can be written to `audio`, {}: {error}. Make it, and let this user write there",
                    directory.display()
                )),
            },
        }
    }
}

/// Whether a file can be written there.
fn tempfile_in(directory: &std::path::Path) -> std::io::Result<()> {
    outdial_engine::sound_files::write(directory, request::RATE, &[]).map(drop)
}

impl Voicent {
    fn new(settings: VoicentTrunk) -> Result<Self, WrongTrunk> {
        let wrong = |reason: String| WrongTrunk {
            trunk: settings.name.clone(),
            reason,
        };
        settings.reach.check(&settings.url).map_err(wrong)?;
        if settings.audio_there.is_some() && settings.audio.is_none() {
            return Err(wrong("`audio_there` means something only with `audio`".to_owned()));
        }
        let client = Client::builder()
            .base_url(&settings.url)
            .http(settings.reach.http().map_err(wrong)?)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { settings, client })
    }

    fn sms(&self, from: Option<&str>, to: &str, text: &str) -> Result<CallRequest, String> {
        let mut sms = CallRequest::sms(to, text).first_occurrence(FIRST_OCCURRENCE);
        let from = from.map(|from| {
            let number = Address::parse(from).ok();
            let number = number.and_then(|number| digits(&number, Self::NAME).ok());
            number.ok_or_else(|| "Voicent's gateway sends texts from a number: give one as `from`, or none".to_owned())
        });
        sms.caller_id = from.transpose()?.or_else(|| self.settings.from.clone());
        sms.check().map_err(|invalid| invalid.to_string())?;
        Ok(sms)
    }
}

impl Service for Voicent {
    const NAME: &'static str = "Voicent's gateway";
    const WORD: &'static str = "voicent";
    const FINDS_CALLS: bool = false;
    const FINDS_TEXTS: bool = false;
    type Request = CallRequest;
    type Turn = ();

    fn trunk(&self) -> &str {
        &self.settings.name
    }

    fn reach(&self) -> &Reach {
        &self.settings.reach
    }

    fn secret(&self) -> Option<&str> {
        None
    }

    fn express(&self, ask: &Ask<'_>) -> Result<CallRequest, String> {
        request::request(&self.settings, ask)
    }

    fn name(&self, request: CallRequest, order: &WholeOrder, _: Option<String>) -> Result<CallRequest, String> {
        request::with_sound(&self.settings, request, order)
    }

    async fn turn(&self) -> Result<(), String> {
        Ok(())
    }

    async fn place(&self, (): (), request: &CallRequest) -> Placed {
        match self.client.call(request).await {
            Ok(call) => Placed::Yes(call.id().to_string()),
            Err(error) => answers::not_placed(&error),
        }
    }

    async fn find(&self, _: &CallRequest, _: RangeInclusive<Timestamp>) -> Found {
        Found::Nothing
    }

    async fn look(&self, name: &str) -> Result<Seen, Trouble> {
        let id = ReqId::new(name).map_err(|error| Trouble::Gone(error.to_string()))?;
        let status = self
            .client
            .status(&id)
            .await
            .map_err(|error| answers::trouble(&error))?;
        let Status::Attempts(attempts) = status else {
            return Err(Trouble::Gone("it has no record".to_owned()));
        };
        let ended = match answers::attempted(&attempts) {
            answers::Attempted::NotYet => None,
            answers::Attempted::Over(ending) => Some(ending),
            // Whether it is tried again is decided here, so it must not be there as well.
            answers::Attempted::WouldRetry(outcome, message) => match self.client.remove(&id).await {
                Ok(()) => Some(told(outcome, format!("the gateway says: {message}"))),
                Err(error) => return Err(Trouble::Passing(error.to_string())),
            },
        };
        Ok(Seen { answered: false, ended })
    }

    async fn hang_up(&self, name: &str) -> HungUp {
        let Ok(id) = ReqId::new(name) else {
            return HungUp::No("the gateway gave this call no name".to_owned());
        };
        match self.client.remove(&id).await {
            Ok(()) => HungUp::Perhaps(
                "the call was removed at the gateway, which does not tell whether it had begun: one that had goes on there"
                    .to_owned(),
            ),
            Err(error) => HungUp::No(format!("the call could not be removed at the gateway: {error}")),
        }
    }

    fn can_text(&self, ask: &TextAsk<'_>) -> Result<(), String> {
        self.sms(ask.from, ask.to, ask.text).map(drop)
    }

    async fn text(&self, order: &TextOrder, _: Option<String>) -> PartFate {
        let sms = match self.sms(order.from.as_deref(), &order.to, &order.composed.text()) {
            Ok(sms) => sms,
            Err(reason) => return answers::never(reason),
        };
        match self.client.call(&sms).await {
            Ok(text) => PartFate::Accepted {
                id: Some(text.id().to_string()),
            },
            Err(error) => answers::not_sent(&error),
        }
    }

    async fn find_text(&self, _: MessageId, _: RangeInclusive<Timestamp>) -> Option<String> {
        None
    }

    async fn look_at_text(&self, name: &str) -> Result<(ReceiptState, Option<String>), Trouble> {
        let id = ReqId::new(name).map_err(|error| Trouble::Gone(error.to_string()))?;
        let status = self
            .client
            .status(&id)
            .await
            .map_err(|error| answers::trouble(&error))?;
        Ok((answers::receipt(&status), None))
    }

    fn text_of_callback(&self, _: &[u8]) -> Option<String> {
        None
    }
}
