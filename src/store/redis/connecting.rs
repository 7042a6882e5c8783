//! The making of a connection that carries load: its stream, encrypted or not, and what the server is told first.

use std::sync::Arc;
use std::time::Duration;

use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, ProtocolVersion, RedisConnectionInfo, RedisError, cmd,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::options::Tls;
use super::wire::Wire;

/// How TLS is spoken: which authorities are trusted, if servers are verified at all, and by which certificate servers
/// know this client.
///
/// # Errors
/// Returns an error if the certificates or the key cannot be read.
pub(super) fn tls(options: &Tls) -> Result<Arc<ClientConfig>, RedisError> {
    config(options).map(Arc::new).map_err(|(part, why)| misconfigured(&format!("{part}: {why}")))
}

/// The part of the settings of TLS that cannot be used, by its name in the table `[cache]`, and why.
type UnusablePart = (&'static str, String);

/// Tries the certificates and the key before anything is connected to.
///
/// # Errors
/// Returns the first part that cannot be used.
pub fn check_tls(options: &Tls) -> Result<(), UnusablePart> {
    config(options).map(drop)
}

fn config(options: &Tls) -> Result<ClientConfig, UnusablePart> {
    // The second call finds it installed and fails.
    let _ = ring::default_provider().install_default();
    let builder = ClientConfig::builder();
    let verified = if options.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(ring::default_provider())))
    } else {
        let mut roots = RootCertStore::empty();
        match &options.authorities {
            Some(pem) => {
                let part = |why| ("tls_ca", why);
                for certificate in certificates(pem).map_err(part)? {
                    roots.add(certificate).map_err(|error| part(error.to_string()))?;
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        builder.with_root_certificates(roots)
    };
    let Some(client) = &options.client else { return Ok(verified.with_no_client_auth()) };
    let key = PrivateKeyDer::from_pem_slice(&client.key);
    let key = key.map_err(|error| ("tls_key", format!("the key cannot be read: {error}")))?;
    let chain = certificates(&client.certificate).map_err(|why| ("tls_cert", why))?;
    let pair = verified.with_client_auth_cert(chain, key);
    pair.map_err(|error| ("tls_key", format!("the key and the certificate cannot be used together: {error}")))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(read) if read.is_empty() => Err("there is no whole certificate in it".into()),
        Ok(read) => Ok(read),
        Err(error) => Err(format!("the certificates cannot be read: {error}")),
    }
}

/// Takes any server for the one that it says it is. Signatures are still checked, as TLS is none without them.
#[derive(Debug)]
struct Unverified(CryptoProvider);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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

pub(super) fn misconfigured(why: &str) -> RedisError {
    (ErrorKind::InvalidClientConfig, "cannot connect as this is set", why.to_owned()).into()
}
