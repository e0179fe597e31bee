use super::certificates::{Certificates, Shown};
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Takes TLS off what comes and hands it on over TCP, for a far side that speaks none itself.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    agreed: AtomicUsize,
    failed: AtomicUsize,
}

impl TlsFront {
    /// Listens at a port of 127.0.0.1 (0 for any) with this certificate, and hands on to `behind`.
    ///
    /// # Errors
    ///
    /// When the port is taken or the certificate cannot be read.
    pub async fn start(port: u16, behind: SocketAddr, certificates: &Certificates, shown: Shown) -> Result<Self> {
        Self::listen(port, behind, certificates, shown, false).await
    }

    /// The same, for clients only that show a certificate of the root.
    ///
    /// # Errors
    ///
    /// As [`TlsFront::start`].
    pub async fn for_known_clients(port: u16, behind: SocketAddr, certificates: &Certificates) -> Result<Self> {
        Self::listen(port, behind, certificates, Shown::Right, true).await
    }

    async fn listen(
        port: u16,
        behind: SocketAddr,
        certificates: &Certificates,
        shown: Shown,
        clients: bool,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("listen at port {port}"))?;
        let address = listener.local_addr().context("see where it listens")?;
        let acceptor = TlsAcceptor::from(Arc::new(configuration(certificates, shown, clients)?));
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(serve(listener, acceptor, behind, Arc::clone(&counts)));
        Ok(Self { address, counts, task })
    }

    /// Where it takes TLS.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections came to an agreement.
    #[must_use]
    pub fn agreed(&self) -> usize {
        self.counts.agreed.load(Ordering::Relaxed)
    }

    /// How many did not.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.counts.failed.load(Ordering::Relaxed)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn configuration(certificates: &Certificates, shown: Shown, clients: bool) -> Result<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(certificates.certificate(shown)).context("read the certificate")?];
    let key = PrivateKeyDer::from_pem_file(certificates.key(shown)).context("read its key")?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("agree on versions of TLS")?;
    let builder = if clients {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(certificates.root()).context("read the root")?)
            .context("trust the root")?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .context("ask clients for certificates")?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    builder.with_single_cert(chain, key).context("use the certificate")
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, behind: SocketAddr, counts: Arc<Counts>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, counts) = (acceptor.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            // What goes through waits for nothing, in either direction.
            let _ = stream.set_nodelay(true);
            let Ok(mut inside) = acceptor.accept(stream).await else {
                counts.failed.fetch_add(1, Ordering::Relaxed);
                return;
            };
            counts.agreed.fetch_add(1, Ordering::Relaxed);
            if let Ok(mut plain) = TcpStream::connect(behind).await {
                let _ = plain.set_nodelay(true);
                // A connection that breaks is what a far side may do at any time.
                let _ = tokio::io::copy_bidirectional(&mut inside, &mut plain).await;
            }
        });
    }
}
