//! `outdial call`: places a call, and waits for its end when asked to.

use std::{pin::Pin, process::ExitCode, time::Duration};

use futures_util::{Stream, StreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Connection, print_json, segment};
use crate::{
    cli::{Action, Call, Common, HandOver, PlanOptions, Times},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

pub(super) async fn run(common: &Common, call: Call) -> Result<ExitCode, Failure> {
    let connection = Connection::open(common, Role::Dialling).await?;
    // A call of our own process lives no longer than the process.
    let wait = call.wait || connection.own.is_some();
    let result = place(&connection.client, &call, wait).await;
    connection.close().await;
    let ended = result?;
    if !call.json {
        crate::output::say!("{}", render::call_line(&ended));
    } else {
        print_json(&ended);
    }
    let completed = ended["ending"]["outcome"] == "completed";
    Ok(if wait && !completed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

async fn place(client: &Client, call: &Call, wait: bool) -> Result<Value, Failure> {
    let mut body = json!({ "to": call.to });
    add_action(client, &call.action, &mut body).await?;
    add_times(&call.times, &mut body);
    add_plan(&call.plan, &mut body);
    if call.record {
        body["record"] = json!(true);
    }
    let placed = client.post("/calls", &body).await?;
    if !wait {
        return Ok(placed);
    }
    follow_to_end(client, &placed, call.json).await
}

/// Shows what happens until the call has ended. SIGINT (Ctrl-C), SIGTERM and SIGHUP end the call
/// and then the program.
async fn follow_to_end(client: &Client, placed: &Value, quiet: bool) -> Result<Value, Failure> {
    let id = placed["id"].as_str().unwrap_or_default();
    let progress = Progress::new(quiet);
    if !quiet {
        crate::output::tell!("placed {id}");
    }
    let mut ended = Ended::follow(client, id).await?;
    ended.wait(|event| progress.show(event)).await?;
    progress.finish();
    client.get(&format!("/calls/{}", segment(id))).await
}

/// Waits for the end of a call.
pub(super) struct Ended<'a> {
    client: &'a Client,
    call: String,
    events: Pin<Box<dyn Stream<Item = Result<Value, Failure>> + Send>>,
    asked_to_end: bool,
}

impl<'a> Ended<'a> {
    /// Follows a call from its first event.
    pub(super) async fn follow(client: &'a Client, call: &str) -> Result<Self, Failure> {
        let events = Box::pin(client.follow(Some(("call", call)), Some(0)).await?);
        Ok(Self {
            client,
            call: call.to_owned(),
            events,
            asked_to_end: false,
        })
    }

    /// Shows every event until the call has ended. SIGINT, SIGTERM and SIGHUP end the call.
    pub(super) async fn wait(&mut self, mut show: impl FnMut(&Value)) -> Result<(), Failure> {
        loop {
            tokio::select! {
                event = self.events.next() => {
                    let Some(event) = event else {
                        return Err(Failure::start("the server went away before the call had ended"));
                    };
                    let event = event?;
                    show(&event);
                    if event["type"] == "ended" {
                        return Ok(());
                    }
                }
                interrupted = super::serve::wait_for_stop(), if !self.asked_to_end => {
                    interrupted?;
                    self.asked_to_end = true;
                    self.client.post(&format!("/calls/{}/hangup", segment(&self.call)), &json!({})).await?;
                }
            }
        }
    }
}

/// A turning line at a terminal; one line an event elsewhere; nothing when JSON is wanted.
enum Progress {
    Quiet,
    Lines,
    Terminal(ProgressBar),
}

impl Progress {
    fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            return Self::Lines;
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::Terminal(bar)
    }

    fn show(&self, event: &Value) {
        match self {
            Self::Quiet => {}
            Self::Lines => crate::output::tell!("{}", render::event_line(event)),
            Self::Terminal(bar) => bar.set_message(render::event_line(event)),
        }
    }

    fn finish(&self) {
        if let Self::Terminal(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Puts when a call is dialled into the request.
pub(super) fn add_times(times: &Times, body: &mut Value) {
    for (name, value) in [("at", &times.at), ("expires", &times.expires)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    if let Some(within) = times.within {
        body["in"] = json!(within.as_secs_f64());
    }
}

/// Puts within which hours a call is dialled, how often and how, into the request.
pub(super) fn add_plan(plan: &PlanOptions, body: &mut Value) {
    for (name, value) in [
        ("from", &plan.from),
        ("via", &plan.via),
        ("tag", &plan.tag),
        ("priority", &plan.priority),
        ("hours", &plan.hours),
    ] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    if !plan.retry.is_empty() {
        body["retry"] = json!(plan.retry);
    }
    for (name, value) in [("ring", plan.ring), ("max", plan.max)] {
        if let Some(value) = value {
            body[name] = json!(value.as_secs_f64());
        }
    }
}

/// Puts what the call does into the request. Files are read here, by the user's own program: no
/// server reads a path that a caller names.
pub(super) async fn add_action(client: &Client, action: &Action, body: &mut Value) -> Result<(), Failure> {
    goes_together(action)?;
    if let Some(text) = &action.say {
        body["say"] = json!(text);
    }
    if let Some(file) = &action.play {
        body["play"] = json!(audio(client, file).await?);
    }
    if let Some(flow) = &action.flow {
        body["flow"] = match read_flow(flow)? {
            Some(document) => document,
            None => json!(flow),
        };
    }
    if !action.bridge.is_empty() {
        body["bridge"] = json!({ "to": action.bridge });
        if action.private {
            body["bridge"]["from"] = json!("private");
        }
        for (name, value) in [("ring", action.bridge_ring), ("max", action.bridge_max)] {
            if let Some(value) = value {
                body["bridge"][name] = json!(value.as_secs_f64());
            }
        }
    }
    if let Some(room) = &action.room {
        body["room"] = json!({ "room": room, "muted": action.muted });
    }
    if let Some(step) = hand_over(&action.hand_over)? {
        body["flow"] = json!([{ "hand_over": step }]);
    }
    Ok(())
}

/// Options that say how something is done stand beside the one that says what. The command line sees to that, but not
/// where another action is given.
fn goes_together(action: &Action) -> Result<(), Failure> {
    let of_bridge = [
        ("--private", action.private),
        ("--bridge-ring", action.bridge_ring.is_some()),
        ("--bridge-max", action.bridge_max.is_some()),
    ];
    let given = |(name, given): (&'static str, bool)| given.then_some(name);
    let alone = match (of_bridge.into_iter().find_map(given), action.muted) {
        (Some(name), _) if action.bridge.is_empty() => Some((name, "--bridge")),
        (_, true) if action.room.is_none() => Some(("--muted", "--room")),
        _ => None,
    };
    match alone {
        Some((option, with)) => Err(Failure::usage(format!("{option} goes with {with}"))),
        None => Ok(()),
    }
}

/// The step that leaves a call to the Asterisk that carries it, if that is wanted.
fn hand_over(given: &HandOver) -> Result<Option<Value>, Failure> {
    let mut step = match (&given.application, &given.context) {
        (Some(application), _) => json!({ "application": application, "data": given.application_data }),
        (None, Some(context)) => json!({
            "context": context,
            "extension": given.extension,
            "priority": given.dialplan_priority,
            "early_media": given.early_media,
        }),
        (None, None) if given.variables.is_empty() => return Ok(None),
        (None, None) => {
            let message = "--variable goes with --application, or with --context and --extension";
            return Err(Failure::usage(message));
        }
    };
    if !given.variables.is_empty() {
        step["variables"] = given.variables.iter().cloned().collect();
    }
    Ok(Some(step))
}

/// The id of what `--play` names: an upload, or a file that is uploaded now.
pub(super) async fn audio(client: &Client, file: &str) -> Result<String, Failure> {
    if file.starts_with("aud_") {
        return Ok(file.to_owned());
    }
    upload(client, file).await
}

async fn upload(client: &Client, file: &str) -> Result<String, Failure> {
    let bytes = std::fs::read(file).map_err(|error| Failure::usage(format!("--play {file}: {error}")))?;
    let name = std::path::Path::new(file)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    client.upload(&name, bytes).await
}

/// A flow is a file when one of this name exists, and a name otherwise.
pub(super) fn read_flow(flow: &str) -> Result<Option<Value>, Failure> {
    if !std::path::Path::new(flow).exists() {
        return match flow.contains(['/', '.']) {
            true => Err(Failure::usage(format!("--flow {flow}: there is no such file"))),
            false => Ok(None),
        };
    }
    let text = std::fs::read_to_string(flow).map_err(|error| Failure::usage(format!("--flow {flow}: {error}")))?;
    let document = serde_json::from_str(&text).map_err(|error| Failure::usage(format!("--flow {flow}: {error}")))?;
    Ok(Some(document))
}
