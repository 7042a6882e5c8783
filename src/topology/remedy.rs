//! What to do about a server's refusal. The words of the server or the system come first in a message, and this follows.

use crate::store::remedy::{self, Wording};
use crate::store::{ErrorKind, StoreError};

/// How a scenario calls what the user writes.
const WORDING: Wording = Wording {
    of_nodes: "",
    rights: "docs/own-servers.md has the smallest rights that are enough",
    tls_ca: "cache.tls_ca (tlsCAFile in the URL of a MongoDB)",
    tls_cert: "cache.tls_cert",
    tls_key: "cache.tls_key",
    address_map: "address_map = { \"announced:port\" = \"reachable:port\" } in [cache]",
    or_mongodb: " (?tls=true for a MongoDB)",
};

/// Words of hotset's own, behind which stands what to do.
const HAVE_SAID: &[&str] = &[
    "ACL SETUSER",
    "`sentinels`",
    "node = ",
    "hotset needs Redis",
    "connect past it",
    "write directConnection=true",
    "leave replicaSet out",
];

/// The remedy for a store's error, as the end of a message.
#[must_use]
pub fn of(error: &StoreError) -> String {
    if HAVE_SAID.iter().any(|words| error.detail.contains(words)) {
        return String::new();
    }
    let known = remedy::of(&error.detail, &WORDING);
    let remedy = known.unwrap_or_else(|| of_kind(error).to_owned());
    if remedy.is_empty() { remedy } else { format!("; {remedy}") }
}

fn of_kind(error: &StoreError) -> &'static str {
    match error.kind {
        ErrorKind::Denied => "check the user and the password in the URL",
        ErrorKind::Connection | ErrorKind::Timeout if error.detail.contains("rediss://") => {
            "it may not speak TLS at this port (write redis:// then), or be stopped, overloaded or behind a firewall"
        }
        ErrorKind::Connection | ErrorKind::Timeout => {
            "it may be stopped, overloaded or behind a firewall: check that it can be reached from here"
        }
        ErrorKind::OutOfMemory => "give the server more memory, or another eviction policy",
        _ => "",
    }
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
