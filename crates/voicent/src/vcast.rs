//! The command line of `vcast`, which calls a list until somebody confirms.

use crate::Invalid;

/// The options of `vcast`, or of its twin for texts, `scast`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Vcast {
    /// The call list.
    pub list: String,
    /// Whether to begin at once.
    pub start_now: bool,
    /// The digits that confirm.
    pub confirm_code: Option<String>,
    /// The message, a file.
    pub wav_file: Option<String>,
    /// The message of `scast`.
    pub text: Option<String>,
    /// Numbers instead of a list.
    pub numbers: Vec<String>,
    /// A list to read in.
    pub import: Option<String>,
    /// Where to write the results.
    pub export: Option<String>,
    /// The first row.
    pub start_from_row: Option<u32>,
    /// How many lines at once.
    pub max_lines: Option<u32>,
    /// Where to report each call.
    pub status_url: Option<String>,
    /// A program to report each call to. Never to be run.
    pub status_exe: Option<String>,
    /// The number that is shown.
    pub caller: Option<String>,
    /// Whether to forget former results.
    pub clean_status: bool,
    /// Whether the program stays.
    pub no_exit: bool,
    /// Options that are not known here, as they came.
    pub unknown: Vec<String>,
}

/// Options with a value, longest first where one begins like another.
const WITH_VALUE: &[&str] = &[
    "confirmcode",
    "startfromrow",
    "statusurl",
    "statusexe",
    "maxlines",
    "numbers",
    "wavfile",
    "import",
    "export",
    "caller",
    "text",
];

/// Whether the last part of a path is `vcast` or `vcast.exe`, with `/` or `\` between its parts.
#[must_use]
pub fn is_vcast(path: &str) -> bool {
    let name = path
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    name == "vcast" || name == "vcast.exe"
}

impl Vcast {
    /// Calls a list until somebody enters the code: what all clients ask for.
    #[must_use]
    pub fn till_confirm(list: impl Into<String>, wav_file: impl Into<String>, code: impl Into<String>) -> Self {
        Self {
            list: list.into(),
            start_now: true,
            confirm_code: Some(code.into()),
            wav_file: Some(wav_file.into()),
            ..Self::default()
        }
    }

    /// Reads a command line. Double quotes hold a value together; there is no escape, because paths are full
    /// of backslashes.
    ///
    /// # Errors
    ///
    /// When a quotation mark is not closed, a value is missing, or a number is none.
    pub fn read(line: &str) -> Result<Self, Invalid> {
        let mut words = words(line)?.into_iter().peekable();
        let mut vcast = Self::default();
        if let Some(first) = words.next_if(|word| word.quoted || !word.text.starts_with('-')) {
            vcast.list = first.text;
        }
        while let Some(word) = words.next() {
            let Some(option) = word.text.strip_prefix('-').filter(|_| !word.quoted) else {
                vcast.unknown.push(word.text);
                continue;
            };
            match option {
                "startnow" => vcast.start_now = true,
                "cleanstatus" => vcast.clean_status = true,
                "noexit" => vcast.no_exit = true,
                _ => {
                    let Some((name, glued)) = WITH_VALUE
                        .iter()
                        .find_map(|name| Some((*name, option.strip_prefix(name)?)))
                    else {
                        vcast.unknown.push(word.text);
                        continue;
                    };
                    let value = match glued {
                        "" if word.glued => String::new(),
                        "" => words
                            .next()
                            .map(|word| word.text)
                            .ok_or_else(|| Invalid::missing(name))?,
                        // Only a quoted value may be glued; otherwise it is another, longer option.
                        glued if word.glued => glued.to_owned(),
                        _ => {
                            vcast.unknown.push(word.text);
                            continue;
                        }
                    };
                    vcast.set(name, value)?;
                }
            }
        }
        Ok(vcast)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Invalid> {
        let number = || {
            let number = value.trim().parse().ok();
            number.ok_or_else(|| Invalid::bad(name, "must be a whole number"))
        };
        match name {
            "confirmcode" => self.confirm_code = Some(value),
            "startfromrow" => self.start_from_row = Some(number()?),
            "maxlines" => self.max_lines = Some(number()?),
            "statusurl" => self.status_url = Some(value),
            "statusexe" => self.status_exe = Some(value),
            "numbers" => {
                self.numbers = value
                    .split([' ', ',', ';'])
                    .filter(|one| !one.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            "wavfile" => self.wav_file = Some(value),
            "import" => self.import = Some(value),
            "export" => self.export = Some(value),
            "caller" => self.caller = Some(value),
            _ => self.text = Some(value),
        }
        Ok(())
    }

    /// The command line, in the order of the first client. [`unknown`](Self::unknown) ones are left out.
    ///
    /// # Errors
    ///
    /// When a value holds a quotation mark or a control character, which a command line cannot carry.
    pub fn print(&self) -> Result<String, Invalid> {
        let mut line = quoted("list", &self.list)?;
        let mut flag = |wanted: bool, name: &str| {
            if wanted {
                line.push_str(&format!(" -{name}"));
            }
        };
        flag(self.start_now, "startnow");
        flag(self.clean_status, "cleanstatus");
        flag(self.no_exit, "noexit");
        if let Some(code) = &self.confirm_code {
            // The gateway has only seen codes without quotation marks; they are left to those that need them.
            let bare = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let code = if bare {
                code.clone()
            } else {
                quoted("confirmcode", code)?
            };
            line.push_str(&format!(" -confirmcode {code}"));
        }
        let rows = [("startfromrow", self.start_from_row), ("maxlines", self.max_lines)];
        for (name, number) in rows.into_iter().filter_map(|(name, number)| Some((name, number?))) {
            line.push_str(&format!(" -{name} {number}"));
        }
        let numbers = (!self.numbers.is_empty()).then(|| self.numbers.join(" "));
        for (name, value) in [
            ("wavfile", &self.wav_file),
            ("text", &self.text),
            ("numbers", &numbers),
            ("import", &self.import),
            ("export", &self.export),
            ("statusurl", &self.status_url),
            ("statusexe", &self.status_exe),
            ("caller", &self.caller),
        ] {
            if let Some(value) = value {
                line.push_str(&format!(" -{name} {}", quoted(name, value)?));
            }
        }
        Ok(line)
    }
}

fn quoted(name: &str, value: &str) -> Result<String, Invalid> {
    if value
        .chars()
        .any(|character| character == '"' || character.is_control())
    {
        return Err(Invalid::bad(
            name,
            "must hold no quotation mark and no control character",
        ));
    }
    Ok(format!("\"{value}\""))
}

/// A word of a command line.
#[derive(Default)]
struct WordRead {
    text: String,
    /// Whether it began with a quotation mark.
    quoted: bool,
    /// Whether a quoted part followed an unquoted one.
    glued: bool,
}

fn words(line: &str) -> Result<Vec<WordRead>, Invalid> {
    let mut words = Vec::new();
    let mut word: Option<WordRead> = None;
    let mut inside = false;
    for character in line.chars() {
        match character {
            '"' => {
                inside = !inside;
                match &mut word {
                    None => {
                        word = Some(WordRead {
                            quoted: true,
                            ..WordRead::default()
                        });
                    }
                    Some(word) if inside && !word.quoted => word.glued = true,
                    Some(_) => {}
                }
            }
            blank if blank.is_whitespace() && !inside => words.extend(word.take()),
            other => word.get_or_insert_default().text.push(other),
        }
    }
    if inside {
        return Err(Invalid::bad("cmdline", "has a quotation mark that is not closed"));
    }
    words.extend(word);
    Ok(words)
}
