//! A Redis that speaks only TLS, with a certificate of the tests' own authority.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;

/// A Redis that speaks only TLS, with a user `shop` of limited rights whose password is `s3cret-pass`.
pub struct Secured {
    _directory: tempfile::TempDir,
    process: std::process::Child,
    pub port: u16,
    /// The certificate of the authority that signed the server's.
    pub authority: PathBuf,
    /// That of another authority.
    pub other_authority: PathBuf,
    /// A certificate of a client, signed by the authority, and its key.
    pub client: [PathBuf; 2],
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Secured {
    /// Starts it and waits until it listens.
    pub fn start() -> Self {
        Self::start_with("no")
    }

    /// Starts one that knows its clients by their certificates (`yes`) or does not look (`no`).
    pub fn start_with(tls_auth_clients: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let authority = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            let certificate = params.self_signed(&key).unwrap();
            (rcgen::Issuer::new(params, key), certificate.pem())
        };
        let (issuer, pem) = authority("hotset tests");
        let (_, other_pem) = authority("somebody else");
        std::fs::write(at("ca.pem"), pem).unwrap();
        std::fs::write(at("other.pem"), other_pem).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(at("server.pem"), certificate.pem()).unwrap();
        std::fs::write(at("server.key"), key.serialize_pem()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["shop".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(at("client.pem"), certificate.pem()).unwrap();
        std::fs::write(at("client.key"), key.serialize_pem()).unwrap();
        let port = hotset::topology::servers::free_port().unwrap();
        let program = hotset::topology::servers::find_redis_server().unwrap().path;
        let process = std::process::Command::new(program)
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--tls-auth-clients",
                tls_auth_clients,
                "--tls-port",
                &port.to_string(),
            ])
            .args(["--dir", directory.path().to_str().unwrap()])
            .args(["--tls-cert-file", at("server.pem").to_str().unwrap()])
            .args(["--tls-key-file", at("server.key").to_str().unwrap()])
            .args(["--tls-ca-cert-file", at("ca.pem").to_str().unwrap()])
            .args(["--user", "default", "off"])
            .args(["--user", "shop", "on", ">s3cret-pass", "~hotset*", "+@all"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let (authority, other_authority) = (at("ca.pem"), at("other.pem"));
        let client = [at("client.pem"), at("client.key")];
        let server = Self { _directory: directory, process, port, authority, other_authority, client };
        super::eventually("the server listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        server
    }
}
