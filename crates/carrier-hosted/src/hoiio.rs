//! Hoiio: calls between two numbers, conferences, and texts.

mod answers;
mod request;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use jiff::Timestamp;
use outdial_domain::{
    MessageId,
    message::{PartFate, ReceiptState},
};
use outdial_engine::ports::{Ask, Clock, TextAsk, TextOrder, WholeOrder};
use outdial_hoiio::{
    Client, Error, Request as _, sms, time, user,
    voice::{self, Hangup, QueryStatus},
};
use secrecy::{ExposeSecret as _, SecretString};

pub(crate) use request::Request;

use crate::{
    HostedCarrier, Reach, WrongTrunk,
    pause::Pause,
    service::{Found, HungUp, Placed, Seen, Service, Trouble},
};

/// How many entries of a history are looked through.
const MOST_ENTRIES: usize = 2_000;

/// The carrier of calls and texts to Hoiio, or a server that speaks like it.
pub type HoiioCarrier = HostedCarrier<Hoiio>;

/// One trunk: an application at Hoiio.
#[derive(Debug, Clone)]
pub struct HoiioTrunk {
    /// Its name.
    pub name: String,
    /// The application.
    pub app_id: String,
    /// Its secret.
    pub access_token: SecretString,
    /// Where the service is: `https://…/open/`.
    pub url: String,
    /// What the second number of a call sees, and who rings for a conference, when a request says nothing: a number, or
    /// `private`. It is also the number that the texts of the account come from.
    pub from: Option<String>,
    /// How the service is reached.
    pub reach: Reach,
}

impl HoiioTrunk {
    /// An application, with what is usual.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        url: impl Into<String>,
        app_id: impl Into<String>,
        access_token: SecretString,
    ) -> Self {
        Self {
            name: name.into(),
            app_id: app_id.into(),
            access_token,
            url: url.into(),
            from: None,
            reach: Reach::default(),
        }
    }
}

/// An application at Hoiio with its client.
pub struct Hoiio {
    settings: HoiioTrunk,
    client: Client,
    pause: Pause,
}

impl HoiioCarrier {
    /// A carrier with these trunks.
    ///
    /// # Errors
    ///
    /// [`WrongTrunk`] for the first whose settings make no sense.
    pub fn start(trunks: Vec<HoiioTrunk>, clock: Arc<dyn Clock>) -> Result<Self, WrongTrunk> {
        let trunks: Vec<Hoiio> = trunks.into_iter().map(Hoiio::new).collect::<Result<_, _>>()?;
        Self::of(trunks, clock)
    }

    /// Whether an application answers to its credentials. Nobody is rung, and nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub async fn probe(&self, trunk: &str) -> Result<String, String> {
        let hoiio = self.of_name(trunk)?;
        let url = &hoiio.settings.url;
        match hoiio.client.send(&user::GetInfo::new()).await {
            Ok(_) => Ok(format!("{url} answers, and knows the application")),
            Err(Error::BadCredentials(status)) => Err(format!(
                "{url} does not know the application or its token ({status}): check `app_id` and the token"
            )),
            Err(error) => Err(format!("{url}: {error}")),
        }
    }
}

impl Hoiio {
    fn new(settings: HoiioTrunk) -> Result<Self, WrongTrunk> {
        let wrong = |reason: String| WrongTrunk {
            trunk: settings.name.clone(),
            reason,
        };
        if settings.app_id.is_empty() || settings.access_token.expose_secret().is_empty() {
            return Err(wrong("give the `app_id` and its token".to_owned()));
        }
        settings.reach.check(&settings.url).map_err(wrong)?;
        let client = Client::builder(&settings.app_id, settings.access_token.expose_secret())
            .base_url(&settings.url)
            .http(settings.reach.http().map_err(wrong)?)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            settings,
            client,
            pause: Pause::default(),
        })
    }

    fn sms(&self, from: Option<&str>, to: &str, text: &str) -> Result<sms::Send, String> {
        let mut sms = sms::Send::new(to, text);
        match from {
            Some(number) if self.settings.from.as_deref() == Some(number) => {}
            Some(number) if number.starts_with('+') || number.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(
                    "Hoiio sends texts from its own number: leave `from` out, give a name, or set the trunk's `from` to \
                     that number"
                        .to_owned(),
                );
            }
            Some(name) => sms = sms.sender_name(name),
            None => {}
        }
        sms.check().map_err(|invalid| invalid.to_string())?;
        Ok(sms)
    }
}

