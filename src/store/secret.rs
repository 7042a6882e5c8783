//! URLs with passwords in them, which never show the password.

use std::fmt;

use mongodb::options::ConnectionString;
use redis::IntoConnectionInfo as _;
use url::Url;

use crate::base::secrets::{self, STRUCK};

/// The remedy for a URL that ends where its author did not mean it to.
const ENCODING: &str = "in a user or a password write %3F for ?, %2F for /, %3A for :, %23 for #, %25 for % and %40 for the at sign";
/// The schemes of URLs of Redis.
const OF_REDIS: [&str; 7] = ["redis", "rediss", "valkey", "valkeys", "redis+unix", "valkey+unix", "unix"];
/// The schemes of URLs of MongoDB.
const OF_MONGODB: [&str; 2] = ["mongodb", "mongodb+srv"];

/// Refuses what the query of a URL of Redis names and no client would obey.
///
/// # Errors
/// Names it, without its value, and where it belongs.
fn check_query(text: &str) -> Result<(), String> {
    let Ok(url) = Url::parse(text) else { return Ok(()) };
    let is_socket = url.scheme().ends_with("unix");
    let known: &[&str] = if is_socket { &["db", "user", "pass", "protocol"] } else { &["protocol"] };
    let unknown =
        url.query_pairs().map(|(name, _)| name.into_owned()).find(|name| !known.contains(&name.as_str()));
    let Some(name) = unknown else { return Ok(()) };
    let remedy = match name.as_str() {
        "password" | "pass" | "user" | "username" if !is_socket => {
            "write them before the host, as redis://USER:PASSWORD@HOST"
        }
        "password" => "write pass=",
        "username" => "write user=",
        "db" | "database" if !is_socket => "write it behind the host, as redis://HOST:6379/3",
        "timeout" | "connect_timeout" => "set cache.timeout and cache.connect_timeout",
        _ => "leave it out",
    };
    Err(format!("nothing obeys \"{name}\" in the query of the URL; {remedy}"))
}

/// A URL whose password is shown as `***` by `Debug` and `Display`, and is struck out of everything that hotset writes
/// from the moment at which there is such a URL.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Takes a URL that may hold a password.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let url = url.into();
        secrets::learn_all(&url);
        Self(url)
    }

    /// Takes a URL of Redis that a user wrote.
    ///
    /// # Errors
    /// Returns the reason why it is none and the remedy, without the URL.
    pub fn of_redis(text: &str) -> Result<Self, String> {
        let url = Self::new(text);
        check(text, &OF_REDIS, "redis://127.0.0.1:6379 or, over TLS, rediss://127.0.0.1:6379")?;
        match Url::parse(text) {
            Ok(parsed) if parsed.fragment().is_some() => {
                return Err(format!(
                    "the URL has a #, behind which nothing belongs; set tls_insecure (--tls-insecure of hotset monitor) where servers are not to be verified; {ENCODING}"
                ));
            }
            Ok(parsed) if parsed.scheme().ends_with("unix") && parsed.path().len() < 2 => {
                return Err("the URL names no socket; write unix:///run/redis.sock".into());
            }
            Ok(parsed) if parsed.scheme().ends_with("unix") => {}
            Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => {
                return Err("the URL names no host".into());
            }
            Ok(_) => {}
            Err(error) => return Err(unreadable(&error.to_string())),
        }
        check_query(text)?;
        text.into_connection_info().map_err(|error| unreadable(&error.to_string()))?;
        Ok(url)
    }

    /// Takes a URL of Redis of which only the scheme, the user and the password count, so that it may lack the host.
    ///
    /// # Errors
    /// Returns the reason why it is none and the remedy, without the URL.
    pub fn of_redis_user(text: &str) -> Result<Self, String> {
        let url = Self::new(text);
        match text.split_once('@') {
            Some((user, rest)) if rest.is_empty() || rest.starts_with(['/', '?']) => {
                Self::of_redis(&format!("{user}@host{rest}")).map(|_| url)
            }
            _ => Self::of_redis(text),
        }
    }

    /// Takes a URL of MongoDB that a user wrote.
    ///
    /// # Errors
    /// Returns the reason why it is none and the remedy, without the URL.
    pub fn of_mongodb(text: &str) -> Result<Self, String> {
        let url = Self::new(text);
        check(text, &OF_MONGODB, "mongodb://127.0.0.1:27017 or mongodb+srv://NAME")?;
        ConnectionString::parse(text).map_err(|error| match *error.kind {
            mongodb::error::ErrorKind::InvalidArgument { message, .. } => unreadable(&message),
            other => unreadable(&other.to_string()),
        })?;
        Ok(url)
    }

    /// The URL with its password, only for the driver that connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same user, password, scheme and path at another host and port, as of another node of one cluster.
    #[must_use]
    pub fn at(&self, host: &str, port: u16) -> Self {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if let Some(socket) = self.as_socket() {
            return Self(socket.beside(&host, port));
        }
        let Some(authority) = self.0.find("://").map(|at| at + 3) else {
            return Self(format!("redis://{host}:{port}/"));
        };
        let end = self.0[authority..].find('?').map_or(self.0.len(), |query| authority + query);
        let user_end = self.0[authority..end].rfind('@').map_or(authority, |at| authority + at + 1);
        let path = self.0[user_end..].find(['/', '?']).map_or(self.0.len(), |path| user_end + path);
        Self(format!("{}{host}:{port}{}", &self.0[..user_end], &self.0[path..]))
    }

    /// Returns true if a client of Redis speaks TLS to this address: the scheme says so, in whatever case it is written.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        let scheme = self.0.split_once("://").map_or("", |(scheme, _)| scheme);
        ["rediss", "valkeys"].iter().any(|secure| scheme.eq_ignore_ascii_case(secure))
    }

    /// The parts of the URL of a Unix socket; `None` for any other.
    fn as_socket(&self) -> Option<Socket> {
        let url = Url::parse(&self.0).ok().filter(|url| url.scheme().ends_with("unix"))?;
        let of =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        Some(Socket { user: of("user"), password: of("pass") })
    }

    /// Returns true if it names a Unix socket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.as_socket().is_some()
    }

    /// The host and the port, as far as the URL has them, or the path of a Unix socket.
    #[must_use]
    pub fn host_and_port(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        let rest = &rest[..rest.find('?').unwrap_or(rest.len())];
        if self.is_socket() {
            return rest;
        }
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        &rest[..rest.find('/').unwrap_or(rest.len())]
    }
}

