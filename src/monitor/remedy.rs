//! Explanations of a server's refusals, and what to do about them.

use super::place::ServerAddress;
use crate::store::StoreError;

/// The words by which a refusal is known, what it means, and what to do.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &["NOAUTH"],
        "it wants a password: give it in the URL, as in redis://user:${PASSWORD}@host:port, and that of the nodes behind a sentinel with --nodes redis://user:${PASSWORD}@nodes",
    ),
    (
        &["WRONGPASS", "invalid password", "refuses the user or the password"],
        "it refuses the user or the password: check both in the URL, or in that of --nodes for nodes behind a sentinel; characters such as @ and / are written %40 and %2F there",
    ),
    (
        &["without any password configured"],
        "it has no password: leave the user and the password out of the URL, and with sentinels give those of the nodes with --nodes",
    ),
    (
        &["NOPERM", "no permissions"],
        "this user may not ask that: allow it with ACL SETUSER <user> +ping +info +client|setname +cluster|nodes +cluster|slots +sentinel",
    ),
    (&["LOADING"], "it is reading its dataset: wait until that is done"),
    (
        &["MISCONF"],
        "it refuses writes, since it could not save its dataset: look at its log, make room on its disk or mend its permissions",
    ),
    (
        &["MASTERDOWN"],
        "it has lost its primary and may not answer with old data: look at the link between them",
    ),
    (
        &["max number of clients reached"],
        "it takes no more connections: raise maxclients, or find out who holds them with CLIENT LIST",
    ),
    (
        &["by the word of"],
        "where only the servers reach that address, map it to one that is reached from here with --address-map ANNOUNCED=REACHABLE",
    ),
    (&["Connection refused"], "nobody listens there: check the address, and that the server is running"),
    (
        &["failed to lookup address", "Name or service not known", "No address associated"],
        "the name of the host is not known: check it",
    ),
    (
        &["No route to host", "Network is unreachable"],
        "there is no way to the host from here: check the network",
    ),
    (
        &["CertificateRequired", "certificate required"],
        "it wants a certificate of its clients: name yours with --tls-cert and its key with --tls-key",
    ),
    (
        &["NotValidForName", "certificate not valid for name"],
        "its certificate is of another name: write the host in the URL as the certificate has it",
    ),
    (
        &[
            "InvalidContentType",
            "corrupt message",
            "UnknownIssuer",
            "invalid peer certificate",
            "CertNotValid",
        ],
        "the two do not agree on TLS: use rediss:// where the server speaks TLS with a certificate of a known authority, or of the one that --tls-ca names, and redis:// where it does not",
    ),
    (&["not what a Redis answers"], "what listens there does not speak as Redis does: check the port"),
    (
        &["reset by peer", "Broken pipe", "unexpected end of file", "UnexpectedEof"],
        "it closed the connection: where it speaks TLS, use rediss://, and otherwise look at its log",
    ),
    (
        &["timed out", "timeout", "no answer"],
        "it did not answer in time: it may be stopped, overloaded, or behind a firewall",
    ),
];

/// The words of those that waiting does not mend.
const DENIED: &[&str] =
    &["NOAUTH", "WRONGPASS", "refuses the user or the password", "without any password configured", "NOPERM"];

/// Why a server's answer is an error, with a remedy, in a line. Which server it is stands beside it wherever it is shown.
#[must_use]
pub fn message(error: &StoreError, place: &ServerAddress) -> String {
    let detail = error.detail.replacen(&format!(" at Redis {}", place.url), "", 1);
    with_remedy(&detail.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The reason with what it means and what to do, where that is known.
#[must_use]
pub fn with_remedy(reason: &str) -> String {
    match KNOWN.iter().find(|(words, _)| words.iter().any(|word| reason.contains(word))) {
        Some((_, remedy)) => format!("{reason}: {remedy}"),
        None => reason.to_owned(),
    }
}

/// Returns true if it is a refusal of the user or the password, which is the same at every attempt.
#[must_use]
pub fn is_denied(reason: &str) -> bool {
    DENIED.iter().any(|word| reason.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_a_remedy() {
        for (reason, remedy) in [
            ("NOAUTH: Authentication required.", "give it in the URL"),
            ("MISCONF: Errors writing to the AOF file", "make room on its disk"),
            ("LOADING: Redis is loading the dataset in memory", "wait until"),
            ("NOPERM: this user has no permissions", "ACL SETUSER"),
            ("Connection refused (os error 111)", "nobody listens there"),
        ] {
            let told = with_remedy(reason);
            assert!(told.starts_with(reason) && told.contains(remedy), "{told}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_as_it_is() {
        assert_eq!(with_remedy("ERR something else"), "ERR something else");
    }

    #[test]
    fn a_reason_is_one_line_without_the_url_that_stands_beside_it() {
        let place = ServerAddress::new(
            crate::store::SecretUrl::new("redis://user:secret@host:1"),
            std::sync::Arc::default(),
        );
        let detail = format!("connecting at Redis {}: odd\nand odder", place.url);
        let error = StoreError::new(crate::store::ErrorKind::Other, detail);
        assert_eq!(message(&error, &place), "connecting: odd and odder");
    }

    #[test]
    fn only_a_refused_user_is_beyond_waiting() {
        assert!(is_denied("WRONGPASS: invalid username-password pair") && is_denied("NOAUTH: …"));
        assert!(!is_denied("Connection refused") && !is_denied("LOADING"));
    }
}
