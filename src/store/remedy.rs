//! What to do about a server's refusal, by the words of the server or the system. Run and monitor share it; what the user
//! writes is called differently in both.

/// How what the user writes is called where an error is told.
#[derive(Debug, Clone, Copy)]
pub struct Wording {
    /// What follows the advice to give a user and a password.
    pub of_nodes: &'static str,
    /// Where the smallest rights that are enough can be found.
    pub rights: &'static str,
    /// The setting of the authority of the servers' certificates.
    pub tls_ca: &'static str,
    /// The setting of this client's certificate.
    pub tls_cert: &'static str,
    /// The setting of the key of that certificate.
    pub tls_key: &'static str,
    /// How an announced address is mapped to one that is reached.
    pub address_map: &'static str,
    /// What follows the advice to use TLS.
    pub or_mongodb: &'static str,
}

/// Words by which a cause is known, and the remedy, in which `{name}` stands for a field of [`Wording`]. The first row
/// that fits counts.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &["NOAUTH", "requires authentication", "command requires authentication"],
        "it wants a user and a password: write them into the URL, as in redis://user:${PASSWORD}@host:6379{of_nodes}",
    ),
    (
        &["without any password configured", "no password is set"],
        "it has no password: leave the user and the password out of the URL{of_nodes}",
    ),
    (
        &["WRONGPASS", "invalid password", "refuses the user or the password"],
        "check the user and the password in the URL{of_nodes}; ?, @, / and : are written %3F, %40, %2F and %3A there",
    ),
    (
        &["SCRAM failure", "Authentication failed", "AuthenticationFailed"],
        "check the user and the password in database.url, and that authSource names the database in which the user was made, as in ?authSource=admin",
    ),
    (
        &["to execute command drop"],
        "what a run writes would stay there: give database.url a user who may drop collections (dropCollection), for which readWriteAnyDatabase is enough, and authSource names the database in which the user was made",
    ),
    (
        &["not authorized on"],
        "give database.url a user who may do that: readWriteAnyDatabase is enough, and authSource names the database in which the user was made",
    ),
    (&["NOPERM", "no permissions"], "allow the user that; {rights}"),
    (
        &["CertificateRequired", "certificate required"],
        "it wants a certificate of this client: name its file as {tls_cert} and that of its key as {tls_key}",
    ),
    (
        &["NotValidForName", "certificate not valid for name"],
        "its certificate is of another name: write the host in the URL as the certificate has it",
    ),
    (&["certificate expired", "Expired"], "its certificate has expired: make a new one"),
    (
        &["UnknownIssuer", "UnknownCA", "BadSignature", "self-signed", "self signed", "CaUsedAsEndEntity"],
        "name the file with the certificates of the authority that signed the server's as {tls_ca}",
    ),
    (
        &["InvalidContentType", "corrupt message", "wrong version number", "handshake eof"],
        "it does not speak TLS at this port: leave TLS out of the URL (redis://, no tls=true), or name its TLS port",
    ),
    (
        &["received fatal alert"],
        "it has refused this client's TLS: look at its log, and at {tls_cert} and {tls_key}",
    ),
    (
        &["not what a Redis answers"],
        "what listens there does not speak as Redis does without TLS: check the port, or write rediss:// where it speaks TLS",
    ),
    (
        &["max number of clients reached"],
        "it takes no more connections: raise its maxclients, or find out with CLIENT LIST who holds them",
    ),
    (&["LOADING"], "it is reading its dataset: wait until that is done"),
    (&["READONLY"], "it is a replica, which takes no writes: give the address of its primary"),
    (
        &["unknown command 'SENTINEL'"],
        "what listens there is no sentinel: name sentinels, or use the topology \"single\" for it",
    ),
    (
        &["it is no primary"],
        "wait until its replica set has a primary (rs.status()), or make it one with rs.initiate()",
    ),
    (
        &["MISCONF"],
        "it refuses writes, since it could not save its dataset: look at its log, and make room on its disk or mend its permissions",
    ),
    (
        &["MASTERDOWN"],
        "it has lost its primary and may not answer with old data: look at the link between them",
    ),
    (&["CLUSTERDOWN"], "wait until the cluster has healed, or mend it with redis-cli --cluster fix"),
    (
        &["Too many open files", "os error 24"],
        "have the hard limit of this process' open files raised: limits.conf and a new login, LimitNOFILE= of a service, or docker run --ulimit nofile=65536",
    ),
    (
        &["by the word of"],
        "where that is an address that only the servers can reach, map it to one that is reached from here: {address_map}",
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
        &[
            "reset by peer",
            "Broken pipe",
            "broken pipe",
            "unexpected end of file",
            "UnexpectedEof",
            "early eof",
        ],
        "it has closed the connection: check the port, and its log; where it speaks TLS, write rediss://{or_mongodb}",
    ),
];

/// The remedy for what a server, the system or a driver has said, where one is known.
#[must_use]
pub fn of(said: &str, wording: &Wording) -> Option<String> {
    let (_, remedy) = KNOWN.iter().find(|(words, _)| words.iter().any(|word| said.contains(word)))?;
    let fields = [
        ("{of_nodes}", wording.of_nodes),
        ("{rights}", wording.rights),
        ("{tls_ca}", wording.tls_ca),
        ("{tls_cert}", wording.tls_cert),
        ("{tls_key}", wording.tls_key),
        ("{address_map}", wording.address_map),
        ("{or_mongodb}", wording.or_mongodb),
    ];
    Some(fields.into_iter().fold((*remedy).to_owned(), |text, (name, words)| text.replace(name, words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remedy_names_what_the_user_writes_by_the_name_that_it_has_there() {
        let wording = Wording {
            of_nodes: "<nodes>",
            rights: "<rights>",
            tls_ca: "<ca>",
            tls_cert: "<cert>",
            tls_key: "<key>",
            address_map: "<map>",
            or_mongodb: "<mongodb>",
        };
        let all: Vec<String> = KNOWN.iter().map(|(words, _)| of(words[0], &wording).unwrap()).collect();
        let all = all.join("\n").replace("${PASSWORD}", "");
        for field in ["<nodes>", "<rights>", "<ca>", "<cert>", "<key>", "<map>", "<mongodb>"] {
            assert!(all.contains(field), "{field} in {all}");
        }
        assert!(!all.contains('{'), "{all}");
        assert_eq!(of("something else", &wording), None);
    }
}
