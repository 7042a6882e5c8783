//! The secret that session tokens are signed with: from the environment, or made for the run. It is never shown.

use std::fmt;
use std::sync::Arc;

use crate::base::secrets;
use crate::scenario::{Setting, Value, ValueKind};

/// HMAC with SHA-256 is as strong as its key up to this many bytes (RFC 7518, 3.2, requires at least as many).
pub const FEWEST_BYTES: usize = 32;

/// At least [`FEWEST_BYTES`] that nobody else knows. `Debug` and `Display` show `***`; two secrets are equal if their
/// bytes are.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Arc<[u8]>);

impl SigningSecret {
    /// Takes a secret.
    ///
    /// # Errors
    /// Returns an error if the secret is too short. The message does not contain it.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() >= FEWEST_BYTES {
            return Ok(Self(bytes.into()));
        }
        Err(format!(
            "the secret has {} bytes, and tokens signed with fewer than {FEWEST_BYTES} can be forged by trying",
            bytes.len()
        ))
    }

    /// A secret that only this process knows.
    #[must_use]
    pub fn random() -> Self {
        Self(Arc::new(rand::random::<[u8; FEWEST_BYTES]>()))
    }

    /// Its bytes, for signing and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A secret as a scenario names it: by its variable of the environment, `${NAME}`, and in no other way, since a scenario
/// is kept with the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSecret {
    variable: Box<str>,
    /// The value of the variable.
    pub secret: SigningSecret,
}

impl NamedSecret {
    fn find(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let name =
            text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| is_name(name));
        let Some(name) = name else {
            return Err("a secret does not stand in a scenario, which is kept with the results".into());
        };
        let found = variable(name).ok_or_else(|| {
            format!("the environment has no variable {name}; set it, as in {name}=… hotset …")
        })?;
        secrets::learn(&found);
        let secret = SigningSecret::new(found.as_bytes())
            .map_err(|short| format!("{name}: {short}; make one by: openssl rand -base64 48"))?;
        Ok(Self { variable: name.into(), secret })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Setting for NamedSecret {
    fn expects() -> String {
        "\"${NAME}\", where NAME is a variable of the environment that holds 32 bytes or more; or leave it out, and one is made for the run".into()
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        // No message contains the value itself, whatever it is.
        let ValueKind::String(text) = &value.kind else {
            return Err(Some("a secret is named by a text".into()));
        };
        Self::find(text, |name| std::env::var(name).ok()).map_err(Some)
    }

    fn show(&self) -> String {
        format!("\"${{{}}}\"", self.variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tree::parse_option_value;

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    fn environment(name: &str) -> Option<String> {
        match name {
            "LONG" => Some(LONG.into()),
            "SHORT" => Some("hush".into()),
            _ => None,
        }
    }

    #[test]
    fn a_secret_is_taken_from_the_environment_and_shown_by_its_name_only() {
        let named = NamedSecret::find("${LONG}", environment).unwrap();
        assert_eq!(named.secret.expose(), LONG.as_bytes());
        assert_eq!(named.show(), "\"${LONG}\"");
        let shown = format!("{named:?} {:?} {}", named.secret, named.secret);
        assert!(!shown.contains("0123") && shown.contains("***"), "{shown}");
    }

    #[test]
    fn a_secret_shorter_than_32_bytes_is_refused_without_being_shown() {
        let refused = NamedSecret::find("${SHORT}", environment).unwrap_err();
        assert!(!refused.contains("hush"), "{refused}");
        for part in ["SHORT", "4 bytes", "fewer than 32", "openssl"] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
        assert!(SigningSecret::new(&[0; 31]).is_err());
        assert!(SigningSecret::new(&[0; 32]).is_ok());
    }

    #[test]
    fn a_secret_that_stands_in_the_scenario_or_is_not_in_the_environment_is_refused() {
        assert!(NamedSecret::find("${MISSING}", environment).unwrap_err().contains("MISSING"));
        for text in [LONG, "", "${}", "${LONG", "${LONG}x", "x${LONG}", "${LO}{NG}"] {
            let refused = NamedSecret::find(text, environment).unwrap_err();
            assert!(refused.contains("does not stand in a scenario"), "{text}: {refused}");
            assert!(!refused.contains(LONG), "{refused}");
        }
        let number = parse_option_value("--set", "12345678901234567");
        assert!(!format!("{:?}", NamedSecret::read(&number)).contains("12345"));
    }

    #[test]
    fn secrets_made_for_a_run_are_long_enough_and_different() {
        let (one, other) = (SigningSecret::random(), SigningSecret::random());
        assert_eq!(one.expose().len(), FEWEST_BYTES);
        assert_ne!(one, other);
    }
}
