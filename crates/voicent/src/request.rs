//! Requests for calls.

use crate::fields::Reader;
use crate::{Form, Invalid, Problem, Vcast};

/// Where requests for calls go.
pub const CALL_PATH: &str = "/ocall/callreqHandler.jsp";

/// Every field of a request.
const NAMES: &[&str] = &[
    "info",
    "phoneno",
    "firstocc",
    "selfdelete",
    "txt",
    "audiofile",
    "startapp",
    "startvxml",
    "starturl",
    "exitvxml",
    "exiturl",
    "attendee",
    "schedule",
    "calltime",
    "sms",
    "callerid",
    "detection",
    "startexec",
    "cmdline",
];

/// What a call does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// Says a text.
    Text(String),
    /// Sends a text instead of calling.
    Sms(String),
    /// Plays a file of the gateway's host: WAV, PCM of 16 bits, 8 kHz, one channel.
    Audio(String),
    /// Starts an application of the gateway.
    App(String),
    /// Starts a VoiceXML document.
    VoiceXml(String),
    /// Starts a program on the gateway's host, with its arguments. No server should ever do so: what is meant is
    /// nearly always [`Vcast`].
    Program {
        /// Its path.
        path: String,
        /// Its arguments in one line.
        arguments: String,
    },
}

/// A request for a call.
///
/// ```
/// use outdial_voicent::CallRequest;
///
/// let request = CallRequest::text("123-4567", "Hello, how are you doing").self_delete(true);
/// assert_eq!(
///     request.to_form().print(),
///     "info=simple+text+call&phoneno=123-4567&firstocc=10&selfdelete=1&txt=Hello%2C+how+are+you+doing"
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallRequest {
    /// What the gateway shows.
    pub info: String,
    /// The number, with whatever stands between its digits.
    pub phone: String,
    /// What the call does.
    pub content: Content,
    /// Minutes from now after which nothing is tried any more.
    pub first_occurrence: u32,
    /// Whether its record goes when the call is over.
    pub self_delete: bool,
    /// Minutes from now until it is due; 0 is now.
    pub call_time: Option<u32>,
    /// The name of the one who is called.
    pub attendee: Option<String>,
    /// The number that is shown.
    pub caller_id: Option<String>,
    /// What to do about answering machines, 0 to 3.
    pub detection: Option<u8>,
    /// The VoiceXML document that is fetched after the end.
    pub exit_url: Option<String>,
}

impl CallRequest {
    fn new(info: &str, phone: impl Into<String>, content: Content) -> Self {
        Self {
            info: info.to_owned(),
            phone: phone.into(),
            content,
            first_occurrence: 10,
            self_delete: false,
            call_time: None,
            attendee: None,
            caller_id: None,
            detection: None,
            exit_url: None,
        }
    }

    /// Says a text.
    #[must_use]
    pub fn text(phone: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new("simple text call", phone, Content::Text(text.into()))
    }

    /// Plays a file of the gateway's host.
    #[must_use]
    pub fn audio(phone: impl Into<String>, file: impl Into<String>) -> Self {
        Self::new("simple audio call", phone, Content::Audio(file.into()))
    }

    /// Sends a text message.
    #[must_use]
    pub fn sms(phone: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new("simple text message", phone, Content::Sms(text.into()))
    }

    /// Starts an application of the gateway.
    #[must_use]
    pub fn app(phone: impl Into<String>, name: impl Into<String>) -> Self {
        Self::new("simple application call", phone, Content::App(name.into()))
    }

    /// Starts a VoiceXML document.
    #[must_use]
    pub fn voice_xml(phone: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new("simple VoiceXML call", phone, Content::VoiceXml(url.into()))
    }

    /// Calls the numbers of a list until somebody confirms, by the program `vcast` at this path.
    ///
    /// # Errors
    ///
    /// When a value holds a quotation mark, which a command line cannot carry.
    pub fn till_confirm(program: impl Into<String>, vcast: &Vcast) -> Result<Self, Invalid> {
        let content = Content::Program {
            path: program.into(),
            arguments: vcast.print()?,
        };
        // The number is not called; the gateway wants one all the same.
        Ok(Self::new("Simple Call till Confirm", "1111111", content))
    }

    /// What the gateway shows.
    #[must_use]
    pub fn info(mut self, info: impl Into<String>) -> Self {
        self.info = info.into();
        self
    }

    /// Minutes from now after which nothing is tried any more; 10 unless set.
    #[must_use]
    pub fn first_occurrence(mut self, minutes: u32) -> Self {
        self.first_occurrence = minutes;
        self
    }

    /// Whether its record goes when the call is over. Its status cannot be asked for then.
    #[must_use]
    pub fn self_delete(mut self, delete: bool) -> Self {
        self.self_delete = delete;
        self
    }

    /// Minutes from now until it is due.
    #[must_use]
    pub fn call_time(mut self, minutes: u32) -> Self {
        self.call_time = Some(minutes);
        self
    }

    /// The name of the one who is called.
    #[must_use]
    pub fn attendee(mut self, name: impl Into<String>) -> Self {
        self.attendee = Some(name.into());
        self
    }