/// The user and the password in the URL of a Unix socket.
struct Socket {
    user: Option<String>,
    password: Option<String>,
}

impl Socket {
    /// The URL of a server that the one behind the socket announces.
    fn beside(&self, host: &str, port: u16) -> String {
        let encoded = |text: &Option<String>| secrets::encode(text.as_deref().unwrap_or_default());
        match &self.password {
            Some(_) => format!("redis://{}:{}@{host}:{port}/", encoded(&self.user), encoded(&self.password)),
            None => format!("redis://{host}:{port}/"),
        }
    }
}

/// Holds a URL to its scheme, and to what its author can only have meant as a part of a user or a password.
fn check(text: &str, schemes: &[&str], right: &str) -> Result<(), String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!("is no URL; write {right}"));
    };
    if !schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        let begins = if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            format!("a URL that begins with {}:// does not belong here", secrets::strike(scheme))
        } else {
            "the URL does not begin with a scheme".into()
        };
        return Err(format!("{begins}; write {right}"));
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if rest[authority.len()..].contains('@') || authority.matches('@').count() > 1 {
        return Err(format!(
            "the URL has an @ that ends no user and password, or another sign that ends them too early; {ENCODING}"
        ));
    }
    Ok(())
}

/// Returns what is said of a URL that a parser has refused; parsers quote parts of what they could not read.
fn unreadable(reason: &str) -> String {
    format!("the URL cannot be read: {}; {ENCODING}", secrets::strike_typed(reason))
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&secrets::replaced(&self.0, &secrets::in_typed(&self.0), |_| STRUCK.into()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url = SecretUrl::new("redis://user:s3cr%40t@host:6379/0");
        assert_eq!(url.to_string(), "redis://user:***@host:6379/0");
        assert_eq!(format!("{url:?}"), "\"redis://user:***@host:6379/0\"");
        assert_eq!(SecretUrl::new("redis://:pw@host").to_string(), "redis://:***@host");
    }

    #[test]
    fn a_url_without_a_password_is_shown_as_it_is() {
        for url in ["redis://127.0.0.1:6379", "mongodb://user@host/db?w=1", "nonsense"] {
            assert_eq!(SecretUrl::new(url).to_string(), url);
        }
    }

    #[test]
    fn a_password_is_struck_out_of_a_message_as_soon_as_there_is_its_url() {
        let url = SecretUrl::new("redis://user:w0rthy%40t@host");
        assert_eq!(secrets::strike("refused w0rthy@t and w0rthy%40t"), "refused *** and ***");
        assert_eq!(secrets::strike(&format!("bad url {}", url.expose())), "bad url redis://user:***@host");
    }

    #[test]
    fn a_url_is_refused_where_its_password_would_end_it_and_is_not_shown() {
        for text in [
            "redis://:t0psecret?more@127.0.0.1:6399",
            "redis://:t0psecret/more@host",
            "redis://:t0psecret#more@host",
            "redis://:t0p@secret@host",
            "redis://user:12?34@host",
            "redis://:t0psecret",
            "redis://h:1/t0psecret",
            "redis://h:t0psecret/",
            "t0psecret",
            "t0psecret://h",
            "http://u:t0psecret@h",
            "mongodb://u:t0psecret@h",
            "redis://",
        ] {
            let refused = SecretUrl::of_redis(text).unwrap_err();
            let is_scheme = text.starts_with("t0psecret:");
            assert!(is_scheme || !refused.contains("t0p") && !refused.contains("34"), "{text}: {refused}");
        }
        let refused = SecretUrl::of_redis("redis://:t0psecret?more@127.0.0.1:6399").unwrap_err();
        assert!(refused.contains("%3F for ?"), "{refused}");
        for text in [
            "mongodb://u:t0psecret/more@h",
            "mongodb://u:t0p@secret@h",
            "mongodb://u:t0p%zzsecret@h",
            "mongodb://h:t0psecret/",
            "mongodb://u:t0psecret@h/?authMechanism=t0psecret",
            "redis://:t0psecret@h",
            "mongodb://",
        ] {
            let refused = SecretUrl::of_mongodb(text).unwrap_err();
            assert!(!refused.contains("t0p"), "{text}: {refused}");
        }
    }

    #[test]
    fn urls_that_the_drivers_read_are_taken() {
        for text in [
            "redis://127.0.0.1:6379",
            "redis://:s3cr\"tpw@127.0.0.1:6399",
            "rediss://user:pw%3F@host:1/3?protocol=resp3",
            "redis://[::1]:7000",
            "redis+unix:///run/redis.sock?pass=x",
            "unix:///run/redis.sock",
        ] {
            assert!(SecretUrl::of_redis(text).is_ok(), "{text}: {:?}", SecretUrl::of_redis(text));
        }
        for text in [
            "mongodb://a:1,b:2,[::1]:3/db?replicaSet=rs0",
            "mongodb+srv://u:p%40w@cluster.example/?retryWrites=false",
            "mongodb://127.0.0.1:27017",
        ] {
            assert!(SecretUrl::of_mongodb(text).is_ok(), "{text}: {:?}", SecretUrl::of_mongodb(text));
        }
    }

    #[test]
    fn another_node_is_reached_as_the_first_one_is() {
        let at = |url: &str| SecretUrl::new(url).at("10.0.0.9", 7001).expose().to_owned();
        assert_eq!(at("rediss://user:pw@host:6379/0"), "rediss://user:pw@10.0.0.9:7001/0");
        assert_eq!(at("redis://host"), "redis://10.0.0.9:7001");
        assert_eq!(at("redis://:p/w@host?protocol=resp3"), "redis://:p/w@10.0.0.9:7001?protocol=resp3");
        assert_eq!(SecretUrl::new("redis://h:1/").at("::1", 2).expose(), "redis://[::1]:2/");
        assert_eq!(at("unix:///run/r.sock?user=me&pass=p%2Fw"), "redis://me:p%2Fw@10.0.0.9:7001/");
        assert_eq!(at("redis+unix:///run/r.sock"), "redis://10.0.0.9:7001/");
        assert_eq!(SecretUrl::new("unix:///run/r.sock?pass=x").host_and_port(), "/run/r.sock");
        assert_eq!(SecretUrl::new("redis://:pw@h:1/0?a=b").host_and_port(), "h:1");
    }

    #[test]
    fn a_password_with_a_forgotten_escape_is_still_not_shown() {
        let url = SecretUrl::new("redis://user:pa/ss@wo@host:1/0");
        assert_eq!(url.to_string(), "redis://user:***@host:1/0");
    }

    #[test]
    fn tls_is_told_by_the_scheme_and_by_nothing_else_in_the_address() {
        for secure in ["rediss://host:6379", "REDISS://host", "valkeys://user:pw@host/0"] {
            assert!(SecretUrl::new(secure).speaks_tls(), "{secure}");
        }
        for plain in ["redis://host:6379", "redis://:x7rediss%3A%2F%2Fq@host", "host:6379", ""] {
            assert!(!SecretUrl::new(plain).speaks_tls(), "{plain}");
        }
    }
}
