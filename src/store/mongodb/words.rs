//! What a MongoDB, the system or the driver says, without the driver's debug output.

use std::net::Ipv6Addr;

use mongodb::error::{Error, ErrorKind as Cause, WriteFailure};

use crate::store::secret::SecretUrl;

/// The words of an error.
#[must_use]
pub fn words(error: &Error, uri: &SecretUrl) -> String {
    let said = match error.kind.as_ref() {
        Cause::Command(command) if command.code_name.is_empty() => without_command(&command.message),
        Cause::Command(command) => format!("{} ({})", without_command(&command.message), command.code_name),
        Cause::Write(WriteFailure::WriteError(write)) => write.message.clone(),
        Cause::Write(WriteFailure::WriteConcernError(concern)) => concern.message.clone(),
        Cause::ServerSelection { message, .. } => {
            no_server(message, uri).unwrap_or_else(|| NOT_OF_THE_SET.into())
        }
        Cause::ConnectionPoolCleared { message, .. } => undebugged(message),
        Cause::Io(error) => error.to_string(),
        kind => kind.to_string(),
    };
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A refusal with the name of the command in place of all of it.
fn without_command(message: &str) -> String {
    const BEFORE: &str = "to execute command ";
    let Some((before, command)) = message.split_once(BEFORE) else { return message.to_owned() };
    let name = command.trim_start_matches(['{', ' ']).split([':', ' ']).next().unwrap_or_default();
    format!("{before}{BEFORE}{name}")
}

/// Why no server is left to choose from: the driver drops those whose set has another name.
const NOT_OF_THE_SET: &str = "no server that the URL names belongs to the replica set that it names; leave replicaSet out of the URL, or write the set's own name (rs.status().set)";

/// How a URL begins that names no server but a record of DNS.
const SRV: &str = "mongodb+srv://";

/// A server as the driver last saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SeenServer {
    address: String,
    /// `Unknown`, `RsPrimary`, `RsSecondary` and so on.
    kind: String,
    /// Why it could not be asked, where it could not.
    error: Option<String>,
}

/// Reads the servers in the driver's message that it has found none that fits.
fn servers_in(message: &str) -> Vec<SeenServer> {
    let server = |text: &str| {
        let (address, rest) = text.split_once(", Type: ")?;
        let kind = rest.split([',', ' ']).next()?.to_owned();
        let error = rest.split_once("Error: ").map(|(_, error)| undebugged(error));
        Some(SeenServer { address: address.to_owned(), kind, error })
    };
    message.split("{ Address: ").skip(1).filter_map(server).collect()
}

/// The kind of an error in the driver's debug output, in which labels and bytes follow it.
fn undebugged(text: &str) -> String {
    let text = text.rsplit_once("Kind: ").map_or(text, |(_, kind)| kind);
    let end = text.find(", labels: ").unwrap_or(text.len());
    text[..end].trim_end_matches(['}', ']', ' ', ',']).trim_start_matches("I/O error: ").to_owned()
}

/// An address in one form: the driver writes hosts in small letters, IPv6 addresses without brackets, and always the port.
fn in_one_form(address: &str) -> String {
    const PORT: &str = "27017";
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(PORT)),
        None => address.rsplit_once(':').unwrap_or((address, PORT)),
    };
    let host = host.parse::<Ipv6Addr>().map_or_else(|_| host.to_lowercase(), |address| address.to_string());
    format!("{host}:{port}")
}

