//! Campaigns: importing lists, calling them, asking how far they are, and fetching results.

use crate::fields::Reader;
use crate::{Form, Invalid};
use serde_json::{Value as Json, json};

/// Where requests for campaigns go, told apart by the field `action`.
pub const PATH: &str = "/ocall/campapi";

/// How a list is imported.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Import {
    /// What the list is to be called.
    pub list_name: Option<String>,
    /// What the file is called.
    pub file: Option<String>,
    /// Where the file lies on the gateway's host, for those who do not send it. Its base name only counts.
    pub file_path: Option<String>,
    /// By which profile its columns are understood.
    pub profile: Option<String>,
    /// What stands between its values.
    pub separator: Option<String>,
    /// What its first row is.
    pub first_row: Option<String>,
    /// What happens to numbers that are there already: `empty` or `skip`.
    pub merge: Option<String>,
}

impl Import {
    fn read(reader: &Reader<'_>) -> Self {
        Self {
            list_name: reader.text("leadsrcname"),
            file: reader.text("importfile"),
            file_path: reader.text("importfilepath"),
            profile: reader.text("profile"),
            separator: reader.text("fieldsep"),
            first_row: reader.text("row1"),
            merge: reader.text("mergeopt"),
        }
    }

    fn print(&self, form: &mut Form) {
        form.push("mod", "cus");
        for (name, value) in [
            ("leadsrcname", &self.list_name),
            ("importfile", &self.file),
            ("importfilepath", &self.file_path),
            ("profile", &self.profile),
            ("fieldsep", &self.separator),
            ("row1", &self.first_row),
            ("mergeopt", &self.merge),
        ] {
            if let Some(value) = value {
                form.push(name, value);
            }
        }
    }
}

/// A broadcast: one message to the numbers of a list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Broadcast {
    /// What it is called.
    pub name: String,
    /// The list, if it is there already.
    pub list: Option<String>,
    /// The list, if it comes along.
    pub import: Option<Import>,
    /// Which columns hold numbers.
    pub phone_columns: Option<String>,
    /// How many lines at once.
    pub lines: Option<u32>,
    /// Which results are called again.
    pub call_dispositions: Option<String>,
    /// The number that is shown.
    pub caller_id: Option<String>,
    /// What kind of message it is.
    pub message_type: Option<String>,
    /// The message.
    pub message: Option<String>,
}

/// A request for campaigns. A file comes along as the part `file` of a multipart form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CampaignRequest {
    /// Takes in a list.
    Import(Import),
    /// Calls a list.
    Broadcast(Broadcast),
    /// Asks how far a campaign is.
    Stats {
        /// The campaign.
        campaign: String,
    },
    /// Writes the results of a campaign to a file, to be fetched under [`ASSETS`].
    Export {
        /// The campaign.
        campaign: String,
        /// The base name of the file.
        file: String,
        /// Columns in addition.
        extra_columns: Option<String>,
    },
}

/// Where exported results are fetched, by their base name.
pub const ASSETS: &str = "/assets/global/";

/// Where clients ask for exports to be written. Whatever path they send, its base name only counts.
const EXPORT_FOLDER: &str = "webapps/ROOT/assets/global/";

impl CampaignRequest {
    /// Reads a request from the fields of its form.
    ///
    /// # Errors
    ///
    /// With every field that is missing or cannot be.
    pub fn from_form(form: &Form) -> Result<Self, Invalid> {
        let mut reader = Reader::new(form);
        let action = reader.needed("action");
        let request = match action.as_str() {
            "import" => Self::Import(Import::read(&reader)),
            "bbp" => {
                let import = Import::read(&reader);
                Self::Broadcast(Broadcast {
                    name: reader.needed("CAMP_NAME"),
                    list: reader.text("listname"),
                    import: (import != Import::default()).then_some(import),
                    phone_columns: reader.text("phonecols"),
                    lines: reader.number("lines"),
                    call_dispositions: reader.text("calldisps"),
                    caller_id: reader.text("callerid"),
                    message_type: reader.text("msgtype"),
                    message: reader.text("msginfo"),
                })
            }
            "campstats" => Self::Stats {
                campaign: reader.needed("camp_id"),
            },
            "exportcamp" => {
                let campaign = reader.needed("camp_id");
                let path = reader.needed("f");
                let file = base_name(&path);
                if file.is_none() && !path.is_empty() {
                    reader.bad("f", "must end in the name of a file");
                }
                Self::Export {
                    campaign,
                    file: file.unwrap_or_default(),
                    extra_columns: reader.text("extracols"),
                }
            }
            "" => Self::Import(Import::default()),
            _ => {
                reader.bad("action", "must be one of import bbp campstats exportcamp");
                Self::Import(Import::default())
            }
        };
        reader.finish()?;
        Ok(request)
    }

