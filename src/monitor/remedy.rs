//! Explanations of a server's refusals, and what to do about them.

use super::place::ServerAddress;
use crate::store::StoreError;
use crate::store::remedy::{self, Wording};

/// How the monitor's options are called.
const WORDING: Wording = Wording {
    of_nodes: " (those of the nodes behind a sentinel are in that of --nodes, as redis://user:${PASSWORD}@nodes)",
    rights: "ACL SETUSER <user> +ping +info +client|setname +cluster|nodes +cluster|slots +sentinel",
    tls_ca: "--tls-ca",
    tls_cert: "--tls-cert",
    tls_key: "--tls-key",
    address_map: "--address-map ANNOUNCED=REACHABLE",
    or_mongodb: "",
};

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
    let is_late = ["timed out", "timeout", "no answer"].iter().any(|words| reason.contains(words));
    let late = || {
        is_late
            .then(|| "it did not answer in time: it may be stopped, overloaded, or behind a firewall".into())
    };
    match remedy::of(reason, &WORDING).or_else(late) {
        Some(remedy) => format!("{reason}: {remedy}"),
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
            ("NOAUTH: Authentication required.", "write them into the URL"),
            ("READONLY You can't write against a read only replica.", "its primary"),
            ("invalid peer certificate: UnknownIssuer", "as --tls-ca"),
            ("no answer for 2s", "behind a firewall"),
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
