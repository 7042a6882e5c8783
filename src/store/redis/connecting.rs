//! The making of a connection that carries load: its stream, encrypted or not, and what the server is told first.

use std::sync::Arc;
use std::time::Duration;

use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, ProtocolVersion, RedisConnectionInfo, RedisError, cmd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::wire::Wire;

/// How TLS is spoken: which authorities are trusted.
///
/// # Errors
/// Returns an error if the certificates cannot be read.
pub(super) fn tls(root_certificates: Option<&[u8]>) -> Result<Arc<ClientConfig>, RedisError> {
    let mut roots = RootCertStore::empty();
    match root_certificates {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| misconfigured(&error.to_string()))?;
                roots.add(certificate)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// Connects and introduces itself. `timeout` is that of each answer, over the whole life of the connection.
///
/// # Errors
/// Returns errors of the network, of TLS and those by which the server refuses.
pub(super) async fn connect(
    info: &ConnectionInfo,
    tls: Option<&Arc<ClientConfig>>,
    timeout: Duration,
) -> Result<Wire, RedisError> {
    let wire = match (info.addr(), tls) {
        (ConnectionAddr::TcpTls { insecure: true, .. }, _) => {
            let why = "the URL ends in #insecure; leave that out, and name the authority of the server's certificate";
            return Err(misconfigured(why));
        }
        (ConnectionAddr::Tcp(host, port), _) => Wire::over(tcp(host, *port, timeout).await?, timeout),
        (ConnectionAddr::TcpTls { host, port, .. }, Some(tls)) => {
            let name = ServerName::try_from(host.clone())?;
            let stream = tcp(host, *port, timeout).await?;
            Wire::over(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?, timeout)
        }
        (ConnectionAddr::Unix(path), _) => Wire::over(UnixStream::connect(path).await?, timeout),
        (address, _) => return Err(misconfigured(&format!("{address} is no address to connect to"))),
    };
    introduce(&wire, info.redis_settings()).await?;
    Ok(wire)
}

async fn tcp(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, RedisError> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    // The kernel gives up a peer that vanished silently after waiting this long for an acknowledgement,
    // rather than after a quarter of an hour.
    #[cfg(target_os = "linux")]
    {
        let millis = u32::try_from((timeout * 2).as_millis()).unwrap_or(u32::MAX);
        rustix::net::sockopt::set_tcp_user_timeout(&stream, millis).map_err(std::io::Error::from)?;
    }
    Ok(stream)
}

/// Tells the server who connects and to which database.
async fn introduce(wire: &Wire, settings: &RedisConnectionInfo) -> Result<(), RedisError> {
    let mut needed = Vec::new();
    if settings.protocol() == ProtocolVersion::RESP3 {
        let mut hello = cmd("HELLO");
        hello.arg(3);
        if let Some(password) = settings.password() {
            hello.arg("AUTH").arg(settings.username().unwrap_or("default")).arg(password);
        }
        needed.push(hello);
    } else if let Some(password) = settings.password() {
        let mut authenticate = cmd("AUTH");
        authenticate.arg(settings.username()).arg(password);
        needed.push(authenticate);
    }
    if settings.db() != 0 {
        needed.push(cmd("SELECT").arg(settings.db()).clone());
    }
    let answers: Vec<_> = needed.iter().map(|command| wire.send(command)).collect::<Result<_, _>>()?;
    // Servers before 7.2 do not know it, and a user may lack the right: it only helps whoever lists the clients.
    let names: Vec<_> = [("LIB-NAME", env!("CARGO_PKG_NAME")), ("LIB-VER", env!("CARGO_PKG_VERSION"))]
        .map(|(name, value)| wire.send(&set_info(name, value)))
        .into_iter()
        .collect::<Result<_, _>>()?;
    for answer in answers {
        answer.await?;
    }
    for name in names {
        if let Err(error) = name.await
            && error.is_io_error()
        {
            return Err(error);
        }
    }
    Ok(())
}

fn set_info(name: &str, value: &str) -> Cmd {
    let mut command = cmd("CLIENT");
    command.arg("SETINFO").arg(name).arg(value);
    command
}

fn misconfigured(why: &str) -> RedisError {
    (ErrorKind::InvalidClientConfig, "cannot connect as this is set", why.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo as _;

    use super::*;

    #[tokio::test]
    async fn a_url_that_asks_for_servers_not_to_be_verified_is_refused_and_not_passed_over() {
        let info = "rediss://127.0.0.1:1/#insecure".into_connection_info().unwrap();
        let said = match connect(&info, Some(&tls(None).unwrap()), Duration::from_secs(1)).await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("nobody listens there"),
        };
        assert!(said.contains("#insecure; leave that out"), "{said}");
    }
}