    /// The form.
    #[must_use]
    pub fn to_form(&self) -> Form {
        let mut form = Form::default();
        match self {
            Self::Import(import) => {
                form.push("action", "import");
                import.print(&mut form);
            }
            Self::Broadcast(broadcast) => {
                form.push("action", "bbp");
                form.push("CAMP_NAME", &broadcast.name);
                let lines = broadcast.lines.map(|lines| lines.to_string());
                for (name, value) in [
                    ("listname", &broadcast.list),
                    ("phonecols", &broadcast.phone_columns),
                    ("lines", &lines),
                    ("calldisps", &broadcast.call_dispositions),
                    ("callerid", &broadcast.caller_id),
                    ("msgtype", &broadcast.message_type),
                    ("msginfo", &broadcast.message),
                ] {
                    if let Some(value) = value {
                        form.push(name, value);
                    }
                }
                if let Some(import) = &broadcast.import {
                    import.print(&mut form);
                }
            }
            Self::Stats { campaign } => {
                form.push("action", "campstats");
                form.push("camp_id", campaign);
            }
            Self::Export {
                campaign,
                file,
                extra_columns,
            } => {
                form.push("action", "exportcamp");
                form.push("camp_id", campaign);
                form.push("f", format!("{EXPORT_FOLDER}{file}"));
                if let Some(columns) = extra_columns {
                    form.push("extracols", columns);
                }
            }
        }
        form
    }
}

/// The last part of a path with `/` or `\` between its parts, if it can be the name of a file.
#[must_use]
pub fn base_name(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\', ':']).next()?.trim();
    let fine = !name.is_empty() && !name.starts_with('.') && !name.chars().any(char::is_control);
    fine.then(|| name.to_owned())
}

/// The answer to a request for campaigns.
///
/// It is printed so that Python, too, can read it as a literal: texts, whole numbers, and nothing else.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CampaignAnswer {
    /// `OK`, or what went wrong.
    pub status: String,
    /// The list that was taken in.
    pub list_id: Option<String>,
    /// The campaign that was begun.
    pub campaign_id: Option<String>,
    /// How far it is, by counter.
    pub counters: Vec<(String, i64)>,
}

impl CampaignAnswer {
    /// It went well.
    #[must_use]
    pub fn ok() -> Self {
        Self {
            status: "OK".to_owned(),
            ..Self::default()
        }
    }

    /// Whether it went well.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == "OK"
    }

    /// A counter: `total`, `made`, `failed`, `retry` or `pending`.
    #[must_use]
    pub fn counter(&self, name: &str) -> Option<i64> {
        self.counters
            .iter()
            .find(|(there, _)| there == name)
            .map(|(_, count)| *count)
    }

    /// Reads it: JSON, or a Python literal with single quotation marks.
    ///
    /// # Errors
    ///
    /// When it is neither, or has no status.
    pub fn read(body: &str) -> Result<Self, Invalid> {
        let object = serde_json::from_str(body).or_else(|error| {
            let python = !body.contains('"') && !body.contains('\\');
            if python {
                serde_json::from_str(&body.replace('\'', "\""))
            } else {
                Err(error)
            }
        });
        let Ok(Json::Object(object)) = object else {
            return Err(Invalid::bad("answer", "is no object"));
        };
        let mut answer = Self::default();
        for (name, value) in object {
            let text = match &value {
                Json::String(text) => text.clone(),
                Json::Number(number) => number.to_string(),
                Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => continue,
            };
            match (name.as_str(), text.parse()) {
                ("status", _) => answer.status = text,
                ("leadsrc_id", _) => answer.list_id = Some(text),
                ("camp_id", _) => answer.campaign_id = Some(text),
                (_, Ok(count)) => answer.counters.push((name, count)),
                (_, Err(_)) => {}
            }
        }
        if answer.status.is_empty() {
            return Err(Invalid::missing("status"));
        }
        Ok(answer)
    }

    /// Prints it.
    #[must_use]
    pub fn print(&self) -> String {
        let mut object = json!({ "status": self.status });
        if let Some(id) = &self.list_id {
            object["leadsrc_id"] = json!(id);
        }
        if let Some(id) = &self.campaign_id {
            object["camp_id"] = json!(id);
        }
        for (name, count) in &self.counters {
            object[name] = json!(count);
        }
        object.to_string()
    }
}
