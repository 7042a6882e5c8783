//! Session tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, and nothing else is one.
//!
//! The crate `jsonwebtoken` reads and writes them; of its own cryptography nothing is built. What it is given instead knows
//! one algorithm, so that no header of a token, `none` and its like included, can choose another.

use std::fmt;
use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use crate::store::{self, StoreError};

/// What a token says. All four are required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whose it is: the user's id.
    pub sub: String,
    /// Its own id, drawn at random.
    pub jti: String,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// From when on it is refused, in seconds since 1970.
    pub exp: u64,
}

/// A token id that nobody can guess: 128 bits, in hexadecimal.
#[must_use]
pub fn new_token_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A signed token. Who has it is let in: `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token as somebody shows it, which may be anything.
    #[must_use]
    pub fn shown(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text, for the user and for nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a token is refused before anybody looks for its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// It is no token, lacks a claim, or says that it is signed in a way that nobody knows, as by `none`.
    Malformed,
    /// It says that it is signed in another way than tokens are.
    Algorithm,
    /// It is signed with another secret, or was changed since.
    Signature,
    /// Its time is over.
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
    /// Those of a secret.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            // Nobody else in this process uses these tokens, so that nothing is there yet.
            let _ = HS256.install_default();
        });
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.leeway = 0;
        // Against the caller's clock, which a test moves, and to the second: see `check`.
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(secret.expose()),
            checking: DecodingKey::from_secret(secret.expose()),
            validation,
        }
    }

    /// A token that says this.
    ///
    /// # Errors
    /// None, unless the claims cannot be written as JSON.
    pub fn mint(&self, claims: &Claims) -> Result<Token, StoreError> {
        let minted = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing);
        minted.map(Token).map_err(|error| {
            StoreError::new(store::ErrorKind::Other, format!("minting a session token: {error}"))
        })
    }

    /// What a token says, where it is to be believed at a moment in seconds since 1970: it is signed by HS256 with the secret,
    /// has all claims, and its time is not over, to the second.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, token: &Token, now_secs: u64) -> Result<Claims, Refused> {
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
        // In constant time.
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
