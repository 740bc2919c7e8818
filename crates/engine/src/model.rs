//! The one implementation of the `Model` port: a call to a named target through its cache and its provider, with its
//! limits.

use crate::cache::ResponseCache;
use futures_util::future::BoxFuture;
use seatrial_provider::Provider;
use seatrial_task::Model;
use seatrial_types::{Call, ModelRequest};

/// A target that can be asked.
pub struct TargetModel {
    provider: Provider,
    cache: Option<ResponseCache>,
}

impl TargetModel {
    /// Wraps a provider, which keeps rate limits and retries. With a cache, what it has is not asked for.
    #[must_use]
    pub fn new(provider: Provider, cache: Option<ResponseCache>) -> Self {
        Self { provider, cache }
    }
}

impl Model for TargetModel {
    fn call(&self, request: ModelRequest) -> BoxFuture<'_, Call> {
        Box::pin(async move {
            let Some(cache) = &self.cache else {
                return self.provider.call(&request).await;
            };
            let key = cache.key(&request);
            if let Some(call) = cache.look_up(key) {
                return call;
            }
            let call = self.provider.call(&request).await;
            cache.keep(key, &call);
            call
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.provider.close())
    }
}