/// Why no server can be used, by the driver's message; `None` if that names none.
fn no_server(message: &str, uri: &SecretUrl) -> Option<String> {
    let servers = servers_in(message);
    // Only of a set whose name is known has a member told the addresses, and a name of SRV is that of no server.
    let is_srv = uri.expose().get(..SRV.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SRV));
    let are_advertised = message.contains("Set Name: ") && !is_srv;
    let is_named = |server: &SeenServer| {
        let address = in_one_form(&server.address);
        !are_advertised || uri.host_and_port().split(',').any(|host| in_one_form(host) == address)
    };
    let state = |server: &SeenServer| match (&server.error, server.kind.as_str()) {
        (Some(error), _) => error.clone(),
        (None, "Unknown") => "it did not answer in time".into(),
        (None, kind) => format!("it is no primary but {kind}"),
    };
    if let Some(foreign) = servers.iter().find(|server| !is_named(server) && server.error.is_some()) {
        return Some(format!(
            "the replica set advertises {}, which cannot be reached from here: {}; write directConnection=true in the URL to use the one node that it names, or let the members advertise addresses that are reached from here (rs.reconfig)",
            foreign.address,
            state(foreign)
        ));
    }
    let each: Vec<_> =
        servers.iter().map(|server| format!("{}: {}", server.address, state(server))).collect();
    (!each.is_empty()).then(|| each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: 127.0.0.1:1, Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {}, source: None, server response: None } ] }";
    const ADVERTISED: &str = "Server selection timeout: No available servers. Topology: { Type: ReplicaSetNoPrimary, Set Name: rs0, Servers: [ { Address: mongo:27117, Type: Unknown, Error: Kind: I/O error: failed to lookup address information: Name or service not known, labels: {}, source: None, server response: None } ] }";

    #[test]
    fn of_a_server_that_was_not_found_the_cause_is_told_and_no_debug_output() {
        let uri = SecretUrl::new("mongodb://127.0.0.1:1");
        let told = no_server(REFUSED, &uri).unwrap();
        assert_eq!(told, "127.0.0.1:1: Connection refused (os error 111)");
    }

    #[test]
    fn a_host_that_only_the_set_knows_is_told_with_a_direct_connection() {
        let uri = SecretUrl::new("mongodb://127.0.0.1:27117/?replicaSet=rs0");
        let told = no_server(ADVERTISED, &uri).unwrap();
        assert!(
            told.contains("advertises mongo:27117, which cannot be reached from here: failed to lookup"),
            "{told}"
        );
        assert!(told.contains("directConnection=true") && !told.contains("labels"), "{told}");
        let named = no_server(ADVERTISED, &SecretUrl::new("mongodb://mongo:27117")).unwrap();
        assert!(named.starts_with("mongo:27117: failed to lookup"), "{named}");
    }

    #[test]
    fn a_host_that_the_url_names_in_another_way_is_not_said_to_be_advertised() {
        for (url, address) in [
            ("mongodb://Mongo.Example/?replicaSet=rs0", "mongo.example:27017"),
            ("mongodb://user:pw@[::1]:27117", "::1:27117"),
            ("mongodb://[0:0:0:0:0:0:0:1]", "::1:27017"),
            ("mongodb+srv://cluster.example", "shard-00.cluster.example:27017"),
        ] {
            let message = ADVERTISED.replace("mongo:27117", address);
            let told = no_server(&message, &SecretUrl::new(url)).unwrap();
            assert!(told.starts_with(&format!("{address}: failed to lookup")), "{url}: {told}");
        }
        // No member has told anything yet.
        let unknown = ADVERTISED.replace("Set Name: rs0, ", "");
        let told = no_server(&unknown, &SecretUrl::new("mongodb://other:27117")).unwrap();
        assert!(!told.contains("advertises"), "{told}");
    }

    #[test]
    fn a_refused_command_is_told_by_its_name() {
        let told = without_command(
            "not authorized on shop to execute command { drop: \"products\", lsid: { id: UUID(\"17\") } }",
        );
        assert_eq!(told, "not authorized on shop to execute command drop");
        assert_eq!(without_command("something else"), "something else");
    }

    #[test]
    fn a_server_of_another_role_is_told_by_its_role() {
        let text = "Topology: { Servers: [ { Address: a:1, Type: RsSecondary, Average RTT: 1ms } ] }";
        let told = no_server(text, &SecretUrl::new("mongodb://a:1")).unwrap();
        assert_eq!(told, "a:1: it is no primary but RsSecondary");
        assert_eq!(no_server("nothing of the kind", &SecretUrl::new("mongodb://a:1")), None);
    }
}
