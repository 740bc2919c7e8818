//! The one implementation of the `Model` port: a call to a named target through its provider, with its limits.

use futures_util::future::BoxFuture;
use seatrial_provider::Provider;
use seatrial_task::Model;
use seatrial_types::{Call, ModelRequest};

/// A target that can be asked.
pub struct TargetModel {
    provider: Provider,
}

impl TargetModel {
    /// Wraps a provider, which keeps rate limits and retries.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self { provider }
    }
}

impl Model for TargetModel {
    fn call(&self, request: ModelRequest) -> BoxFuture<'_, Call> {
        Box::pin(async move { self.provider.call(&request).await })
    }
}
