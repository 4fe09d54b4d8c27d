//! Whether a request brings one of the endpoint's keys; only digests of keys are known here.

use axum::http::{HeaderMap, header};
use mlinfra_api::Digest;

use crate::codes;
use crate::fault::RequestFault;

/// The SHA-256 of each key that may call. None: no key is asked for.
pub(crate) struct Keys {
    digests: Vec<[u8; 32]>,
    /// The endpoint's name.
    name: String,
}

impl Keys {
    /// Reads the digests of the keys of this endpoint, 64 hex digits each.
    pub(crate) fn read(name: &str, hashes: &[String]) -> Result<Self, String> {
        let digest = |(index, text): (usize, &String)| {
            let mut bytes = [0; 32];
            let read = hex::decode_to_slice(text, &mut bytes);
            read.map_err(|_| format!("key {index} of the endpoint is no SHA-256 digest"))?;
            Ok(bytes)
        };
        let all: Result<_, String> = hashes.iter().enumerate().map(digest).collect();
        Ok(Keys {
            digests: all?,
            name: name.to_owned(),
        })
    }

    /// Whether any key is asked for.
    pub(crate) fn wanted(&self) -> bool {
        !self.digests.is_empty()
    }

    /// Refuses (401) a request that brings none of the keys, in `Authorization: Bearer` or in
    /// `X-API-Key`.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), RequestFault> {
        if !self.wanted() {
            return Ok(());
        }
        let text = match presented(headers) {
            Some(key) if self.holds(key) => return Ok(()),
            Some(_) => "the key is not one of this endpoint's",
            None => "the request brings no key",
        };
        let help = format!(
            "send the header `Authorization: Bearer KEY`; `mlinfra output --reveal {}.key` shows \
             the key",
            self.name
        );
        Err(RequestFault::new(401, codes::KEY, text).with_help(help))
    }

    /// Compares with every digest and all of its bytes, so that the time taken says nothing of
    /// which was near.
    fn holds(&self, key: &[u8]) -> bool {
        let digest = Digest::of(key);
        let differs = |known: &[u8; 32]| {
            let pairs = known.iter().zip(digest.bytes());
            pairs.fold(0_u8, |all, (a, b)| std::hint::black_box(all | (a ^ b)))
        };
        let matches = self
            .digests
            .iter()
            .map(|known| u8::from(differs(known) == 0));
        matches.fold(0_u8, |any, one| std::hint::black_box(any | one)) != 0
    }
}

fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        return scheme
            .eq_ignore_ascii_case(b"bearer ")
            .then(|| key.trim_ascii());
    }
    headers
        .get("x-api-key")
        .map(|value| value.as_bytes().trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::HeaderName::from_static(name),
            value.parse().expect("a header value"),
        )])
    }

    #[test]
    fn any_of_the_keys_opens_in_either_header() {
        let hashes = ["alpha", "beta"].map(|key| Digest::of(key.as_bytes()).to_string());
        let keys = Keys::read("score", &hashes).expect("digests");
        for (name, value, opens) in [
            ("authorization", "Bearer alpha", true),
            ("authorization", "bearer  beta ", true),
            ("x-api-key", "beta", true),
            ("x-api-key", "gamma", false),
            ("x-api-key", "", false),
            ("authorization", "Basic alpha", false),
            ("authorization", "Bearer", false),
            ("authorization", "Bearer alphabet", false),
            ("x-other", "alpha", false),
        ] {
            let admitted = keys.admit(&headers(name, value));
            assert_eq!(admitted.is_ok(), opens, "{name}: {value}");
            if let Err(fault) = admitted {
                assert_eq!((fault.status, fault.code), (401, "E0836"));
                assert!(!fault.message.contains(value) || value.is_empty());
                let help = fault.help.expect("it says where the key is");
                assert!(
                    help.contains("`mlinfra output --reveal score.key`"),
                    "{help}"
                );
            }
        }
    }

    #[test]
    fn without_keys_all_may_call_and_a_broken_digest_is_refused() {
        let none = Keys::read("score", &[]).expect("no digests");
        assert!(!none.wanted() && none.admit(&HeaderMap::new()).is_ok());
        assert!(Keys::read("score", &["ab".into()]).is_err());
    }
}
