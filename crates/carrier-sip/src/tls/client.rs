//! How we speak TLS to a far side, and what it thinks of us.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustls::{
    AlertDescription, ClientConfig, ProtocolVersion, SignatureScheme, client::ResolvesClientCert, crypto::ring,
    pki_types::ServerName, sign::CertifiedKey,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{TlsError, TlsReport, TlsSettings, Trusted, Verifier, identity, refused, trusted, words};

/// How long a far side that asked who we are may take to say what it thinks of the answer. One that is
/// content goes on with something else at once.
const VERDICT: Duration = Duration::from_secs(1);

/// How we speak TLS to a far side.
#[derive(Clone)]
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    shown: Arc<Shown>,
    /// Whether we trust roots that were given, and not those of this machine.
    own_roots: bool,
}

/// Our certificate, and whether anybody wanted to see it.
#[derive(Debug)]
struct Shown {
    key: Option<Arc<CertifiedKey>>,
    was_asked: AtomicBool,
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

impl Client {
    pub(crate) fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let key = match identity(settings.certificate.as_deref(), settings.key.as_ref())? {
            None => None,
            Some((chain, key)) => Some(Arc::new(
                CertifiedKey::from_der(chain, key, &provider).map_err(refused)?,
            )),
        };
        let Trusted { roots, named } = trusted(settings.roots.as_deref())?;
        let verifier = Verifier {
            roots,
            named,
            name: settings.name.clone(),
            provider: Arc::clone(&provider),
        };
        let shown = Arc::new(Shown {
            key,
            was_asked: AtomicBool::new(false),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(shown.clone());
        Ok(Self {
            config: Arc::new(config),
            shown,
            own_roots: settings.roots.is_some(),
        })
    }

    /// Comes to an agreement with the far side of this connection. The error says what to do.
    pub(crate) async fn agree(&self, name: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("`{name}` cannot be the name of a certificate"))?;
        let connecting = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream);
        let mut stream = connecting.await.map_err(|error| self.why(&error))?;
        if self.shown.was_asked.load(Ordering::Relaxed)
            && let Ok(Err(error)) = tokio::time::timeout(VERDICT, verdict(&mut stream)).await
        {
            return Err(self.why(&error));
        }
        Ok(stream)
    }

    /// The same, to look at the far side and hang up.
    pub(crate) async fn examine(&self, name: &str, stream: TcpStream) -> Result<TlsReport, String> {
        let mut stream = self.agree(name, stream).await?;
        let report = TlsReport::of(
            stream.get_ref().1,
            self.own_roots,
            self.shown.was_asked.load(Ordering::Relaxed),
        );
        // It does not matter whether it hears that we hang up.
        let _ = stream.shutdown().await;
        report
    }

    /// Why no agreement was come to.
    fn why(&self, error: &io::Error) -> String {
        let was_asked = self.shown.was_asked.load(Ordering::Relaxed);
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => wants_certificate(),
            // Those who do not go on, without saying more (TLS 1.2), or without saying anything.
            Some(rustls::Error::AlertReceived(_)) | None if was_asked && self.shown.key.is_none() => {
                wants_certificate()
            }
            Some(rustls::Error::AlertReceived(_)) if was_asked => {
                "TLS: it refuses our certificate; show one that it knows with `tls.certificate`".into()
            }
            Some(error) => format!("TLS: {}", words::of(error)),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                "TLS: it closed the connection before anything was agreed on; check that it speaks TLS at this port"
                    .into()
            }
            None => format!("TLS: {error}"),
        }
    }
}

fn wants_certificate() -> String {
    "TLS: it wants to see a certificate of ours; set `tls.certificate` and `tls.key`".into()
}

/// Waits for what a far side says first, after it has seen our certificate or that we have none.
///
/// In TLS 1.3 the agreement is over for us before the far side has looked (RFC 8446, section 4.4.2.4):
/// without this, an INVITE would be sent to somebody who has hung up, and silence be all that is heard.
/// What it says is kept in the session, for whoever reads next.
async fn verdict(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let (stream, session) = stream.get_mut();
    if session.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(());
    }
    let mut said = [0; 4096];
    let length = loop {
        stream.readable().await?;
        match stream.try_read(&mut said) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => break read?,
        }
    };
    let mut said = &said[..length];
    while !said.is_empty() {
        session.read_tls(&mut said)?;
        session
            .process_new_packets()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    }
    Ok(())
}
