//! The connection: login, what is asked and answered, and who is told of which channel.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    ManagerLogin,
    message::{Action, Message, read},
    refused,
};

/// How long connecting and logging in may take.
const LOGIN: Duration = Duration::from_secs(5);
/// The first wait before the next try, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// How often Asterisk is asked whether it is there, and how long it may be silent.
const PING: Duration = Duration::from_secs(10);
const SILENT: Duration = Duration::from_secs(30);
/// Events of one leg that it has not looked at yet.
const EVENTS: usize = 64;
/// Actions that are not written yet.
const ACTIONS: usize = 1_024;

/// How the connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody knows yet.
    Trying,
    /// It is the so-many-th one, and logged in.
    Up(u64),
    /// There is none, for this reason.
    Down(String),
}

/// An action that has certainly not been sent, and why.
#[derive(Debug)]
pub(crate) struct NotSent(pub(crate) String);

/// A connection to a manager interface, made again whenever it is lost, until this is dropped.
pub(crate) struct Manager {
    shared: Arc<Shared>,
    state: watch::Receiver<State>,
    actions: mpsc::Sender<(u64, Vec<u8>)>,
    task: AbortHandle,
}

#[derive(Default)]
struct Shared {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Which connection it is; what was meant for an earlier one is not sent.
    connection: u64,
    asked: u64,
    answers: HashMap<String, oneshot::Sender<Message>>,
    legs: HashMap<String, mpsc::Sender<Message>>,
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Manager {
    pub(crate) fn start(login: ManagerLogin) -> Self {
        let (tell, state) = watch::channel(State::Trying);
        let (actions, to_write) = mpsc::channel(ACTIONS);
        let shared: Arc<Shared> = Arc::default();
        let task = tokio::spawn(keep(login, Arc::clone(&shared), tell, to_write)).abort_handle();
        Self {
            shared,
            state,
            actions,
            task,
        }
    }

    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Why it is certainly not connected.
    pub(crate) fn refusal(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Down(reason) => Some(reason.clone()),
            State::Trying | State::Up(_) => None,
        }
    }

    /// Waits until it is logged in.
    ///
    /// # Errors
    ///
    /// Why it is not, after this time.
    pub(crate) async fn ready(&self, within: Duration) -> Result<(), String> {
        let mut state = self.state.clone();
        let up = state.wait_for(|state| matches!(state, State::Up(_)));
        if timeout(within, up).await.is_ok() {
            return Ok(());
        }
        Err(match &*self.state.borrow() {
            State::Down(reason) => reason.clone(),
            State::Trying | State::Up(_) => "Asterisk's manager interface does not answer".to_owned(),
        })
    }

    /// Events about this channel, and the result of what has its name as `ActionID`.
    pub(crate) fn follow(&self, id: &str) -> mpsc::Receiver<Message> {
        let (tell, told) = mpsc::channel(EVENTS);
        let mut known = self.shared.known();
        known.legs.retain(|_, leg| !leg.is_closed());
        known.legs.insert(id.to_owned(), tell);
        told
    }

    /// Sends an action. The answer is lost with the connection.
    pub(crate) async fn ask(&self, action: Action) -> Result<oneshot::Receiver<Message>, NotSent> {
        let id = {
            let mut known = self.shared.known();
            known.asked += 1;
            format!("outdial-{}", known.asked)
        };
        self.ask_as(&id, action).await
    }

