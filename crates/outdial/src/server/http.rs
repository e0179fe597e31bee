//! Serves HTTP: bounded in connections, and not waiting for ever for those who say nothing.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// More connections than these wait to be accepted.
const MOST_CONNECTIONS: usize = 2_000;
/// How long the head of a request may take, from the first byte or from the last answer.
const HEAD: Duration = Duration::from_secs(30);
/// How long to wait when the system accepts no connection, because it has no more descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// How long requests under way get to end when the server stops.
const ENDING: Duration = Duration::from_secs(1);

/// How long a client may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves until it is told to stop.
pub(super) async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) {
    serve_by(listener, None, router, stopping).await;
}

/// The same over TLS.
pub(super) async fn serve_tls(listener: TcpListener, tls: TlsAcceptor, router: Router, stopping: CancellationToken) {
    serve_by(listener, Some(tls), router, stopping).await;
}

async fn serve_by(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router, stopping: CancellationToken) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let under_way = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&room).acquire_owned().await.ok();
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = stopping.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        // Answers are small and waited for.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone().layer(Extension(ConnectInfo(peer))));
        let (builder, watcher, tls) = (builder.clone(), under_way.watcher(), tls.clone());
        tokio::spawn(async move {
            let ended = match tls {
                None => {
                    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
                    watcher.watch(connection).await
                }
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
                        watcher.watch(connection).await
                    }
                    Ok(Err(error)) => Err(error.into()),
                    Err(_) => Err("no keys were agreed on in time".into()),
                },
            };
            if let Err(error) = ended {
                tracing::debug!(error, %peer, "a connection ended badly");
            }
            drop(permit);
        });
    }
    // Clients that hold their connections open get a moment, not more.
    let _ = tokio::time::timeout(ENDING, under_way.shutdown()).await;
}
