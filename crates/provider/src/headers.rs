//! Headers of every request, made once. Apart because what a suite adds is checked here: nothing that would break the
//! framing, and no secret without its mark.

use crate::address::Address;
use crate::anthropic;
use crate::api::{Api, KeyStyle};
use crate::{Endpoint, EndpointError};
use hyper::HeaderMap;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, TRANSFER_ENCODING, USER_AGENT,
};
use seatrial_types::TOOL_VERSION;

/// Headers that the connection itself needs as they are.
const RESERVED: [HeaderName; 5] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    ACCEPT_ENCODING,
];

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// Headers of every request to the endpoint; the length is added by the connection.
pub(crate) fn headers(address: &Address, endpoint: &Endpoint) -> Result<HeaderMap, EndpointError> {
    let mut headers = HeaderMap::with_capacity(8 + endpoint.headers.len());
    headers.insert(HOST, address.host_header.clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("text/event-stream, application/json"),
    );
    // Compression would hold tokens back until a block is full.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Ok(agent) = HeaderValue::from_str(&format!("seatrial/{TOOL_VERSION}")) {
        headers.insert(USER_AGENT, agent);
    }
    if matches!(endpoint.api, Api::Messages) {
        headers.insert(ANTHROPIC_VERSION, HeaderValue::from_static(anthropic::VERSION));
    }
    if let Some(key) = &endpoint.key {
        let (name, value) = match endpoint.api.key_style() {
            KeyStyle::Bearer => (AUTHORIZATION, format!("Bearer {}", key.reveal())),
            KeyStyle::XApiKey => (X_API_KEY, key.reveal().to_owned()),
        };
        let mut value = HeaderValue::from_str(&value).map_err(|_| EndpointError::Key {
            target: endpoint.name.clone(),
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    for header in &endpoint.headers {
        let wrong = |problem| EndpointError::Header {
            target: endpoint.name.clone(),
            header: header.name.clone(),
            problem,
        };
        let name: HeaderName = header
            .name
            .parse()
            .map_err(|_| wrong("is not a name that a header can have; hint: letters, digits and `-`"))?;
        if RESERVED.contains(&name) {
            return Err(wrong("is set by the connection itself; hint: remove it"));
        }
        let mut value = HeaderValue::from_str(header.value.reveal()).map_err(|_| {
            wrong("has a value with a line break or another character that a header cannot carry")
        })?;
        value.set_sensitive(header.is_secret);
        headers.insert(name, value);
    }
    Ok(headers)
}
