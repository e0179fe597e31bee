//! Exotel: two numbers that are connected, a number with an app, and texts.

mod answers;
mod request;

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use outdial_domain::{
    MessageId,
    message::{PartFate, ReceiptState},
    text::Encoding,
};
use outdial_engine::ports::{Ask, Clock, TextAsk, TextOrder, WholeOrder};
use outdial_exotel::{
    Client, Error, Value as _,
    call::{Connect, GetCall, ListCalls},
    client::Turn,
    limit::{FileLimiter, ProcessLimiter},
    sms::{EncodingType, GetSms, LONGEST_BODY, Priority, SendSms},
    time,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    HostedCarrier, Reach, WrongTrunk,
    numbers::are_same,
    pause::Pause,
    service::{Found, HungUp, Placed, Seen, Service, Trouble},
};

/// The longest that a request waits for its turn among those of the account.
const LONGEST_TURN: Duration = Duration::from_secs(60);

/// The carrier of calls and texts to Exotel.
pub type ExotelCarrier = HostedCarrier<Exotel>;

/// One trunk: an account at Exotel.
#[derive(Debug, Clone)]
pub struct ExotelTrunk {
    /// Its name.
    pub name: String,
    /// The account.
    pub sid: String,
    /// The key that the token belongs to, for accounts that have keys.
    pub api_key: Option<String>,
    /// The token.
    pub token: SecretString,
    /// Where the service is, without `/v1`: that of the account's region.
    pub url: String,
    /// The number of the account that calls show, and the sender of texts, when a request says nothing.
    pub from: Option<String>,
    /// The address of an app, with `{sid}` and `{app}` in it.
    pub apps: String,
    /// How many requests the account may send in a minute.
    pub requests_per_minute: u32,
    /// The directory by which processes of one machine share that; without one, this process has it all.
    pub shared_in: Option<PathBuf>,
    /// How the service is reached.
    pub reach: Reach,
}

impl ExotelTrunk {
    /// The address of an app, unless it is set.
    pub const APPS: &'static str = "http://my.exotel.com/{sid}/exoml/start_voice/{app}";

    /// An account in Singapore, with what is usual.
    #[must_use]
    pub fn new(name: impl Into<String>, sid: impl Into<String>, token: SecretString) -> Self {
        Self {
            name: name.into(),
            sid: sid.into(),
            api_key: None,
            token,
            url: outdial_exotel::Region::Singapore.base_url().to_owned(),
            from: None,
            apps: Self::APPS.to_owned(),
            requests_per_minute: 200,
            shared_in: None,
            reach: Reach::default(),
        }
    }
}

/// An account at Exotel with its client.
pub struct Exotel {
    settings: ExotelTrunk,
    client: Client,
    pause: Pause,
}

impl ExotelCarrier {
    /// A carrier with these trunks.
    ///
    /// # Errors
    ///
    /// [`WrongTrunk`] for the first whose settings make no sense.
    pub fn start(trunks: Vec<ExotelTrunk>, clock: Arc<dyn Clock>) -> Result<Self, WrongTrunk> {
        let trunks: Vec<Exotel> = trunks.into_iter().map(Exotel::new).collect::<Result<_, _>>()?;
        Self::of(trunks, clock)
    }

    /// Whether an account answers to its credentials. Nobody is rung, and nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub async fn probe(&self, trunk: &str) -> Result<String, String> {
        let exotel = self.of_name(trunk)?;
        let mut wanted = ListCalls::new();
        wanted.page_size = Some(1);
        match exotel.client.send(&wanted).await {
            Ok(_) => Ok(format!("{} answers, and knows the account", exotel.settings.url)),
            Err(Error::BadCredentials) => Err(format!(
                "{} does not know the account or its token: check `sid`, `api_key`, the token and the region",
                exotel.settings.url
            )),
            Err(error) => Err(format!("{}: {error}", exotel.settings.url)),
        }
    }
}

impl Exotel {
    fn new(settings: ExotelTrunk) -> Result<Self, WrongTrunk> {
        let wrong = |reason: String| WrongTrunk {
            trunk: settings.name.clone(),
            reason,
        };
        settings.reach.check(&settings.url).map_err(wrong)?;
        if settings.apps.matches("{app}").count() != 1 {
            return Err(wrong("`apps` is the address of an app with `{app}` in it".to_owned()));
        }
        let builder = Client::builder(&settings.sid, settings.token.expose_secret())
            .base_url(&settings.url)
            .longest_wait(LONGEST_TURN)
            // Asking again is the affair of whoever asks.
            .tries_when_limited(0)
            .http(settings.reach.http().map_err(wrong)?);
        let builder = match &settings.api_key {
            Some(key) => builder.api_key(key),
            None => builder,
        };
        let builder = match &settings.shared_in {
            Some(directory) => builder.limiter(FileLimiter::per_minute(directory, settings.requests_per_minute)),
            None => builder.limiter(ProcessLimiter::per_minute(settings.requests_per_minute)),
        };
        let client = builder.build().map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            settings,
            client,
            pause: Pause::default(),
        })
    }

    fn sender<'a>(&'a self, from: Option<&'a str>) -> Result<&'a str, String> {
        let sender = from.or(self.settings.from.as_deref());
        sender.ok_or_else(|| {
            "Exotel sends texts from a number or a name of the account: give `from`, or set it for the trunk".to_owned()
        })
    }

    fn sms(&self, from: Option<&str>, to: &str, text: &str) -> Result<SendSms, String> {
        use outdial_exotel::Request as _;
        let sms = SendSms::new(self.sender(from)?, vec![to.to_owned()], text);
        if text.chars().count() > LONGEST_BODY {
            return Err(format!("Exotel takes texts of at most {LONGEST_BODY} characters"));
        }
        sms.check().map_err(|invalid| invalid.to_string())?;
        Ok(sms)
    }
}

