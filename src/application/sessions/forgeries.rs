//! Tokens that were invented, changed or kept too long, against the check that has to refuse them.

use serde_json::json;

use super::secret::SigningSecret;
use super::token::{Claims, Refused, SessionToken, Tokens, new_token_id};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

fn secret() -> SigningSecret {
    SigningSecret::new(b"0123456789abcdef0123456789abcdef").expect("it is long enough")
}

fn tokens() -> Tokens {
    Tokens::of(&secret())
}

fn claims() -> Claims {
    Claims { sub: "17".into(), jti: new_token_id(), iat: NOW, exp: NOW + DAY }
}

/// Base64 for URLs without padding, the form of a token's parts, written here by hand.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let padded = [three[0], three.get(1).copied().unwrap_or(0), three.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for letter in 0..=three.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * letter) & 63) as usize]));
        }
    }
    text
}

/// A token of any header and payload, signed by any algorithm and secret.
fn made_up(
    header: &serde_json::Value,
    payload: &serde_json::Value,
    algorithm: ring::hmac::Algorithm,
    secret: &SigningSecret,
) -> SessionToken {
    let message =
        format!("{}.{}", base64(header.to_string().as_bytes()), base64(payload.to_string().as_bytes()));
    let key = ring::hmac::Key::new(algorithm, secret.expose());
    let signature = base64(ring::hmac::sign(&key, message.as_bytes()).as_ref());
    SessionToken::shown(format!("{message}.{signature}"))
}

fn well_signed(payload: &serde_json::Value) -> SessionToken {
    made_up(&json!({ "typ": "JWT", "alg": "HS256" }), payload, ring::hmac::HMAC_SHA256, &secret())
}

fn payload() -> serde_json::Value {
    serde_json::to_value(claims()).expect("it is JSON")
}

#[test]
fn a_token_says_what_it_was_made_to_say_and_two_never_have_one_id() {
    let claims = claims();
    let token = tokens().mint(&claims).unwrap();
    assert_eq!(tokens().check(&token, NOW), Ok(claims));
    assert_ne!(new_token_id(), new_token_id());
    assert_eq!(new_token_id().len(), 32);
    // The tokens that are made by hand below are accepted if nothing is wrong with them.
    assert!(tokens().check(&well_signed(&payload()), NOW).is_ok());
}

#[test]
fn a_token_signed_with_another_key_is_refused() {
    let foreign = Tokens::of(&SigningSecret::random()).mint(&claims()).unwrap();
    assert_eq!(tokens().check(&foreign, NOW), Err(Refused::Signature));
}

#[test]
fn a_token_is_refused_whichever_letter_of_its_signature_is_changed() {
    let token = tokens().mint(&claims()).unwrap();
    let (message, signature) = token.expose().rsplit_once('.').unwrap();
    for at in 0..signature.len() {
        let mut forged = signature.as_bytes().to_vec();
        forged[at] = if forged[at] == b'A' { b'Q' } else { b'A' };
        let forged = SessionToken::shown(format!("{message}.{}", String::from_utf8(forged).unwrap()));
        let refused = tokens().check(&forged, NOW).unwrap_err();
        // The last letter has bits to spare, which must be 0.
        assert!(matches!(refused, Refused::Signature | Refused::Malformed), "{at}: {refused:?}");
    }
    for cut in [format!("{message}."), message.to_owned(), format!("{message}.{}", &signature[..20])] {
        assert!(tokens().check(&SessionToken::shown(cut), NOW).is_err());
    }
}

#[test]
fn a_token_whose_claims_were_changed_is_refused() {
    let token = tokens().mint(&claims()).unwrap();
    let parts: Vec<&str> = token.expose().split('.').collect();
    let other =
        base64(json!({ "sub": "1", "jti": "x", "iat": NOW, "exp": NOW + DAY }).to_string().as_bytes());
    let forged = SessionToken::shown(format!("{}.{other}.{}", parts[0], parts[2]));
    assert_eq!(tokens().check(&forged, NOW), Err(Refused::Signature));
}

#[test]
fn a_token_is_refused_from_the_second_on_in_which_it_expires() {
    let token = tokens().mint(&claims()).unwrap();
    assert!(tokens().check(&token, NOW + DAY - 1).is_ok());
    for late in [NOW + DAY, NOW + DAY + 1, u64::MAX] {
        assert_eq!(tokens().check(&token, late), Err(Refused::Expired));
    }
}

#[test]
fn a_token_without_a_signature_is_refused_however_it_spells_none() {
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let header = base64(json!({ "alg": algorithm, "typ": "JWT" }).to_string().as_bytes());
        let claims = base64(payload().to_string().as_bytes());
        for signature in ["", "AAAA"] {
            let forged = SessionToken::shown(format!("{header}.{claims}.{signature}"));
            assert_eq!(tokens().check(&forged, NOW), Err(Refused::Malformed), "{algorithm} {signature}");
        }
        // A signature does not help either.
        let header = json!({ "alg": algorithm, "typ": "JWT" });
        let signed = made_up(&header, &payload(), ring::hmac::HMAC_SHA256, &secret());
        assert!(tokens().check(&signed, NOW).is_err());
    }
}

#[test]
fn a_token_signed_with_the_right_key_by_another_algorithm_is_refused() {
    for (name, algorithm) in [("HS512", ring::hmac::HMAC_SHA512), ("HS384", ring::hmac::HMAC_SHA384)] {
        let other = made_up(&json!({ "alg": name }), &payload(), algorithm, &secret());
        assert_eq!(tokens().check(&other, NOW), Err(Refused::Algorithm));
        // It is refused too if its header claims the right algorithm.
        let lying = made_up(&json!({ "alg": "HS256" }), &payload(), algorithm, &secret());
        assert_eq!(tokens().check(&lying, NOW), Err(Refused::Signature));
    }
    for name in ["RS256", "ES256", "EdDSA"] {
        let other = made_up(&json!({ "alg": name }), &payload(), ring::hmac::HMAC_SHA256, &secret());
        assert_eq!(tokens().check(&other, NOW), Err(Refused::Algorithm));
    }
}

#[test]
fn a_token_that_lacks_a_claim_or_has_it_in_another_form_is_refused() {
    for claim in ["sub", "jti", "iat", "exp"] {
        let mut without = payload();
        without.as_object_mut().unwrap().remove(claim);
        assert_eq!(tokens().check(&well_signed(&without), NOW), Err(Refused::Malformed), "{claim}");
        let mut odd = payload();
        odd[claim] = json!([1]);
        assert_eq!(tokens().check(&well_signed(&odd), NOW), Err(Refused::Malformed), "{claim}");
    }
}

#[test]
fn what_is_no_token_is_refused_without_a_panic() {
    for garbage in ["", ".", "..", "...", "a.b.c", "Bearer x", "\u{0}\u{ffff}", &"x".repeat(100_000)] {
        assert_eq!(tokens().check(&SessionToken::shown(garbage), NOW), Err(Refused::Malformed));
    }
}

#[test]
fn a_token_and_what_signs_it_are_not_shown() {
    let token = tokens().mint(&claims()).unwrap();
    let shown = format!("{token:?} {:?}", tokens());
    assert!(!shown.contains(token.expose()) && !shown.contains("0123456789"), "{shown}");
}
