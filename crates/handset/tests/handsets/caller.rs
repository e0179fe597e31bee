//! A small caller made with the SIP library, for calling the handsets in tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use outdial_handset::{HandsetSet, Script};
use outdial_media::codec::Codec;
use outdial_media::rtp::{RtpPacket, RtpSender};
use outdial_media::telephone_event::TelephoneEvent;
use rsipstack::EndpointBuilder;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Response, Uri};
use rsipstack::transport::TransportLayer;
use rsipstack::transport::udp::UdpConnection;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

pub(crate) const NUMBER: &str = "+6598765432";
/// Longer than anything here takes; a hang is a failure with a name.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn start(script: impl Into<Script>) -> HandsetSet {
    let listen = "127.0.0.1:0".parse().unwrap();
    HandsetSet::start(listen, script.into(), None).await.unwrap()
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("took too long")
}

pub(crate) struct Caller {
    pub(crate) dialogs: Arc<DialogLayer>,
    pub(crate) rtp: Arc<UdpSocket>,
    contact: Uri,
    stop: CancellationToken,
}

impl Caller {
    pub(crate) async fn new() -> Self {
        let stop = CancellationToken::new();
        let connection =
            UdpConnection::create_connection("127.0.0.1:0".parse().unwrap(), None, Some(stop.child_token()));
        let connection = connection.await.unwrap();
        let contact = Uri::try_from(format!("sip:caller@{}", connection.get_addr().addr)).unwrap();
        let transport = TransportLayer::new(stop.clone());
        transport.add_transport(connection.into());
        let endpoint = EndpointBuilder::new()
            .with_cancel_token(stop.clone())
            .with_transport_layer(transport)
            .build();
        let dialogs = Arc::new(DialogLayer::new(endpoint.inner.clone()));
        let mut incoming = endpoint.incoming_transactions().unwrap();
        tokio::spawn(async move { endpoint.serve().await });
        let layer = dialogs.clone();
        tokio::spawn(async move {
            while let Some(mut transaction) = incoming.recv().await {
                if let Some(mut dialog) = layer.match_dialog(&transaction) {
                    tokio::spawn(async move { dialog.handle(&mut transaction).await });
                }
            }
        });
        let rtp = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        Self {
            dialogs,
            rtp,
            contact,
            stop,
        }
    }

    pub(crate) fn offer(&self, formats: &str) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        let events = if formats.contains("101") {
            "a=rtpmap:101 telephone-event/8000\r\n"
        } else {
            ""
        };
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{events}"
        )
    }

    pub(crate) fn invite(&self, uri: &str) -> InviteOption {
        InviteOption {
            caller: Uri::try_from("sip:+6561234567@127.0.0.1").unwrap(),
            callee: Uri::try_from(uri).unwrap(),
            content_type: Some("application/sdp".into()),
            offer: Some(self.offer("0 101").into_bytes()),
            contact: self.contact.clone(),
            ..InviteOption::default()
        }
    }

    pub(crate) async fn call(&self, uri: &str) -> Placed {
        self.place(self.invite(uri)).await
    }

    pub(crate) async fn call_as(&self, uri: &str, user: &str, password: &str) -> Placed {
        let credential = Credential {
            username: user.into(),
            password: password.into(),
            ..Credential::default()
        };
        self.place(InviteOption {
            credential: Some(credential),
            ..self.invite(uri)
        })
        .await
    }

    pub(crate) async fn place(&self, option: InviteOption) -> Placed {
        let (states, inbox) = self.dialogs.new_dialog_state_channel();
        let (dialog, response) = soon(Box::pin(self.dialogs.do_invite(option, states))).await.unwrap();
        Placed {
            dialog,
            response: response.unwrap(),
            states: inbox,
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A call with its final response.
pub(crate) struct Placed {
    pub(crate) dialog: InviteDialog,
    pub(crate) response: Response,
    pub(crate) states: DialogStateReceiver,
}

impl Placed {
    pub(crate) fn code(&self) -> u16 {
        self.response.status_code.code()
    }

    pub(crate) fn body(&self) -> String {
        String::from_utf8(self.response.body.clone()).unwrap()
    }

    /// Where the phone has its RTP.
    pub(crate) fn remote(&self) -> SocketAddr {
        let body = self.body();
        let port = body.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
        format!("127.0.0.1:{}", port.split(' ').next().unwrap())
            .parse()
            .unwrap()
    }

    pub(crate) async fn hang_up(&self) {
        soon(Box::pin(self.dialog.bye())).await.unwrap();
    }

    /// Waits for the next request of the phone, answers it with 200 and returns its body; `None` for its BYE.
    pub(crate) async fn next_info(&mut self) -> Option<String> {
        loop {
            match soon(self.states.recv()).await.unwrap() {
                DialogState::Info(_, request, handle) => {
                    handle.reply(rsipstack::sip::StatusCode::OK).await.unwrap();
                    return Some(String::from_utf8(request.body).unwrap());
                }
                DialogState::Terminated(..) => return None,
                _ => {}
            }
        }
    }
}

/// Sends frames to a phone at the pace of speech.
pub(crate) async fn speak(socket: &UdpSocket, remote: SocketAddr, samples: &[i16]) {
    let mut sender = RtpSender::new(7, 65_530);
    let mut ticks = tokio::time::interval(outdial_media::FRAME);
    for (index, frame) in samples.chunks(160).enumerate() {
        ticks.tick().await;
        let mut packet = [0; 200];
        let timestamp = (u32::MAX - 400).wrapping_add(160 * u32::try_from(index).unwrap());
        let length = sender.write(&mut packet, 0, index == 0, timestamp, |room| {
            Codec::Pcmu.encode(frame, room)
        });
        socket.send_to(&packet[..length.unwrap()], remote).await.unwrap();
    }
}

/// The next datagram of the phone.
pub(crate) async fn hear(socket: &UdpSocket) -> Vec<u8> {
    let mut datagram = vec![0; 2048];
    let (length, _) = soon(socket.recv_from(&mut datagram)).await.unwrap();
    datagram.truncate(length);
    datagram
}

/// Listens until so many keys came as telephone events, and returns them with how many audio packets came meanwhile.
pub(crate) async fn keys(socket: &UdpSocket, count: usize) -> (String, usize) {
    let (mut keys, mut audio, mut last) = (String::new(), 0, None);
    while keys.len() < count {
        let datagram = hear(socket).await;
        let packet = RtpPacket::parse(&datagram).unwrap();
        if packet.header.payload_type != 101 {
            audio += 1;
            continue;
        }
        let event = TelephoneEvent::parse(packet.payload).unwrap();
        if last.replace(packet.header.timestamp) != Some(packet.header.timestamp) {
            keys.push(outdial_media::digit::Digit::from_event(event.event).unwrap().as_char());
        }
    }
    (keys, audio)
}

/// The samples of a recording.
pub(crate) fn recording(path: &std::path::Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, 8000));
    reader.samples().collect::<Result<_, _>>().unwrap()
}

/// A loud sine.
pub(crate) fn sine(milliseconds: usize) -> Vec<i16> {
    let step = std::f32::consts::TAU * 440.0 / 8000.0;
    (0..8 * milliseconds)
        .map(|index| (8000.0 * (index as f32 * step).sin()) as i16)
        .collect()
}
