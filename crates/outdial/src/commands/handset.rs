//! `outdial handset`: scripted phones in a process of their own.

use std::process::ExitCode;

use outdial_handset::{HandsetSet, Phone, Script, Smsc};

use crate::{cli::Handset, exit::Failure};

pub(super) async fn run(handset: Handset) -> Result<ExitCode, Failure> {
    let script = match &handset.script {
        Some(path) => Script::read(path).map_err(|error| Failure::usage(error.to_string()))?,
        None => Script::new().phone(Phone::answering("*")),
    };
    let texts = script.smsc.clone();
    let phones = HandsetSet::start(handset.listen, script, Some(handset.heard.clone()))
        .await
        .map_err(|error| Failure::start(error.to_string()))?;
    crate::output::say!(
        "ready: handsets {}, heard {}",
        phones.address(),
        handset.heard.display()
    );
    let smsc = match handset.smpp {
        None => None,
        Some(listen) => {
            let smsc = Smsc::start(listen, texts, Some(handset.heard.join("texts.jsonl"))).await;
            Some(smsc.map_err(|error| Failure::start(error.to_string()))?)
        }
    };
    if let Some(smsc) = &smsc {
        crate::output::say!("texts over SMPP at {}", smsc.address());
    }
    super::serve::wait_for_stop().await?;
    phones.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
