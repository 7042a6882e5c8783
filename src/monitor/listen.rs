//! Serves the metrics over HTTP.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::MonitorError;
use super::prometheus::{self, Newest};

/// Connections served at once; more wait.
const AT_ONCE: usize = 32;
/// The longest time that a client may take to say what it wants.
const HEADER_BOUND: Duration = Duration::from_secs(5);
/// The longest time that a connection may stay, so that those who never leave do not keep others out.
const CONNECTION_BOUND: Duration = Duration::from_mins(5);

/// Reads `9121`, `127.0.0.1:9121` or `[::1]:9121`; without an address it is this machine alone.
///
/// # Errors
/// Says what is wrong with it.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "give a port, as 9121, or an address and a port, as 0.0.0.0:9121".into())
}

/// Takes the address, and says which it is: where port 0 was asked for, the system has chosen one.
///
/// # Errors
/// Where it cannot be had, with what to do.
pub async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), MonitorError> {
    let bound = TcpListener::bind(address).await.and_then(|listener| {
        let taken = listener.local_addr()?;
        Ok((listener, taken))
    });
    bound.map_err(|source| {
        let remedy = match source.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "another process listens there: end it (`ss -ltnp 'sport = :{port}'` shows which), or give another port, as --listen {other}",
                port = address.port(),
                other = address.port().checked_add(1).unwrap_or(9121),
            ),
            std::io::ErrorKind::PermissionDenied => "ports below 1024 are for the administrator: give a higher one".to_owned(),
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address: give one of its own, or 0.0.0.0 for all of them".to_owned(),
            _ => "give another address".to_owned(),
        };
        MonitorError::Listen { address, source, remedy }
    })
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, newest: Arc<Newest>) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let newest = Arc::clone(&newest);
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(CONNECTION_BOUND, serve_one(stream, newest)).await;
                    drop(place);
                });
            }
            Err(error) => {
                // As when there are too many open files; at once it would only fail again.
                tracing::warn!("a connection for metrics could not be taken: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve_one(stream: TcpStream, newest: Arc<Newest>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, &newest);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_BOUND)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection for metrics ended: {error}");
    }
}

fn answer(request: &Request<Incoming>, newest: &Arc<Newest>) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, prometheus::CONTENT_TYPE, prometheus::text_of(newest))
        }
        (&Method::GET | &Method::HEAD, "/") => {
            (StatusCode::OK, "text/plain; charset=utf-8", "hotset monitor: metrics are at /metrics\n".into())
        }
        (&Method::GET | &Method::HEAD, _) => {
            (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "metrics are at /metrics\n".into())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "ask with GET\n".into()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_this_machine_alone() {
        assert_eq!(address("9121").unwrap().to_string(), "127.0.0.1:9121");
        assert_eq!(address("0.0.0.0:9121").unwrap().to_string(), "0.0.0.0:9121");
        assert_eq!(address("[::1]:9121").unwrap().to_string(), "[::1]:9121");
        assert!(address("nonsense").unwrap_err().contains("0.0.0.0:9121"));
        assert!(address("70000").is_err());
    }
}
