//! One bind: its connection, kept up for as long as the trunk is there.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Buf as _, Bytes};
use futures_util::{
    future::{BoxFuture, FutureExt as _},
    stream::{FuturesUnordered, StreamExt as _},
};
use outdial_domain::message::{PartFate, Refusal};
use outdial_engine::ports::Arrival;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::{mpsc::error::TrySendError, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    arrive::arrived,
    delivery::Delivery,
    session::{Answer, Event, Handed, Over, Session, Terms, Ticket},
    status::{Status, Verdict},
    tls::{self, Tls},
    trunk::{Asker, Trunk, Wanted},
    wire::{BindKind, Credentials},
};

/// What may wait to be written before nothing more is read: a far side that does not read is not read either.
const MOST_UNWRITTEN: usize = 256 * 1024;

/// How long the last words of a session may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Keeps one bind of the trunk until it is told to stop.
pub(crate) async fn keep(trunk: Arc<Trunk>, kind: BindKind, tls: Option<Tls>, stop: CancellationToken) {
    let (first, longest) = trunk.settings.reconnect;
    let mut pause = first;
    while !stop.is_cancelled() {
        let ended = tokio::select! {
            connected = connect(&trunk, tls.as_ref()) => match connected {
                Ok(stream) => Link::new(&trunk, kind).hold(stream, &stop).await,
                Err(why) => Ended { was_bound: false, why },
            },
            () = stop.cancelled() => return,
        };
        if ended.was_bound {
            pause = first;
        } else {
            trunk.stays_down(&ended.why);
        }
        if stop.is_cancelled() {
            return;
        }
        tracing::warn!(trunk = %trunk.settings.name, why = %ended.why, ?pause, "a bind is down");
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(longest),
            () = stop.cancelled() => return,
        }
    }
}

/// What carries a session.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn connect(trunk: &Trunk, tls: Option<&Tls>) -> Result<Box<dyn Stream>, String> {
    let settings = &trunk.settings;
    let at = format!("{}:{}", settings.host, settings.port);
    let connecting = async {
        let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await?;
        // PDUs are small: held back until an acknowledgement comes, each would wait for the one before.
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.agree(stream).await?),
        };
        Ok::<_, std::io::Error>(stream)
    };
    match timeout(settings.answer_within, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("no connection to {at}: {}", tls::in_words(&error))),
        Err(_) => Err(format!("no connection to {at} within {:?}", settings.answer_within)),
    }
}

/// How a connection ended.
struct Ended {
    was_bound: bool,
    why: String,
}

/// A bind on its connection.
struct Link<'t> {
    trunk: &'t Trunk,
    kind: BindKind,
    session: Session,
    /// Who waits for the answers to what has left.
    askers: BTreeMap<Ticket, Asker>,
    tickets: Ticket,
    /// What was handed over and is not on disk yet.
    taking: FuturesUnordered<BoxFuture<'static, (Handed, Status)>>,
    bound: bool,
}

