//! A request as it goes over the wire, and where to: for a client that keeps its own connections. Apart from
//! [`Remote`](crate::Remote), which does everything about a call itself; both make requests from the same parts, so that
//! a load test asks what an evaluation asks.

use crate::address::Address;
use crate::api::Api;
use crate::body::{BodyTemplate, Shape};
use crate::dial::{client_config, read_certificates};
use crate::headers::headers;
use crate::{Endpoint, EndpointError};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use seatrial_types::ModelRequest;
use std::sync::Arc;

/// Requests of one endpoint in bytes.
pub struct Blueprint {
    address: Address,
    template: BodyTemplate,
    shape: Shape,
    /// Request line and headers but for the length, each with its line break.
    head: Vec<u8>,
    extra: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Blueprint {
    /// Without the head, which holds the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blueprint")
            .field("url", &self.address.shown)
            .finish_non_exhaustive()
    }
}

impl Blueprint {
    /// Checks the endpoint; limits and retries of it are not used. The method of an [`Api::Json`] is.
    pub fn try_new(endpoint: &Endpoint) -> Result<Self, EndpointError> {
        let address = Address::parse(&endpoint.base_url, endpoint.api.path()).map_err(|problem| {
            EndpointError::BaseUrl {
                target: endpoint.name.clone(),
                problem,
            }
        })?;
        for param in endpoint.params.keys() {
            if let Some(hint) = endpoint.api.reserved(param) {
                return Err(EndpointError::ReservedParam {
                    target: endpoint.name.clone(),
                    param: param.clone(),
                    hint,
                });
            }
        }
        let extra = match &endpoint.extra_ca {
            Some(path) => read_certificates(path).map_err(|problem| EndpointError::Certificates {
                target: endpoint.name.clone(),
                path: path.clone(),
                problem,
            })?,
            None => Vec::new(),
        };
        let headers = headers(&address, endpoint)?;
        let method = match &endpoint.api {
            Api::Json(api) => api.method.as_str(),
            _ => "POST",
        };
        let mut head = format!("{method} {} HTTP/1.1\r\n", address.target).into_bytes();
        for (name, value) in &headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        Ok(Self {
            template: BodyTemplate::new(&endpoint.api, &endpoint.model, &endpoint.params),
            shape: if endpoint.stream && endpoint.api.can_stream() {
                Shape::StreamWithUsage
            } else {
                Shape::Whole
            },
            address,
            head,
            extra,
        })
    }

    /// Whether TLS is to be spoken.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.address.https
    }

    /// Host name or IP address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.address.host
    }

    /// TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port
    }

    /// URL for messages, without its query, which may hold a key.
    #[must_use]
    pub fn shown_url(&self) -> &str {
        &self.address.shown
    }

    /// Appends a whole request. The error reads as the message of a prompt that cannot be built; nothing is appended then.
    pub fn push_request(&self, request: &ModelRequest, out: &mut Vec<u8>) -> Result<(), String> {
        let body = self.template.fill(request, self.shape)?;
        self.push_body(&body, out);
        Ok(())
    }

    /// Appends a whole request with this body.
    pub fn push_body(&self, body: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.head.len() + body.len() + 32);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        out.extend_from_slice(body);
    }

    /// What TLS needs: the system's certificates and the endpoint's own are trusted, and the server's is checked.
    /// Reads files, for milliseconds. The error says what is wrong.
    pub fn tls(&self) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
        let name = ServerName::try_from(self.address.host.clone()).map_err(|_| {
            format!(
                "`{}` is not a name that a certificate can have",
                self.address.host
            )
        })?;
        Ok((Arc::new(client_config(self.extra.clone())?), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Pressure, RetryPolicy};
    use seatrial_types::{Message, Role, Secret};
    use serde_json::Map;

    fn endpoint(base_url: &str, api: Api) -> Endpoint {
        Endpoint {
            name: "t".to_owned(),
            api,
            base_url: base_url.to_owned(),
            model: "m".to_owned(),
            key: Some(Secret::new("sk-canary-123")),
            headers: Vec::new(),
            params: Map::new(),
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            stream: true,
            extra_ca: None,
            pressure: Arc::new(Pressure::default()),
        }
    }

    /// Protects load tests from asking something else than evaluations: the request in bytes, framing included.
    #[test]
    fn writes_whole_requests() {
        let blueprint = Blueprint::try_new(&endpoint("http://h:8/v1", Api::Chat)).unwrap();
        let request = ModelRequest {
            messages: vec![Message::new(Role::User, "hi")],
            ..ModelRequest::default()
        };
        let mut out = Vec::new();
        blueprint.push_request(&request, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("host: h:8\r\n"), "{head}");
        assert!(head.contains("authorization: Bearer sk-canary-123\r\n"), "{head}");
        assert!(
            head.ends_with(&format!("content-length: {}", body.len())),
            "{head}"
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["stream_options"]["include_usage"], true);
        assert_eq!(
            (blueprint.host(), blueprint.port(), blueprint.is_https()),
            ("h", 8, false)
        );
        assert!(!format!("{blueprint:?}").contains("canary"));
    }

    /// Protects people from a late failure: what cannot be asked is said at once.
    #[test]
    fn refuses_what_cannot_be_asked() {
        assert!(Blueprint::try_new(&endpoint("h:8", Api::Chat)).is_err());
        let mut reserved = endpoint("http://h", Api::Chat);
        reserved.params.insert("stream".to_owned(), true.into());
        assert!(Blueprint::try_new(&reserved).is_err());
    }
}
