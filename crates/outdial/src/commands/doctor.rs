//! `outdial doctor`: proves that everything a call needs works, and says what to mend.

mod checks;
mod clock;
mod listening;
mod nat;
mod probe_signal;
mod spools;
mod tapped;
mod test_call;
mod tls;
mod trunk;
mod webhooks;

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
    verdict: Verdict,
    /// What was seen; where something is wrong or not known, what to do.
    detail: String,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Wrong,
    /// Nothing shows that it is well, or that it is not.
    NotKnown,
}

pub(super) async fn run(common: &Common, doctor: Doctor) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    config.settings()?;
    if let Some(name) = &doctor.trunk
        && !config.trunk.iter().any(|trunk| trunk.name == *name)
        && !config.sms_trunk.iter().any(|trunk| trunk.name == *name)
    {
        return Err(Failure::usage(format!(
            "there is no trunk `{name}` in the configuration"
        )));
    }
    let findings = match &doctor.trunk {
        None => checks::all(common, &config).await,
        Some(name) => checks::only(&config, name, doctor.call.as_deref()).await,
    };
    let well = findings.iter().all(|finding| finding.verdict != Verdict::Wrong);
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
        let (verdict, detail) = match result {
            Ok(detail) => (Verdict::Ok, detail),
            Err(detail) => (Verdict::Wrong, detail),
        };
        let what = what.into();
        Self { what, verdict, detail }
    }

    fn not_known(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            verdict: Verdict::NotKnown,
            detail: detail.into(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "check": self.what,
            "verdict": self.verdict.word(),
            "ok": self.verdict == Verdict::Ok,
            "detail": self.detail,
        })
    }

    fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Wrong => "WRONG",
            Verdict::NotKnown => "?",
        };
        format!("{verdict:<5} {:<22} {}", self.what, self.detail)
    }
}

impl Verdict {
    /// The stable word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wrong => "wrong",
            Self::NotKnown => "not_known",
        }
    }
}