/// This moment; a test that lends its time to the runtime lends it to us, too.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<'t> Link<'t> {
    fn new(trunk: &'t Trunk, kind: BindKind) -> Self {
        let settings = &trunk.settings;
        let terms = Terms {
            kind,
            who: Credentials {
                system_id: settings.system_id.clone(),
                password: settings.password.clone(),
                system_type: settings.system_type.clone(),
            },
            window: settings.window,
            enquire_after: settings.enquire_after,
            answer_within: settings.answer_within,
        };
        Self {
            trunk,
            kind,
            session: Session::new(terms, now()),
            askers: BTreeMap::new(),
            tickets: 0,
            taking: FuturesUnordered::new(),
            bound: false,
        }
    }

    /// Holds the session until it is over.
    async fn hold(mut self, stream: Box<dyn Stream>, stop: &CancellationToken) -> Ended {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut heard = vec![0; 16 * 1024];
        let mut unwritten = Bytes::new();
        let mut unflushed = false;
        let mut stopping = false;
        loop {
            self.answer_taken();
            self.fill();
            if let Some(over) = self.told() {
                if over.says_more() {
                    let words = last_words(&mut writer, unwritten, self.session.output());
                    // The connection is closed in any case.
                    let _ = timeout(LAST_WORDS, words).await;
                }
                return self.ended(&over);
            }
            if unwritten.is_empty() {
                unwritten = self.session.output().unwrap_or_default();
            }
            let wakes = self.wakes();
            let wants_work = self.session.room() > 0 && self.trunk.paused_until(now()).is_none();
            tokio::select! {
                read = reader.read(&mut heard), if unwritten.len() < MOST_UNWRITTEN => match read {
                    Ok(0) => self.session.broke("it was closed".to_owned()),
                    Ok(length) => self.session.receive(&heard[..length], now()),
                    Err(error) => self.session.broke(error.to_string()),
                },
                put = put(&mut writer, &unwritten), if !unwritten.is_empty() || unflushed => match put {
                    Ok(length) => {
                        unflushed = !unwritten.is_empty();
                        unwritten.advance(length);
                    }
                    Err(error) => self.session.broke(error.to_string()),
                },
                () = self.trunk.work.notified(), if wants_work => {}
                Some((handed, status)) = self.taking.next(), if !self.taking.is_empty() => {
                    self.session.answer(handed, status);
                }
                () = sleep_until(wakes) => self.session.tick(now()),
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.session.unbind(now());
                }
            }
        }
    }

    /// Answers all that is on disk by now, so that what is read in one piece does not have to wait one by one.
    fn answer_taken(&mut self) {
        while let Some(Some((handed, status))) = self.taking.next().now_or_never() {
            self.session.answer(handed, status);
        }
    }

    /// When something is to be done that nobody tells us.
    fn wakes(&self) -> Option<Instant> {
        let pause = (self.session.room() > 0)
            .then(|| self.trunk.paused_until(now()))
            .flatten();
        self.session.deadline().into_iter().chain(pause).min()
    }

    /// Submits what waits, as much as there is room for.
    fn fill(&mut self) {
        while self.session.room() > 0
            && let Some(job) = self.trunk.take(now())
        {
            self.tickets += 1;
            match job.what {
                Wanted::Submit(text) => self.session.submit(self.tickets, *text, now()),
                Wanted::Query(question) => self.session.query(self.tickets, *question, now()),
            }
            self.askers.insert(self.tickets, job.asker);
        }
        // Whoever was woken may have had no room for all of it.
        if self.session.room() == 0 && self.trunk.has_work() {
            self.trunk.work.notify_one();
        }
    }

    /// Tells whoever waits what happened, until the session is over.
    fn told(&mut self) -> Option<Over> {
        while let Some(event) = self.session.event() {
            match event {
                Event::Bound => {
                    self.bound = true;
                    if self.kind.sends() {
                        self.trunk.came_up();
                    }
                    tracing::info!(trunk = %self.trunk.settings.name, kind = ?self.kind, "bound");
                }
                Event::Submitted(ticket, answer) => self.submitted(ticket, answer),
                Event::Looked(ticket, state) => {
                    if let Some(Asker::Question(told)) = self.askers.remove(&ticket) {
                        // Whoever gave up does not want to know.
                        let _ = told.send(state);
                    }
                }
                Event::Delivery(handed, delivery) => self.delivered(handed, &delivery),
                Event::Over(over) => return Some(over),
            }
            self.fill();
        }
        None
    }

    fn submitted(&mut self, ticket: Ticket, answer: Answer) {
        let Some(asker) = self.askers.remove(&ticket) else {
            return;
        };
        let fate = match answer {
            Answer::Status(status, id) if status.verdict() == Verdict::Accepted => {
                self.trunk.went_through(now());
                let ids = self.trunk.settings.message_ids;
                PartFate::Accepted {
                    id: id.map(|id| ids.of_answer(&id)),
                }
            }
            Answer::Status(status, _) => self.refused(status, status.to_string()),
            Answer::Nack(Status::OK) => {
                let reason = "the SMSC refuses the PDU (generic_nack) and does not say why".to_owned();
                self.refused(Status::INVALID_COMMAND, reason)
            }
            Answer::Nack(status) => self.refused(status, format!("the SMSC refuses the PDU (generic_nack): {status}")),
            Answer::NotSent => PartFate::NotSent {
                reason: "the connection broke before it left".to_owned(),
            },
            Answer::Silence => PartFate::Unknown {
                reason: "the SMSC did not answer".to_owned(),
            },
        };
        asker.hears(fate);
    }

    /// What becomes of a text that was answered with this status.
    fn refused(&self, status: Status, reason: String) -> PartFate {
        let refusal = match status.verdict() {
            Verdict::SlowDown => {
                self.trunk.slow_down(now());
                Refusal::Slower
            }
            Verdict::Later => Refusal::Later,
            // A status of success is no refusal that anybody could act upon.
            Verdict::Elsewhere | Verdict::Accepted => Refusal::Elsewhere,
            Verdict::Never => Refusal::Never,
        };
        PartFate::Refused { refusal, reason }
    }

    fn delivered(&mut self, handed: Handed, delivery: &Delivery) {
        let Some(what) = arrived(&self.trunk.settings, delivery) else {
            tracing::warn!(trunk = %self.trunk.settings.name, "a receipt that cannot be read");
            return self.session.answer(handed, Status::OK);
        };
        let (taken, is_taken) = oneshot::channel();
        let arrival = Arrival {
            trunk: self.trunk.settings.name.clone(),
            what,
            taken,
        };
        match self.trunk.arrivals.try_send(arrival) {
            Ok(()) => {
                let status = is_taken.map(move |taken| match taken {
                    Ok(()) => (handed, Status::OK),
                    Err(_) => (handed, Status::RECEIVER_LATER),
                });
                self.taking.push(status.boxed());
            }
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                self.session.answer(handed, Status::RECEIVER_LATER);
            }
        }
    }

    fn ended(self, over: &Over) -> Ended {
        let why = over.to_string();
        if self.bound && self.kind.sends() {
            self.trunk.went_down(&why);
        }
        Ended {
            was_bound: self.bound,
            why,
        }
    }
}

/// Writes some of it; when there is nothing more, sees to it that what was written leaves.
async fn put(writer: &mut (impl AsyncWrite + Unpin), unwritten: &[u8]) -> std::io::Result<usize> {
    if unwritten.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(unwritten).await? {
        0 => Err(std::io::ErrorKind::WriteZero.into()),
        length => Ok(length),
    }
}

async fn last_words(
    writer: &mut (impl AsyncWrite + Unpin),
    mut unwritten: Bytes,
    output: Option<Bytes>,
) -> std::io::Result<()> {
    writer.write_all_buf(&mut unwritten).await?;
    writer.write_all_buf(&mut output.unwrap_or_default()).await?;
    writer.shutdown().await
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
