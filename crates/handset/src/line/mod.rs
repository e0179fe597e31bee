//! The RTP of one call: a socket, a sender that keeps the pace, and a listener. A simple one, on purpose unlike the program's own.

mod echo;
mod listener;
mod recorder;
mod road;
mod speaker;
mod terms;
mod voice;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use outdial_media::digit::Digit;
use outdial_media::{FRAME, MAX_PACKET};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::echo::Echo;
use self::listener::Listener;
use self::recorder::Recorder;
use self::road::Road;
use self::speaker::Speaker;
pub(crate) use self::terms::Terms;
pub(crate) use self::voice::Voice;
use crate::call::Reporter;
use crate::heard::PacketCounts;
use crate::script::Behaviour;
use crate::sound::Clip;

/// Something the line should do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Play a clip after those already waiting, and say when it is over.
    Play(Clip, oneshot::Sender<()>),
    /// Press keys as telephone events, and say when they are sent.
    Press(Vec<Digit>, oneshot::Sender<()>),
    /// Go on under other terms.
    Change(Terms),
}

/// What a line leaves behind.
#[derive(Debug, Default)]
pub(crate) struct LineReport {
    pub(crate) wav: Option<PathBuf>,
    pub(crate) packets: PacketCounts,
    pub(crate) problem: Option<String>,
}

/// The handle of a running line. It runs until it is finished or dropped.
#[derive(Debug)]
pub(crate) struct Line {
    orders: mpsc::UnboundedSender<Order>,
    voice: watch::Receiver<Voice>,
    task: JoinHandle<LineReport>,
}

impl Line {
    /// Starts the line on a socket, with a recording at `wav` if it wants one.
    pub(crate) fn start(
        socket: UdpSocket,
        terms: Terms,
        behaviour: &Behaviour,
        wav: Option<&Path>,
        reporter: Reporter,
    ) -> std::io::Result<Self> {
        let recorder = wav.map(Recorder::create).transpose()?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let (speaking, voice) = watch::channel(Voice::default());
        let ring = reporter.ring();
        let worker = Worker {
            socket,
            terms,
            mute: behaviour.mute,
            deaf: behaviour.deaf,
            speaker: Speaker::new(),
            echo: behaviour.echo.map(Echo::new),
            listener: Listener::new(recorder),
            road_out: Road::new(behaviour.network, 0, ring),
            road_in: Road::new(behaviour.network, 1, ring),
            inbox,
            speaking,
            reporter,
        };
        let task = tokio::spawn(worker.run());
        Ok(Self { orders, voice, task })
    }

    pub(crate) fn orders(&self) -> mpsc::UnboundedSender<Order> {
        self.orders.clone()
    }

    pub(crate) fn voice(&self) -> watch::Receiver<Voice> {
        self.voice.clone()
    }

    pub(crate) fn change(&self, terms: Terms) {
        // A line that is gone has no terms to change.
        let _ = self.orders.send(Order::Change(terms));
    }

    /// Stops it and waits until its recording is whole.
    pub(crate) async fn finish(self) -> LineReport {
        drop(self.orders);
        self.task.await.unwrap_or_default()
    }
}

/// A socket for RTP on this address, on an even port where one is found at once (RFC 3550, section 11).
pub(crate) fn open_socket(address: IpAddr) -> std::io::Result<UdpSocket> {
    let mut socket = std::net::UdpSocket::bind((address, 0))?;
    for _ in 0..4 {
        if socket.local_addr()?.port().is_multiple_of(2) {
            break;
        }
        socket = std::net::UdpSocket::bind((address, 0))?;
    }
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

struct Worker {
    socket: UdpSocket,
    terms: Terms,
    mute: bool,
    deaf: bool,
    speaker: Speaker,
    /// Instead of the speaker.
    echo: Option<Echo>,
    listener: Listener,
    road_out: Road,
    road_in: Road,
    inbox: mpsc::UnboundedReceiver<Order>,
    speaking: watch::Sender<Voice>,
    reporter: Reporter,
}

impl Worker {
    async fn run(mut self) -> LineReport {
        let mut ticks = tokio::time::interval(FRAME);
        let mut datagram = [0; 2048];
        loop {
            let due = [self.road_in.next_due(), self.road_out.next_due()]
                .into_iter()
                .flatten()
                .min();
            let late = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = self.inbox.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return self.report(),
                },
                received = self.socket.recv_from(&mut datagram) => {
                    // An error is the far side's port unreachable; its BYE will tell the rest.
                    if let Ok((length, from)) = received {
                        self.receive(&datagram[..length], from);
                    }
                }
                _ = ticks.tick() => self.tick(),
                () = late => self.release(),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Play(clip, done) => self.speaker.play(clip, done),
            Order::Press(digits, done) => self.speaker.press(digits, done),
            Order::Change(terms) => self.terms = terms,
        }
    }

    fn tick(&mut self) {
        if self.echo.is_some() {
            return;
        }
        let mut packet = [0; MAX_PACKET];
        let Some(length) = self.speaker.frame(&self.terms, &mut packet) else {
            return;
        };
        self.say(&packet[..length]);
    }

    fn say(&mut self, packet: &[u8]) {
        if !self.mute && self.road_out.take(packet, Instant::now()) {
            self.send(packet);
        }
    }

    fn send(&self, packet: &[u8]) {
        if let Some(remote) = self.terms.remote {
            // A full buffer or an unreachable port loses the packet, as a network would.
            let _ = self.socket.try_send_to(packet, remote);
        }
    }

    fn receive(&mut self, datagram: &[u8], from: SocketAddr) {
        if self.deaf {
            return;
        }
        // The far side is where its packets come from, whatever its SDP said (symmetric RTP, RFC 4961).
        if self.terms.remote.is_some() && listener::agreed(datagram, &self.terms).is_some() {
            self.terms.remote = Some(from);
        }
        if self.road_in.take(datagram, Instant::now()) {
            self.hear(datagram);
        }
    }

    fn release(&mut self) {
        let now = Instant::now();
        while let Some(packet) = self.road_out.arrived(now) {
            self.send(&packet);
        }
        while let Some(packet) = self.road_in.arrived(now) {
            self.hear(&packet);
        }
    }

    fn hear(&mut self, datagram: &[u8]) {
        let now = Instant::now();
        let mut packet = [0; MAX_PACKET];
        if let Some(echo) = &mut self.echo
            && let Some(length) = echo.answer(datagram, &self.terms, &mut packet)
        {
            self.say(&packet[..length]);
        }
        let Some(heard) = self.listener.hear(datagram, &self.terms, now) else {
            return;
        };
        if heard.voice {
            self.speaking.send_replace(Voice { last: Some(now) });
        }
        if let Some((digit, way)) = heard.digit {
            self.reporter.digit(digit, way);
        }
    }

    /// Hears what is still under way, and adds up.
    fn report(mut self) -> LineReport {
        let mut datagram = [0; 2048];
        while let Ok((length, from)) = self.socket.try_recv_from(&mut datagram) {
            self.receive(&datagram[..length], from);
        }
        while let Some(packet) = self.road_in.next_arrival() {
            self.hear(&packet);
        }
        let wav = self.listener.finish();
        let sent = match (&self.echo, self.mute) {
            (_, true) => 0,
            (Some(echo), false) => echo.packets(),
            (None, false) => self.speaker.packets(),
        };
        LineReport {
            wav,
            packets: PacketCounts {
                sent,
                received: self.listener.received,
                lost: self.listener.lost(),
                dropped: self.road_in.dropped() + self.road_out.dropped(),
                refused: self.listener.refused,
            },
            problem: self.listener.problem,
        }
    }
}
