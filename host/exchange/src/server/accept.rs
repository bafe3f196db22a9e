//! Takes connections in: one task each, bounded in number, in what they may send before a
//! request is whole, and in how long they may say nothing.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::routes::{self, Doors, Peer};

/// What one connection may take up before its request is whole.
const LARGEST_HEAD: usize = 64 * 1024;
/// When the machine has no more sockets, this long passes before the next try.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until the stop is told.
pub(super) async fn serve(listener: TcpListener, doors: Doors) {
    let room = Arc::new(Semaphore::new(doors.settings.most_connections));
    let mut stop = doors.stop.clone();
    loop {
        let accepted = tokio::select! {
            // An error means that the handle was dropped, which also ends the server.
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // One too many is let go at once: those that are here go on.
                if let Ok(room) = Arc::clone(&room).try_acquire_owned() {
                    tokio::spawn(connection(stream, doors.clone(), room));
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken in");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, doors: Doors, room: OwnedSemaphorePermit) {
    let Ok(address) = stream.peer_addr() else {
        return;
    };
    // Small answers must not wait for larger ones. Without it they are only slower.
    let _ = stream.set_nodelay(true);
    let mut stop = doors.stop.clone();
    let idle = doors.settings.idle_within;
    let peer = Peer { address, room: Arc::new(room) };
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        routes::answer(doors.clone(), peer.clone(), request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(LARGEST_HEAD)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Timeouts, resets, nonsense and faults: the peer's affair.
        tracing::debug!(%error, %address, "a connection broke off");
    }
}
