//! The async client.

mod builder;
mod tracked;

pub use builder::Builder;
pub use tracked::{CallState, Tracked};

use crate::campaign::{ASSETS, PATH, base_name};
use crate::form::{LONGEST_BODY, text};
use crate::request::CALL_PATH;
use crate::{
    Accepted, CallRequest, CampaignAnswer, CampaignRequest, Error, Form, Invalid, Removed, ReqId, Status, Table,
};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

/// Sends requests to a gateway, or to a server that speaks like one.
///
/// It is cheap to clone, keeps its connections, and needs no closing.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: Arc<Settings>,
}

#[derive(Debug)]
struct Settings {
    base: String,
    zone: TimeZone,
    first_poll: Duration,
    longest_poll: Duration,
}

impl Client {
    /// A client of the gateway on this machine.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn local() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Sets options first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The zone of the gateway's clock on the wall.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.settings.zone
    }

    async fn body(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, Error> {
        let mut response = request.send().await?;
        let code = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LONGEST_BODY {
                return Err(Error::Server("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        match code.as_u16() {
            200 => Ok(body),
            404 => Err(Error::NotFound(format!("HTTP {code}"))),
            400..500 => Err(Error::Refused(format!("HTTP {code}"))),
            _ => Err(Error::Server(format!("HTTP {code}"))),
        }
    }

    async fn post(&self, path: &str, form: &Form) -> Result<String, Error> {
        let request = self
            .http
            .post(format!("{}{path}", self.settings.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.print());
        Ok(text(&self.body(request).await?))
    }

    /// Asks for a call, or a text, and gives it to follow.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the gateway says why, [`Error::Server`] when its answer has no name for the request,
    /// and as [`Error`] says.
    pub async fn call(&self, request: &CallRequest) -> Result<Tracked, Error> {
        request.check()?;
        let body = self.post(CALL_PATH, &request.to_form()).await?;
        match Accepted::read(&body) {
            Accepted::Yes(id) => Ok(Tracked::new(self.clone(), id, request.self_delete)),
            Accepted::No(why) if body.trim_start().starts_with("ERROR:") => Err(Error::Refused(why)),
            // Whether it was taken, nobody knows.
            Accepted::No(_) => Err(Error::Server("the answer does not name the request".to_owned())),
        }
    }

    /// A call that was asked for before, to follow.
    #[must_use]
    pub fn placed_call(&self, id: ReqId) -> Tracked {
        Tracked::new(self.clone(), id, false)
    }

    /// What became of a call so far.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no record, and as [`Error`] says.
    pub async fn status(&self, id: &ReqId) -> Result<Status, Error> {
        match Status::read(&self.post(Status::PATH, &of(id)).await?) {
            Status::Error(why) => Err(Error::NotFound(why)),
            status @ Status::Attempts(_) => Ok(status),
        }
    }

    /// Removes a call with its record; when it was not made yet, it is not made.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no record, and as [`Error`] says.
    pub async fn remove(&self, id: &ReqId) -> Result<(), Error> {
        match Removed::read(&self.post(Removed::PATH, &of(id)).await?) {
            Removed::Yes => Ok(()),
            Removed::No(why) => Err(Error::NotFound(why)),
        }
    }

    /// Sends a request for campaigns, with a file if one belongs to it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when its status is not `OK`, and as [`Error`] says.
    pub async fn campaign(
        &self,
        request: &CampaignRequest,
        file: Option<(String, Vec<u8>)>,
    ) -> Result<CampaignAnswer, Error> {
        let form = request.to_form();
        let body = match file {
            None => self.post(PATH, &form).await?,
            Some((name, bytes)) => {
                let parts = form
                    .iter()
                    .fold(reqwest::multipart::Form::new(), |parts, (name, value)| {
                        parts.text(name.to_owned(), value.to_owned())
                    });
                let file = reqwest::multipart::Part::bytes(bytes).file_name(name);
                let url = format!("{}{PATH}", self.settings.base);
                text(
                    &self
                        .body(self.http.post(url).multipart(parts.part("file", file)))
                        .await?,
                )
            }
        };
        let answer = CampaignAnswer::read(&body).map_err(|invalid| Error::Server(invalid.to_string()))?;
        if answer.is_ok() {
            Ok(answer)
        } else {
            Err(Error::Refused(answer.status))
        }
    }

    /// Writes the results of a campaign to a file of this name at the gateway, and fetches it.
    ///
    /// # Errors
    ///
    /// As [`campaign`](Self::campaign), and when the results are no CSV.
    pub async fn results(&self, campaign: impl Into<String>, file: &str) -> Result<Table, Error> {
        let file = base_name(file).ok_or_else(|| Invalid::bad("f", "must be the name of a file"))?;
        let request = CampaignRequest::Export {
            campaign: campaign.into(),
            file: file.clone(),
            extra_columns: None,
        };
        self.campaign(&request, None).await?;
        let name = percent_encoding::utf8_percent_encode(&file, percent_encoding::NON_ALPHANUMERIC);
        let body = self
            .body(self.http.get(format!("{}{ASSETS}{name}", self.settings.base)))
            .await?;
        Table::read(&body).map_err(|invalid| Error::Server(invalid.to_string()))
    }
}

fn of(id: &ReqId) -> Form {
    let mut form = Form::default();
    form.push("reqid", id.as_str());
    form
}