impl Service for Hoiio {
    const NAME: &'static str = "Hoiio";
    const WORD: &'static str = "hoiio";
    const FINDS_CALLS: bool = true;
    const FINDS_TEXTS: bool = true;
    type Request = Request;
    type Turn = ();

    fn trunk(&self) -> &str {
        &self.settings.name
    }

    fn reach(&self) -> &Reach {
        &self.settings.reach
    }

    fn secret(&self) -> Option<&str> {
        Some(self.settings.access_token.expose_secret())
    }

    fn express(&self, ask: &Ask<'_>) -> Result<Request, String> {
        request::request(&self.settings, ask)
    }

    fn name(&self, request: Request, order: &WholeOrder, callback: Option<String>) -> Result<Request, String> {
        Ok(request.named(&order.leg.leg.to_string(), order.account, callback))
    }

    async fn turn(&self) -> Result<(), String> {
        Ok(())
    }

    async fn place(&self, (): (), request: &Request) -> Placed {
        let placed = match request {
            Request::Call(call) => self.client.send(call).await.map(|placed| Some(placed.txn_ref)),
            Request::Room(room) => self
                .client
                .send(room)
                .await
                .map(|room| room.txn_refs.into_iter().next()),
        };
        match placed {
            Ok(Some(name)) => Placed::Yes(name),
            Ok(None) => Placed::Lost("Hoiio took this call without a name for it".to_owned()),
            Err(error) => answers::not_placed(&error),
        }
    }

    async fn find(&self, request: &Request, made: RangeInclusive<Timestamp>) -> Found {
        let mut wanted = voice::History::new();
        (wanted.from, wanted.to) = (Some(time(*made.start())), Some(time(*made.end())));
        let mut entries = self.client.entries(wanted);
        for _ in 0..MOST_ENTRIES {
            match entries.next().await {
                Some(Ok(entry)) if Some(&entry.tag) == request.tag() => return Found::Name(entry.txn_ref),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Found::Trouble(error.to_string()),
                None => break,
            }
        }
        Found::Nothing
    }

    async fn look(&self, name: &str) -> Result<Seen, Trouble> {
        match self.client.send(&QueryStatus::new(name)).await {
            Ok(status) => Ok(answers::seen(&status)),
            Err(error) => Err(answers::trouble(&error)),
        }
    }

    async fn hang_up(&self, name: &str) -> HungUp {
        match self.client.send(&Hangup::new(name)).await {
            Ok(_) => HungUp::Yes,
            Err(error) => HungUp::No(format!(
                "Hoiio did not hang up this call, which may go on there: {error}"
            )),
        }
    }

    fn can_text(&self, ask: &TextAsk<'_>) -> Result<(), String> {
        self.sms(ask.from, ask.to, ask.text).map(drop)
    }

    fn pauses(&self) -> Option<Duration> {
        self.pause.left()
    }

    async fn text(&self, order: &TextOrder, callback: Option<String>) -> PartFate {
        let sms = match self.sms(order.from.as_deref(), &order.to, &order.composed.text()) {
            Ok(sms) => sms,
            Err(reason) => return answers::never(reason),
        };
        let mut sms = sms.tag(order.message.to_string());
        sms.notify_url = callback;
        match self.client.send(&sms).await {
            Ok(placed) => PartFate::Accepted {
                id: Some(placed.txn_ref),
            },
            Err(error) => {
                if let Error::RateLimited { wait } = &error {
                    self.pause.begin(*wait);
                }
                answers::not_sent(&error)
            }
        }
    }

    async fn find_text(&self, message: MessageId, made: RangeInclusive<Timestamp>) -> Option<String> {
        let mut wanted = sms::History::new();
        (wanted.from, wanted.to) = (Some(time(*made.start())), Some(time(*made.end())));
        let tag = message.to_string();
        let mut entries = self.client.entries(wanted);
        for _ in 0..MOST_ENTRIES {
            match entries.next().await? {
                Ok(entry) if entry.tag == tag => return Some(entry.txn_ref),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
        None
    }

    async fn look_at_text(&self, name: &str) -> Result<(ReceiptState, Option<String>), Trouble> {
        match self.client.send(&sms::QueryStatus::new(name)).await {
            Ok(status) => answers::receipt(&status),
            Err(error) => Err(answers::trouble(&error)),
        }
    }

    fn text_of_callback(&self, form: &[u8]) -> Option<String> {
        let mut fields = form_urlencoded::parse(form);
        fields.find_map(|(name, value)| (name == "txn_ref").then(|| value.into_owned()))
    }
}
