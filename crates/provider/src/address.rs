//! From a base URL to what a connection and a request need. Apart because everything that can be wrong with a URL is
//! said here, once, before the first call.

use hyper::Uri;
use hyper::header::HeaderValue;

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// Whether TLS is spoken.
    pub(crate) https: bool,
    /// Host name or IP address, without brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// Value of the `Host` header.
    pub(crate) host_header: HeaderValue,
    /// Path and query of a request.
    pub(crate) target: Uri,
    /// URL for messages, without query, which may hold a key.
    pub(crate) shown: String,
}

impl Address {
    /// Reads a base URL; requests go to `api_path` under it. The error reads after "base_url of target …" and never repeats
    /// a password.
    pub(crate) fn parse(base_url: &str, api_path: &str) -> Result<Self, String> {
        if !base_url.contains("://") {
            return Err(format!("is `{base_url}`, which has no scheme"));
        }
        let uri: Uri = base_url
            .parse()
            .map_err(|error| format!("cannot be read: {error}"))?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            other => {
                let found = other.unwrap_or_default();
                return Err(format!("has the scheme `{found}`, expected http or https"));
            }
        };
        let authority = uri.authority().ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("holds a user name or password, which would end up in messages".to_owned());
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err("has no host".to_owned());
        }
        let has_port = authority.as_str().len() > authority.host().len();
        if has_port && authority.port_u16().is_none() {
            return Err("has a port that is not a number from 0 to 65535".to_owned());
        }
        let host_header = HeaderValue::from_str(authority.as_str())
            .map_err(|_| "has a host that a header cannot carry".to_owned())?;
        let root = if api_path.is_empty() {
            // The address is the whole of it, and a slash at its end may count.
            uri.path()
        } else {
            uri.path().trim_end_matches('/')
        };
        // Some people copy the whole address from a provider's page.
        let path = root.strip_suffix(api_path).unwrap_or(root);
        let scheme = if https { "https" } else { "http" };
        let shown = format!("{scheme}://{authority}{path}{api_path}");
        let target = uri.query().map_or_else(
            || format!("{path}{api_path}"),
            |query| format!("{path}{api_path}?{query}"),
        );
        let target = target
            .parse()
            .map_err(|error| format!("has a path that cannot be used: {error}"))?;
        Ok(Self {
            https,
            port: authority.port_u16().unwrap_or(if https { 443 } else { 80 }),
            host,
            host_header,
            target,
            shown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = "/chat/completions";

    /// Protects addresses that are whole: nothing is added, and nothing taken away.
    #[test]
    fn takes_whole_addresses() {
        for (url, target) in [
            ("http://h", "/"),
            ("http://h/", "/"),
            ("http://h/ask/", "/ask/"),
            ("http://h/ask?x=1", "/ask?x=1"),
        ] {
            let address = Address::parse(url, "").unwrap();
            assert_eq!(address.target.to_string(), target, "{url}");
            assert!(!address.shown.contains('?'));
        }
    }

    /// Protects the request line: slashes, queries, whole addresses and IPv6 all lead to the right place.
    #[test]
    fn reads_urls() {
        let cases = [
            (
                "http://127.0.0.1:8080/v1",
                "127.0.0.1",
                8080,
                "/v1/chat/completions",
            ),
            (
                "https://api.example.com/v1/",
                "api.example.com",
                443,
                "/v1/chat/completions",
            ),
            ("http://h", "h", 80, "/chat/completions"),
            (
                "http://[::1]:9/v1/chat/completions",
                "::1",
                9,
                "/v1/chat/completions",
            ),
            (
                "https://h/d?api-version=1",
                "h",
                443,
                "/d/chat/completions?api-version=1",
            ),
        ];
        for (url, host, port, target) in cases {
            let address = Address::parse(url, CHAT).unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{url}");
            assert_eq!(address.target.to_string(), target, "{url}");
            assert!(!address.shown.contains('?'), "{url}");
        }
    }

    /// Protects people from a late and obscure failure, and passwords from messages.
    #[test]
    fn refuses_what_cannot_work() {
        for url in [
            "localhost:8080/v1",
            "ftp://h/v1",
            "http://",
            "",
            "http:///v1",
            "http://h:99999/",
        ] {
            assert!(Address::parse(url, CHAT).is_err(), "{url}");
        }
        let problem = Address::parse("https://me:hunter2@h/v1", CHAT).unwrap_err();
        assert!(!problem.contains("hunter2"));
    }
}