    /// The number that is shown.
    #[must_use]
    pub fn caller_id(mut self, number: impl Into<String>) -> Self {
        self.caller_id = Some(number.into());
        self
    }

    /// What to do about answering machines, 0 to 3.
    #[must_use]
    pub fn detection(mut self, mode: u8) -> Self {
        self.detection = Some(mode);
        self
    }

    /// The VoiceXML document that is fetched after the end.
    #[must_use]
    pub fn exit_url(mut self, url: impl Into<String>) -> Self {
        self.exit_url = Some(url.into());
        self
    }

    /// Reads a request as the gateway does: what is unknown is passed over; of several contents the first counts,
    /// in the order of [`Content`].
    ///
    /// # Errors
    ///
    /// With every field that is missing or cannot be read.
    pub fn from_form(form: &Form) -> Result<Self, Invalid> {
        Self::read(Reader::new(form))
    }

    /// Creates a request from a map, by the names of the fields of the form, and refuses what is unknown.
    ///
    /// # Errors
    ///
    /// With every field that is missing, unknown or cannot be read.
    pub fn from_map<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Invalid> {
        let form = Form::from_pairs(pairs)?;
        let mut reader = Reader::new(&form);
        reader.only(NAMES);
        Self::read(reader)
    }

    /// Creates a request from the text of a JSON object, as [`from_map`](Self::from_map).
    ///
    /// # Errors
    ///
    /// As there, and when it is no JSON object.
    pub fn from_json(text: &str) -> Result<Self, Invalid> {
        let form = Form::from_json(text)?;
        Self::from_map(form.iter())
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, Invalid> {
        let sms = reader.flag("sms").unwrap_or(false);
        let content = if let Some(text) = reader.text("txt") {
            Some(if sms { Content::Sms(text) } else { Content::Text(text) })
        } else if let Some(file) = reader.text("audiofile") {
            Some(Content::Audio(file))
        } else if let Some(name) = reader.text("startapp") {
            Some(Content::App(name))
        } else if let Some(url) = reader.text("startvxml").or_else(|| reader.text("starturl")) {
            Some(Content::VoiceXml(url))
        } else {
            reader.text("startexec").map(|path| Content::Program {
                path,
                arguments: reader.text("cmdline").unwrap_or_default(),
            })
        };
        let info = reader.text("info").unwrap_or_default();
        let phone = reader.needed("phoneno");
        let first_occurrence = reader.number("firstocc");
        let call_time = reader.number("calltime");
        let detection = reader.number("detection");
        if content.is_none() {
            reader.needed("txt");
        }
        let request = content.map(|content| Self {
            info,
            phone,
            content,
            first_occurrence: first_occurrence.unwrap_or(10),
            self_delete: reader.flag("selfdelete").unwrap_or(false),
            call_time,
            attendee: reader.text("attendee"),
            caller_id: reader.text("callerid"),
            detection,
            exit_url: reader.text("exitvxml").or_else(|| reader.text("exiturl")),
        });
        reader.finish()?;
        request.ok_or_else(|| Invalid::missing("txt"))
    }

    /// The form.
    #[must_use]
    pub fn to_form(&self) -> Form {
        let mut form = Form::default();
        form.push("info", &self.info);
        form.push("phoneno", &self.phone);
        form.push("firstocc", self.first_occurrence.to_string());
        form.push("selfdelete", u8::from(self.self_delete).to_string());
        match &self.content {
            Content::Text(text) => form.push("txt", text),
            Content::Sms(text) => {
                form.push("txt", text);
                form.push("sms", "1");
            }
            Content::Audio(file) => form.push("audiofile", file),
            Content::App(name) => form.push("startapp", name),
            Content::VoiceXml(url) => form.push("startvxml", url),
            Content::Program { path, arguments } => {
                form.push("startexec", path);
                form.push("cmdline", arguments);
            }
        }
        if let Some(minutes) = self.call_time {
            form.push("schedule", "t");
            form.push("calltime", minutes.to_string());
        }
        for (name, value) in [
            ("attendee", &self.attendee),
            ("callerid", &self.caller_id),
            ("exitvxml", &self.exit_url),
        ] {
            if let Some(value) = value {
                form.push(name, value);
            }
        }
        if let Some(mode) = self.detection {
            form.push("detection", mode.to_string());
        }
        form
    }

    /// Whether the gateway would refuse it for what it says.
    ///
    /// # Errors
    ///
    /// With every field that cannot be.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut invalid = Invalid::default();
        if !self.phone.bytes().any(|byte| byte.is_ascii_digit()) {
            invalid.add("phoneno", Problem::Bad("must have a digit".to_owned()));
        }
        let (field, value) = match &self.content {
            Content::Text(text) | Content::Sms(text) => ("txt", text),
            Content::Audio(file) => ("audiofile", file),
            Content::App(name) => ("startapp", name),
            Content::VoiceXml(url) => ("startvxml", url),
            Content::Program { path, .. } => ("startexec", path),
        };
        if value.is_empty() {
            invalid.add(field, Problem::Missing);
        }
        if self.detection.is_some_and(|mode| mode > 3) {
            invalid.add("detection", Problem::Bad("must be 0 to 3".to_owned()));
        }
        invalid.into_result()
    }
}
