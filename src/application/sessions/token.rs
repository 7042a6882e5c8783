//! Session tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256 only.
//!
//! The crate `jsonwebtoken` reads and writes them, without its own cryptography. It is given a provider that knows one
//! algorithm, so that no header of a token, not even `none`, can choose another.

use std::fmt;
use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::secret::SigningSecret;
use crate::store::{self, StoreError};

/// The claims of a token. All four are required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The id of the user whose token it is.
    pub sub: String,
    /// The token's id, drawn at random.
    pub jti: String,
    /// The time at which it was made, in seconds since 1970.
    pub iat: u64,
    /// The first second in which it is refused, in seconds since 1970.
    pub exp: u64,
}

/// A token id that nobody can guess: 128 bits, in hexadecimal.
#[must_use]
pub fn new_token_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A signed token. It lets in everyone who has it, so `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

impl SessionToken {
    /// A token as a client shows it, which may be any text.
    #[must_use]
    pub fn shown(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text, to be given to the user and to nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A reason to refuse a token before its session is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// It is no token, lacks a claim, or names an unknown algorithm, such as `none`.
    Malformed,
    /// Its header names another algorithm than HS256.
    Algorithm,
    /// It was signed with another secret, or was changed since.
    Signature,
    /// It has expired.
    Expired,
}

impl Refused {
    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Expired => "expired",
        }
    }

    fn because(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::InvalidAlgorithm => Self::Algorithm,
            _ => Self::Malformed,
        }
    }
}

/// Signs and checks tokens with one secret.
pub struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// The tokens that one secret signs and checks.
    #[must_use]
    pub fn of(secret: &SigningSecret) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            // No other code of this process installs a provider, so this cannot fail.
            let _ = HS256.install_default();
        });
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.leeway = 0;
        // `check` compares the expiry with the caller's clock, which a test moves, to the second.
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(secret.expose()),
            checking: DecodingKey::from_secret(secret.expose()),
            validation,
        }
    }

    /// Signs a token with these claims.
    ///
    /// # Errors
    /// Returns an error only if the claims cannot be written as JSON.
    pub fn mint(&self, claims: &Claims) -> Result<SessionToken, StoreError> {
        let minted = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing);
        minted.map(SessionToken).map_err(|error| {
            StoreError::new(store::ErrorKind::Other, format!("minting a session token: {error}"))
        })
    }

    /// Returns the claims of a token that is valid at a moment in seconds since 1970: it is signed by HS256 with the
    /// secret, has all claims, and has not expired, to the second.
    ///
    /// # Errors
    /// Returns the reason for which it is refused.
    pub fn check(&self, token: &SessionToken, now_secs: u64) -> Result<Claims, Refused> {
        let read = jsonwebtoken::decode::<Claims>(token.0.as_bytes(), &self.checking, &self.validation);
        let claims = read.map_err(|error| Refused::because(error.kind()))?.claims;
        if claims.exp <= now_secs { Err(Refused::Expired) } else { Ok(claims) }
    }
}

/// The cryptography that `jsonwebtoken` is given: HMAC-SHA-256, for keys that are secrets.
static HS256: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        only_hs256(*algorithm, key.family())?;
        Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))))
    },
    verifier_factory: |algorithm, key| {
        only_hs256(*algorithm, key.family())?;
        Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?))))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn only_hs256(algorithm: Algorithm, family: AlgorithmFamily) -> jsonwebtoken::errors::Result<()> {
    if algorithm == Algorithm::HS256 && family == AlgorithmFamily::Hmac {
        return Ok(());
    }
    Err(ErrorKind::InvalidAlgorithm.into())
}

struct Hs256(hmac::Key);

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        // `verify` compares in constant time.
        hmac::verify(&self.0, message, signature).map_err(|_| Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}
