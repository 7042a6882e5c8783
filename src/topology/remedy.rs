//! What to do about a server's refusal. The words of the server or the system come first in a message, and this follows.

use crate::store::{ErrorKind, StoreError};

/// Words by which a cause is known, and the remedy.
const KNOWN: &[(&[&str], &str)] = &[
    // Whoever said so has said what to do.
    (
        &[
            "ACL SETUSER",
            "`sentinels`",
            "node = ",
            "hotset needs Redis",
            "write directConnection=true",
            "leave replicaSet out",
        ],
        "",
    ),
    (
        &["NOAUTH", "requires authentication", "command requires authentication"],
        "it wants a user and a password: write them into the URL, as in redis://user:${PASSWORD}@host:6379",
    ),
    (
        &["without any password configured", "no password is set"],
        "it has no password: leave the user and the password out of the URL",
    ),
    (
        &["WRONGPASS", "invalid password", "refuses the user or the password"],
        "check the user and the password in the URL; ?, @, / and : are written %3F, %40, %2F and %3A there",
    ),
    (
        &["SCRAM failure", "Authentication failed", "AuthenticationFailed"],
        "check the user and the password in database.url, and that authSource names the database in which the user was made, as in ?authSource=admin",
    ),
    (
        &["not authorized on"],
        "give database.url a user who may do that: readWriteAnyDatabase is enough, and authSource names the database in which the user was made",
    ),
    (&["NOPERM"], "allow the user that; docs/own-servers.md has the smallest rights that are enough"),
    (
        &["CertificateRequired", "certificate required"],
        "it wants a certificate of this client: name its file as cache.tls_cert and that of its key as cache.tls_key",
    ),
    (
        &["NotValidForName", "certificate not valid for name"],
        "its certificate is of another name: write the host in the URL as the certificate has it",
    ),
    (&["certificate expired", "Expired"], "its certificate has expired: make a new one"),
    (
        &["UnknownIssuer", "UnknownCA", "BadSignature", "self-signed", "self signed", "CaUsedAsEndEntity"],
        "name the file with the certificates of the authority that signed the server's as cache.tls_ca (tlsCAFile in the URL of a MongoDB)",
    ),
    (
        &["InvalidContentType", "corrupt message", "wrong version number", "handshake eof"],
        "it does not speak TLS at this port: leave TLS out of the URL (redis://, no tls=true), or name its TLS port",
    ),
    (
        &["received fatal alert"],
        "it has refused this client's TLS: look at its log, and at cache.tls_cert and cache.tls_key",
    ),
    (
        &["not what a Redis answers"],
        "what listens there does not speak as Redis does without TLS: check the port, or write rediss:// where it speaks TLS",
    ),
    (
        &["max number of clients reached"],
        "raise its maxclients, or find out with CLIENT LIST who holds its connections",
    ),
    (&["LOADING"], "wait until it has read its dataset"),
    (
        &["unknown command 'SENTINEL'"],
        "what listens there is no sentinel: name sentinels, or use the topology \"single\" for it",
    ),
    (
        &["it is no primary"],
        "wait until its replica set has a primary (rs.status()), or make it one with rs.initiate()",
    ),
    (&["MISCONF"], "look at its log, and make room on its disk or mend its permissions"),
    (&["MASTERDOWN"], "look at the link between it and its primary"),
    (&["CLUSTERDOWN"], "wait until the cluster has healed, or mend it with redis-cli --cluster fix"),
    (&["Too many open files", "os error 24"], "allow this process more open files: ulimit -n 65536"),
    (
        &["by the word of"],
        "where that is an address that only the servers can reach, map it to one that is reached from here: address_map = { \"announced:port\" = \"reachable:port\" } in [cache]",
    ),
    (
        &[
            "failed to lookup address",
            "Name or service not known",
            "No address associated",
            "nodename nor servname",
        ],
        "nobody here knows the name of the host: check it",
    ),
    (&["Connection refused"], "nobody listens there: check the address, and that the server runs"),
    (&["No such file or directory"], "there is no socket of that path: check it, and that the server runs"),
    (&["Permission denied"], "this user may not open that socket: check its permissions (unixsocketperm)"),
    (
        &["No route to host", "Network is unreachable"],
        "there is no way from here to that host: check the network",
    ),
    (
        &["reset by peer", "Broken pipe", "broken pipe", "unexpected end of file", "early eof"],
        "it has closed the connection: check the port, and its log; where it speaks TLS, write rediss:// (?tls=true for a MongoDB)",
    ),
];

/// The remedy for a store's error, as the end of a message.
pub(super) fn of(error: &StoreError) -> String {
    let known = KNOWN.iter().find(|(words, _)| words.iter().any(|word| error.detail.contains(word)));
    let remedy = match (known, error.kind) {
        (Some((_, remedy)), _) => remedy,
        (None, ErrorKind::Denied) => "check the user and the password in the URL",
        (None, ErrorKind::Connection | ErrorKind::Timeout) if error.detail.contains("rediss://") => {
            "it may not speak TLS at this port (write redis:// then), or be stopped, overloaded or behind a firewall"
        }
        (None, ErrorKind::Connection | ErrorKind::Timeout) => {
            "it may be stopped, overloaded or behind a firewall: check that it can be reached from here"
        }
        (None, ErrorKind::OutOfMemory) => "give the server more memory, or another eviction policy",
        (None, _) => "",
    };
    if remedy.is_empty() { String::new() } else { format!("; {remedy}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(kind: ErrorKind, detail: &str) -> String {
        of(&StoreError::new(kind, detail))
    }

    #[test]
    fn a_refusal_has_the_remedy_of_its_cause_and_a_server_that_answered_is_never_said_to_be_down() {
        let cases = [
            (ErrorKind::Denied, "NOAUTH Authentication required.", "write them into the URL"),
            (
                ErrorKind::Denied,
                "WRONGPASS invalid username-password pair",
                "check the user and the password",
            ),
            (ErrorKind::Connection, "received fatal alert: CertificateRequired", "cache.tls_cert"),
            (ErrorKind::Connection, "invalid peer certificate: UnknownIssuer", "cache.tls_ca"),
            (
                ErrorKind::Connection,
                "invalid peer certificate: certificate not valid for name \"x\"",
                "another name",
            ),
            (
                ErrorKind::Connection,
                "Connection refused (os error 111) (it is a node by the word of the cluster at a:1, which announces it as b:2)",
                "address_map",
            ),
            (ErrorKind::Denied, "SCRAM failure: Authentication failed.", "authSource"),
            (ErrorKind::Connection, "failed to lookup address information", "name of the host"),
        ];
        for (kind, detail, part) in cases {
            let remedy = remedy(kind, detail);
            assert!(remedy.contains(part), "{detail}: {remedy}");
            assert!(!remedy.contains("check that it can be reached"), "{detail}: {remedy}");
        }
        assert!(remedy(ErrorKind::Timeout, "no answer within 5s").contains("behind a firewall"));
        let over_tls = StoreError::new(ErrorKind::Timeout, "at Redis rediss://h: timed out");
        assert!(of(&over_tls).contains("may not speak TLS"), "{over_tls:?}: {}", of(&over_tls));
        assert_eq!(remedy(ErrorKind::Denied, "may not get; ACL SETUSER shop +get"), "");
    }
}