impl Service for Exotel {
    const NAME: &'static str = "Exotel";
    const WORD: &'static str = "exotel";
    const FINDS_CALLS: bool = true;
    const FINDS_TEXTS: bool = false;
    type Request = Connect;
    type Turn = Turn;

    fn trunk(&self) -> &str {
        &self.settings.name
    }

    fn reach(&self) -> &Reach {
        &self.settings.reach
    }

    fn secret(&self) -> Option<&str> {
        Some(self.settings.token.expose_secret())
    }

    fn express(&self, ask: &Ask<'_>) -> Result<Connect, String> {
        request::connect(&self.settings, ask)
    }

    fn name(&self, request: Connect, order: &WholeOrder, callback: Option<String>) -> Result<Connect, String> {
        let named = request.custom_field(order.leg.leg.to_string());
        Ok(match callback {
            Some(url) => named
                .status_callback(url)
                .status_callback_events(vec!["answered".to_owned(), "terminal".to_owned()]),
            None => named,
        })
    }

    async fn turn(&self) -> Result<Turn, String> {
        self.client.turn().await.map_err(|error| format!("Exotel: {error}"))
    }

    async fn place(&self, turn: Turn, request: &Connect) -> Placed {
        match self.client.send_in(turn, request).await {
            Ok(answer) => Placed::Yes(answer.call.sid),
            Err(error) => answers::not_placed(&error),
        }
    }

    /// A call has no name of ours that could be asked for, so what tells it are its numbers and its time.
    async fn find(&self, request: &Connect, made: RangeInclusive<Timestamp>) -> Found {
        let (from, to) = (time(*made.start()).print(), time(*made.end()).print());
        let mut wanted = ListCalls::new();
        wanted.from = Some(vec![request.from.clone()]);
        wanted.to = request.to.clone().map(|to| vec![to]);
        wanted.date_created = Some(format!("gte:{from};lte:{to}"));
        wanted.page_size = Some(100);
        let calls = match self.client.send(&wanted).await {
            Ok(list) => list.calls,
            Err(error) => return Found::Trouble(error.to_string()),
        };
        let mut calls = calls.into_iter().filter(|call| {
            let is = |theirs: &Option<String>, ours: Option<&String>| match (theirs, ours) {
                (Some(theirs), Some(ours)) => are_same(theirs, ours),
                // What is not told, or was not asked for, tells nothing.
                (None, _) | (_, None) => true,
            };
            is(&call.from, Some(&request.from)) && is(&call.to, request.to.as_ref())
        });
        match (calls.next(), calls.next()) {
            (None, _) => Found::Nothing,
            (Some(call), None) => Found::Name(call.sid),
            (Some(_), Some(_)) => Found::Several,
        }
    }

    async fn look(&self, name: &str) -> Result<Seen, Trouble> {
        match self.client.send(&GetCall::new(name).details()).await {
            Ok(answer) => Ok(answers::seen(&answer)),
            Err(error) => Err(answers::trouble(&error)),
        }
    }

    async fn hang_up(&self, _: &str) -> HungUp {
        HungUp::No("Exotel has no way to hang up a call, so this one goes on there".to_owned())
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
        let mut sms = sms
            .priority(if order.high { Priority::High } else { Priority::Normal })
            .encoding_type(match order.composed.encoding {
                Encoding::Gsm7 => EncodingType::Plain,
                Encoding::Ucs2 => EncodingType::Unicode,
            })
            .custom_field(order.message.to_string());
        sms.status_callback = callback;
        match self.client.send(&sms).await {
            Ok(answer) => answers::sent(answer),
            Err(error) => {
                if let Error::RateLimited { wait } = &error {
                    self.pause.begin(*wait);
                }
                answers::not_sent(&error)
            }
        }
    }

    /// The service lists no texts.
    async fn find_text(&self, _: MessageId, _: RangeInclusive<Timestamp>) -> Option<String> {
        None
    }

    async fn look_at_text(&self, name: &str) -> Result<(ReceiptState, Option<String>), Trouble> {
        match self.client.send(&GetSms::new(name)).await {
            Ok(answer) => answers::receipt(&answer),
            Err(error) => Err(answers::trouble(&error)),
        }
    }

    fn text_of_callback(&self, form: &[u8]) -> Option<String> {
        let mut fields = form_urlencoded::parse(form);
        fields.find_map(|(name, value)| (name == "SmsSid").then(|| value.into_owned()))
    }
}
