//! Addresses of APIs: scheme, host and path, checked by hand. Apart, because a mistake here sends prompts and keys
//! to the wrong place.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest address that is read.
const MAX_ADDRESS_BYTES: usize = 2048;

/// What the APIs add to an address, the longer of two with the same end first.
const API_PATHS: [&str; 5] = [
    "/chat/completions",
    "/completions",
    "/responses",
    "/embeddings",
    "/messages",
];

/// A checked address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Normalised; a base address without a slash at its end.
    pub(crate) url: String,
    /// Without brackets and port, lower case.
    pub(crate) host: String,
    /// Whether it is `https`.
    pub(crate) secure: bool,
}

/// Why a text is not an address: reads after the key's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrongAddress {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

fn wrong(message: &str, hint: &str) -> WrongAddress {
    WrongAddress {
        message: message.to_owned(),
        hint: (!hint.is_empty()).then(|| hint.to_owned()),
    }
}

impl Address {
    /// Reads `http[s]://host[:port][/path]`, to which the path of an API is added.
    pub(crate) fn parse(text: &str) -> Result<Self, WrongAddress> {
        let address = Self::read(text)?;
        if text.contains('?') {
            return Err(wrong(
                "has a query or a fragment, expected the bare address of the API",
                "remove `?…` or `#…`",
            ));
        }
        let url = address.url.trim_end_matches('/');
        for ending in API_PATHS {
            if let Some(base) = url.strip_suffix(ending) {
                let message = format!("ends in `{ending}`, which is added to it");
                return Err(WrongAddress {
                    message,
                    hint: Some(format!("write `{base}`")),
                });
            }
        }
        Ok(Self {
            url: url.to_owned(),
            ..address
        })
    }

    /// Reads `http[s]://host[:port][/path][?query]`, which is asked as it is.
    pub(crate) fn parse_whole(text: &str) -> Result<Self, WrongAddress> {
        Self::read(text)
    }

    fn read(text: &str) -> Result<Self, WrongAddress> {
        if text.len() > MAX_ADDRESS_BYTES {
            return Err(wrong("is longer than any address", ""));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            wrong(
                "is not an address with `http://` or `https://`",
                "write the address in full, such as https://api.openai.com/v1",
            )
        })?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("is neither a `http://` nor a `https://` address", "")),
        };
        if text
            .chars()
            .any(|c| c.is_whitespace() || c == '\u{feff}' || c.is_control() || "<>\"\\^`{|}".contains(c))
        {
            return Err(wrong("contains a character that addresses may not have", ""));
        }
        if rest.contains('#') {
            return Err(wrong(
                "has a query or a fragment, expected the bare address of the API",
                "remove `?…` or `#…`",
            ));
        }
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(wrong(
                "contains credentials",
                "put the key into an environment variable and name it in `api_key_env`",
            ));
        }
        let host = host_of(authority)?;
        Ok(Self {
            url: format!("{}://{authority}{path}", if secure { "https" } else { "http" }),
            host,
            secure,
        })
    }

    /// Whether this machine itself is meant.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
            || self.host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
    }
}

fn host_of(authority: &str) -> Result<String, WrongAddress> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok())
            .ok_or_else(|| wrong("has no valid IPv6 address between its brackets", ""))?;
        let port = if after.is_empty() {
            None
        } else {
            Some(after.strip_prefix(':').unwrap_or("x"))
        };
        (host, port)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() {
        return Err(wrong(
            "has no host",
            "write the address in full, such as https://api.openai.com/v1",
        ));
    }
    let port_fits = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !port_fits {
        return Err(wrong("has a port that is not a number from 1 to 65535", ""));
    }
    Ok(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects requests from going astray: what is read is normalised, what is odd is refused.
    #[test]
    fn reads_addresses() {
        for (text, url, host, loopback) in [
            (
                "http://127.0.0.1:8080/v1/",
                "http://127.0.0.1:8080/v1",
                "127.0.0.1",
                true,
            ),
            (
                "HTTPS://Api.Example.com/v1",
                "https://Api.Example.com/v1",
                "api.example.com",
                false,
            ),
            ("http://[::1]:80", "http://[::1]:80", "::1", true),
            ("http://localhost", "http://localhost", "localhost", true),
            (
                "http://localhost.example.com",
                "http://localhost.example.com",
                "localhost.example.com",
                false,
            ),
            (
                "http://127.0.0.1.example.com/",
                "http://127.0.0.1.example.com",
                "127.0.0.1.example.com",
                false,
            ),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(
                (address.url.as_str(), address.host.as_str(), address.is_loopback()),
                (url, host, loopback)
            );
        }
        for text in [
            "",
            "api.openai.com/v1",
            "ftp://x/y",
            "http://",
            "http:///v1",
            "http://:80",
            "http://h:0",
            "http://h:99999",
            "http://h:+1",
            "http://u:p@h/v1",
            "http://h/v1?x=1",
            "http://h/v1#x",
            "http://h /v1",
            "http://[::1",
            "http://[::1]x",
            "http://[::1]:",
            "http://h:",
            "https://h/v1/chat/completions",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
