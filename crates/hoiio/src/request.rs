//! What a request is: its resource, its bounds, its answer.

use crate::invalid::Check;
use crate::{Fields, Invalid, Record};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A request to the service.
pub trait Request: Record {
    /// The resources that take it, below `/open/`. The client uses the first; the others are older or
    /// misspelt ways to say the same, which a server should take, too.
    const PATHS: &'static [&'static str];

    /// What `success_ok` comes with.
    type Answer: Serialize + DeserializeOwned;

    /// Notes what the service would refuse. Looks at nothing but the request itself.
    fn look_over(&self, check: &mut Check);

    /// Whether the service would refuse it for what it says.
    ///
    /// # Errors
    ///
    /// With every field that is out of bounds.
    fn check(&self) -> Result<(), Invalid> {
        let mut check = Check::default();
        self.look_over(&mut check);
        check.finish()
    }
}

/// A request whose answer is one page of a history.
pub trait Paged: Request<Answer = crate::Page<Self::Entry>> {
    /// What the history is made of.
    type Entry: Send + 'static;

    /// The same request for another page; pages count from 1.
    #[must_use]
    fn at_page(&self, page: u32) -> Self;

    /// The page that it asks for.
    fn wanted_page(&self) -> u32;
}

macro_rules! paged {
    ($request:ident of $entry:ident) => {
        impl crate::Paged for $request {
            type Entry = $entry;
            fn at_page(&self, page: u32) -> Self {
                self.clone().page(page)
            }
            fn wanted_page(&self) -> u32 {
                self.page.unwrap_or(1)
            }
        }
    };
}
pub(crate) use paged;

/// Defines the sum of all requests, for whoever serves them.
macro_rules! commands {
    ($($variant:ident($request:ty),)+) => {
        /// Any request, as a server meets it.
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub enum Command {
            $(
                #[doc = concat!("A [`", stringify!($request), "`].")]
                $variant($request),
            )+
        }

        impl Command {
            /// Every resource that is known.
            pub const PATHS: &'static [&'static [&'static str]] = &[$(<$request as Request>::PATHS),+];

            /// Reads the request that was sent to this resource, below `/open/`. `None` when there is no such
            /// resource. The bounds are not looked at: ask [`check`](Self::check).
            ///
            /// # Errors
            ///
            /// With every field that is missing or cannot be read.
            pub fn read(path: &str, fields: &Fields) -> Option<Result<Self, Invalid>> {
                let path = path.trim_matches('/');
                $(
                    if <$request as Request>::PATHS.contains(&path) {
                        return Some(<$request>::from_fields(fields).map(Self::$variant));
                    }
                )+
                None
            }

            /// Whether the service would refuse it for what it says.
            ///
            /// # Errors
            ///
            /// With every field that is out of bounds.
            pub fn check(&self) -> Result<(), Invalid> {
                match self { $(Self::$variant(request) => request.check()),+ }
            }

            /// Its fields.
            #[must_use]
            pub fn to_fields(&self) -> Fields {
                match self { $(Self::$variant(request) => request.to_fields()),+ }
            }
        }

        $(
            impl From<$request> for Command {
                fn from(request: $request) -> Self {
                    Self::$variant(request)
                }
            }
        )+
    };
}

commands! {
    VoiceCall(crate::voice::Call),
    VoiceConference(crate::voice::Conference),
    VoiceModerate(crate::voice::Moderate),
    VoiceHangup(crate::voice::Hangup),
    VoiceStatus(crate::voice::QueryStatus),
    VoiceHistory(crate::voice::History),
    VoiceRate(crate::voice::GetRate),
    SmsSend(crate::sms::Send),
    SmsBulkSend(crate::sms::BulkSend),
    SmsStatus(crate::sms::QueryStatus),
    SmsHistory(crate::sms::History),
    SmsRate(crate::sms::GetRate),
    IvrDial(crate::ivr::Dial),
    IvrPlay(crate::ivr::Play),
    IvrGather(crate::ivr::Gather),
    IvrRecord(crate::ivr::Record),
    IvrMonitor(crate::ivr::Monitor),
    IvrHold(crate::ivr::Hold),
    IvrUnhold(crate::ivr::Unhold),
    IvrTransfer(crate::ivr::Transfer),
    IvrHangup(crate::ivr::Hangup),
    UserBalance(crate::user::GetBalance),
    UserInfo(crate::user::GetInfo),
    NumberCountries(crate::number::GetCountries),
    NumberChoices(crate::number::GetChoices),
    NumberRates(crate::number::GetRates),
    NumberSubscribe(crate::number::Subscribe),
    NumberForwarding(crate::number::UpdateForwarding),
    NumberActive(crate::number::GetActive),
    FaxSend(crate::fax::Send),
    FaxStatus(crate::fax::QueryStatus),
    FaxHistory(crate::fax::History),
    FaxRate(crate::fax::GetRate),
}

/// The bounds of a history.
pub(crate) fn span(check: &mut Check, from: Option<&jiff::Zoned>, to: Option<&jiff::Zoned>, page: Option<u32>) {
    if let (Some(from), Some(to)) = (from, to) {
        check.that("to", from <= to, "must not be before from");
    }
    check.that("page", page != Some(0), "must be at least 1");
}
