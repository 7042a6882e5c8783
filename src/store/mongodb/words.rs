//! What a MongoDB, the system or the driver says, without the driver's debug output.

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
            no_server(&servers_in(message), uri).unwrap_or_else(|| NOT_OF_THE_SET.into())
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

/// Why no server can be used; `None` if the driver names none.
fn no_server(servers: &[SeenServer], uri: &SecretUrl) -> Option<String> {
    let is_named = |server: &SeenServer| {
        let hosts = uri.host_and_port();
        hosts.split(',').any(|host| host == server.address || format!("{host}:27017") == server.address)
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
        let told = no_server(&servers_in(REFUSED), &uri).unwrap();
        assert_eq!(told, "127.0.0.1:1: Connection refused (os error 111)");
    }

    #[test]
    fn a_host_that_only_the_set_knows_is_told_with_a_direct_connection() {
        let uri = SecretUrl::new("mongodb://127.0.0.1:27117/?replicaSet=rs0");
        let told = no_server(&servers_in(ADVERTISED), &uri).unwrap();
        assert!(
            told.contains("advertises mongo:27117, which cannot be reached from here: failed to lookup"),
            "{told}"
        );
        assert!(told.contains("directConnection=true") && !told.contains("labels"), "{told}");
        let named = no_server(&servers_in(ADVERTISED), &SecretUrl::new("mongodb://mongo:27117")).unwrap();
        assert!(named.starts_with("mongo:27117: failed to lookup"), "{named}");
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
        let told = no_server(&servers_in(text), &SecretUrl::new("mongodb://a:1")).unwrap();
        assert_eq!(told, "a:1: it is no primary but RsSecondary");
        assert_eq!(no_server(&servers_in("nothing of the kind"), &SecretUrl::new("mongodb://a:1")), None);
    }
}
