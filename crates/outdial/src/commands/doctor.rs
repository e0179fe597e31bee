//! `outdial doctor`: proves that everything a call needs works, and says what to mend.

mod checks;
mod test_call;
mod trunk;

use std::process::ExitCode;

use serde_json::{Value, json};

use super::print_json;
use crate::{
    cli::{Common, Doctor},
    config::Config,
    exit::Failure,
};

/// What a check found.
struct Finding {
    /// What was looked at.
    what: String,
    /// What is well; otherwise what is wrong and what to do.
    result: Result<String, String>,
}

pub(super) async fn run(common: &Common, doctor: Doctor) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    config.settings()?;
    if let Some(name) = &doctor.trunk
        && !config.trunk.iter().any(|trunk| trunk.name == *name)
    {
        return Err(Failure::usage(format!(
            "there is no trunk `{name}` in the configuration"
        )));
    }
    let findings = match &doctor.trunk {
        None => checks::all(common, &config).await,
        Some(name) => checks::only(&config, name, doctor.call.as_deref()).await,
    };
    let well = findings.iter().all(|finding| finding.result.is_ok());
    if doctor.json {
        print_json(&Value::Array(findings.iter().map(Finding::json).collect()));
    } else {
        findings
            .iter()
            .for_each(|finding| crate::output::say!("{}", finding.line()));
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Finding {
    fn new(what: impl Into<String>, result: Result<String, String>) -> Self {
        let what = what.into();
        Self { what, result }
    }

    fn json(&self) -> Value {
        json!({
            "check": self.what,
            "ok": self.result.is_ok(),
            "detail": self.result.as_ref().map_or_else(String::as_str, String::as_str),
        })
    }

    fn line(&self) -> String {
        match &self.result {
            Ok(detail) => format!("ok    {:<22} {detail}", self.what),
            Err(detail) => format!("WRONG {:<22} {detail}", self.what),
        }
    }
}
