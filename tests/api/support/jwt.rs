//! JSON Web Tokens, taken apart and signed with any key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;

/// The header and the claims of `token`; `null` for a part that is not JSON.
pub fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

/// The id of the key that signed `token`.
pub fn key_id(token: &str) -> String {
    let (header, _) = parts(token);
    header["kid"].as_str().expect("a key id").to_owned()
}

/// A token of these parts, signed with `key` by HS256.
pub fn sign(header: &Value, claims: &Value, key: &str) -> String {
    sign_text(&format!("{}.{}", encode(header), encode(claims)), key)
}

/// `json` in base64url, as a part of a token.
pub fn encode(json: &Value) -> String {
    encode_text(&json.to_string())
}

/// `text` in base64url, as a part of a token.
pub fn encode_text(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// `parts`, whatever they are, with their signature.
pub fn sign_text(parts: &str, key: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signature = hmac::sign(&key, parts.as_bytes());
    format!("{parts}.{}", URL_SAFE_NO_PAD.encode(signature))
}