    /// The same, under a name of the caller's.
    pub(crate) async fn ask_as(&self, id: &str, action: Action) -> Result<oneshot::Receiver<Message>, NotSent> {
        let text = action.text(id).map_err(NotSent)?;
        if !matches!(*self.state.borrow(), State::Up(_)) {
            return Err(NotSent("Asterisk's manager interface is not connected".to_owned()));
        }
        let (tell, told) = oneshot::channel();
        let connection = {
            let mut known = self.shared.known();
            known.answers.insert(id.to_owned(), tell);
            known.connection
        };
        let sent = self.actions.send((connection, text.into_bytes())).await;
        sent.map_err(|_| NotSent("the connection has ended".to_owned()))?;
        Ok(told)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(
    login: ManagerLogin,
    shared: Arc<Shared>,
    state: watch::Sender<State>,
    mut actions: mpsc::Receiver<(u64, Vec<u8>)>,
) {
    let mut wait = BACKOFF.0;
    loop {
        let reason = match timeout(LOGIN, log_in(&login)).await {
            Err(_) => "it does not answer".to_owned(),
            Ok(Err(reason)) => reason,
            Ok(Ok(stream)) => {
                wait = BACKOFF.0;
                let connection = {
                    let mut known = shared.known();
                    known.connection += 1;
                    known.connection
                };
                tracing::info!(address = %login.address, "connected to Asterisk's manager interface");
                state.send_replace(State::Up(connection));
                let error = serve(stream, &shared, connection, &mut actions).await;
                error
                    .err()
                    .map_or_else(|| "it was closed".to_owned(), |error| error.to_string())
            }
        };
        let reason = format!(
            "Asterisk's manager interface at {} cannot be used: {reason}",
            login.address
        );
        if !matches!(&*state.borrow(), State::Down(known) if *known == reason) {
            tracing::warn!(reason, "trying again");
        }
        // Whoever waits for an answer learns by the end of its channel that there will be none.
        shared.known().answers.clear();
        state.send_replace(State::Down(reason));
        sleep(wait).await;
        wait = (wait * 2).min(BACKOFF.1);
    }
}

async fn log_in(login: &ManagerLogin) -> Result<BufReader<TcpStream>, String> {
    let stream = TcpStream::connect(login.address)
        .await
        .map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let mut stream = BufReader::new(stream);
    let mut banner = Vec::new();
    let greeted = (&mut stream).take(200).read_until(b'\n', &mut banner).await;
    greeted.map_err(|error| error.to_string())?;
    if !banner.starts_with(b"Asterisk Call Manager/") {
        return Err("what answers there is no manager interface: look at `port` in manager.conf".to_owned());
    }
    let action = Action::new("Login")
        .with("Username", &login.username)
        .with("Secret", login.secret.expose_secret())
        .with("Events", "call");
    let text = action.text("login")?;
    stream
        .write_all(text.as_bytes())
        .await
        .map_err(|error| error.to_string())?;
    loop {
        let message = read(&mut stream).await.map_err(|error| error.to_string())?;
        if message.get("ActionID") == Some("login") {
            return match message.succeeded() {
                true => Ok(stream),
                false => Err(format!(
                    "the login of `{}` is refused: {}. Look at the secret and `permit` in manager.conf",
                    login.username,
                    refused(&message)
                )),
            };
        }
    }
}

/// Reads and writes until the connection is lost.
async fn serve(
    stream: BufReader<TcpStream>,
    shared: &Shared,
    connection: u64,
    actions: &mut mpsc::Receiver<(u64, Vec<u8>)>,
) -> io::Result<()> {
    let (reading, mut writing) = tokio::io::split(stream);
    let mut reading = BufReader::new(reading);
    let write = async {
        let mut next = Instant::now() + PING;
        loop {
            let bytes = match timeout_at(next, actions.recv()).await {
                Ok(Some((meant_for, bytes))) if meant_for == connection => bytes,
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(()),
                Err(_) => {
                    next += PING;
                    b"Action: Ping\r\nActionID: ping\r\n\r\n".to_vec()
                }
            };
            writing.write_all(&bytes).await?;
            writing.flush().await?;
        }
    };
    let read = async {
        loop {
            let message = timeout(SILENT, read(&mut reading)).await;
            deliver(
                shared,
                message.map_err(|_| io::Error::other("it says nothing any more"))??,
            );
        }
    };
    tokio::select! {
        ended = write => ended,
        ended = read => ended,
    }
}

fn deliver(shared: &Shared, message: Message) {
    let mut known = shared.known();
    let action = message.get("ActionID");
    // The event that tells how a call went has a `Response`, too.
    if message.get("Event").is_none() {
        if let Some(asker) = action.and_then(|id| known.answers.remove(id)) {
            // Who asked may not want to know.
            let _ = asker.send(message);
        }
        return;
    }
    // Of what one channel does to another, it is about the other, unless only the one is a leg of ours. The end of a
    // channel that is neither may be that of a phone which the dialplan rang for a leg.
    let names = if message.is("OriginateResponse") {
        [action, None, None]
    } else {
        let is_end = message.is("HangupRequest") || message.is("Hangup");
        let rung_for = message.get("Linkedid").filter(|_| is_end);
        [message.get("DestUniqueid"), message.get("Uniqueid"), rung_for]
    };
    let leg = names.into_iter().flatten().find_map(|name| known.legs.get(name));
    if let Some(leg) = leg
        && leg.try_send(message).is_err()
    {
        tracing::debug!("a leg that has ended, or does not listen");
    }
}
