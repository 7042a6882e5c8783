//! The files by which servers and this client prove who they are.

use std::sync::Arc;

use super::settings::CacheSettings;
use crate::store::redis::check_tls;
use crate::store::redis::options::{ClientCertificate, Tls};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// The end of the first line of a private key, which may have the name of its kind before it.
const KEY: &str = "PRIVATE KEY-----";

/// Reads the files that the table `[cache]` names.
///
/// # Errors
/// Returns a sentence for the first that cannot be used.
pub fn read(settings: &CacheSettings) -> Result<Tls, String> {
    let faults = faults(settings);
    if let Some((key, fault)) = faults.into_iter().next() {
        return Err(format!("cache.{key}: {fault}"));
    }
    of_settings(settings)
}

fn of_settings(settings: &CacheSettings) -> Result<Tls, String> {
    let client = settings.tls_cert.as_deref().zip(settings.tls_key.as_deref());
    of_files(settings.tls_ca.as_deref(), client, settings.tls_insecure)
}

/// Reads the certificates of authorities, and the certificate of this client with its key.
///
/// # Errors
/// Returns a sentence for the first that cannot be read.
fn of_files(authorities: Option<&str>, client: Option<(&str, &str)>, insecure: bool) -> Result<Tls, String> {
    let authorities = authorities.map(|path| pem(path, CERTIFICATE)).transpose()?;
    let client = match client {
        None => None,
        Some((certificate, key)) => {
            Some(ClientCertificate { certificate: pem(certificate, CERTIFICATE)?, key: pem(key, KEY)? })
        }
    };
    Ok(Tls { authorities, client, insecure })
}

/// Reads the same for somebody who has no table `[cache]`, and tries it.
///
/// # Errors
/// Returns a sentence for the first file that cannot be used.
pub fn tried_of_files(
    authorities: Option<&str>,
    client: Option<(&str, &str)>,
    insecure: bool,
) -> Result<Tls, String> {
    let tls = of_files(authorities, client, insecure)?;
    check_tls(&tls).map_err(|(part, why)| {
        let path = match part {
            "tls_ca" => authorities,
            "tls_cert" => client.map(|(certificate, _)| certificate),
            _ => client.map(|(_, key)| key),
        };
        format!("{}: {why}", path.unwrap_or(part))
    })?;
    Ok(tls)
}

/// What is wrong with the files that the table `[cache]` names, each with its key.
#[must_use]
pub fn faults(settings: &CacheSettings) -> Vec<(&'static str, String)> {
    let CacheSettings { tls_ca, tls_cert, tls_key, tls_insecure, .. } = settings;
    let file = |key, path: &Option<String>, mark| {
        let fault = path.as_deref().and_then(|path| pem(path, mark).err());
        fault.map(|fault| (key, fault))
    };
    let mut faults: Vec<_> = [
        file("tls_ca", tls_ca, CERTIFICATE),
        file("tls_cert", tls_cert, CERTIFICATE),
        file("tls_key", tls_key, KEY),
    ]
    .into_iter()
    .flatten()
    .collect();
    match (tls_cert, tls_key) {
        (Some(_), None) => {
            faults.push(("tls_cert", "a certificate needs its key: name its file as tls_key".into()));
        }
        (None, Some(_)) => {
            faults.push(("tls_key", "a key needs its certificate: name its file as tls_cert".into()));
        }
        _ => {}
    }
    if *tls_insecure && tls_ca.is_some() {
        faults.push((
            "tls_insecure",
            "servers that are not verified need no tls_ca: leave one of both out".into(),
        ));
    }
    // What the files hold is tried once they are there.
    if faults.is_empty()
        && let Ok(tls) = of_settings(settings)
    {
        faults.extend(check_tls(&tls).err());
    }
    faults
}

/// Reads a file in PEM that holds what it should.
fn pem(path: &str, mark: &str) -> Result<Arc<[u8]>, String> {
    let bytes =
        std::fs::read(path).map_err(|error| format!("cannot read {path}: {error}; name a file in PEM"))?;
    let text = String::from_utf8_lossy(&bytes);
    if mark == KEY && text.contains("ENCRYPTED") {
        return Err(format!(
            "the key in {path} is encrypted; give one without a passphrase (openssl pkey -in {path})"
        ));
    }
    if !text.contains(mark) {
        let what = if mark == KEY { "private key" } else { "certificate" };
        return Err(format!("there is no {what} in {path}; name a file in PEM"));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(files: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = |key: &str| {
            let (name, text) = files.iter().find(|(name, _)| *name == key)?;
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path.display().to_string())
        };
        let (tls_ca, tls_cert, tls_key) = (path("tls_ca"), path("tls_cert"), path("tls_key"));
        faults(&CacheSettings { tls_ca, tls_cert, tls_key, ..CacheSettings::default() })
    }

    #[test]
    fn only_a_key_can_be_encrypted() {
        let about = "made with ENCRYPTED=no\n-----BEGIN CERTIFICATE-----\n";
        let faults = faults_of(&[("tls_ca", about)]);
        assert!(!faults[0].1.contains("passphrase"), "{faults:?}");
        let key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n";
        let faults = faults_of(&[("tls_cert", about), ("tls_key", key)]);
        assert!(faults[0].0 == "tls_key" && faults[0].1.contains("passphrase"), "{faults:?}");
    }

    #[test]
    fn a_certificate_that_is_none_inside_is_refused_at_its_key() {
        let broken = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        for text in [broken, "-----BEGIN CERTIFICATE-----\n"] {
            let faults = faults_of(&[("tls_ca", text)]);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].0 == "tls_ca" && !faults[0].1.contains("InvalidClientConfig"), "{faults:?}");
        }
    }
}
