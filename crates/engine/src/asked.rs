//! Models that scorers ask, with an account of what that costs. Apart from the targets, because evaluating is money too
//! and must never be taken for the target's.

use futures_util::future::BoxFuture;
use seatrial_task::Model;
use seatrial_types::{Call, ModelRequest, ModelSpend, Price};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The models of a suite by name.
pub type AskedModels = BTreeMap<String, AskedModel>;

/// A model that scorers ask.
pub struct AskedModel {
    model: Arc<dyn Model>,
    price: Option<Price>,
    spend: Mutex<ModelSpend>,
}

impl AskedModel {
    /// Keeps account of the calls of `model`, which is called `name` in the suite and asked for as `served`.
    #[must_use]
    pub fn new(name: String, served: Option<String>, model: Arc<dyn Model>, price: Option<Price>) -> Self {
        Self {
            model,
            price,
            spend: Mutex::new(ModelSpend::new(name, served)),
        }
    }

    /// What was spent so far.
    #[must_use]
    pub fn spend(&self) -> ModelSpend {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ModelSpend> {
        // Plain sums: there is no half-done state that a panic could leave.
        self.spend.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model for AskedModel {
    fn call(&self, request: ModelRequest) -> BoxFuture<'_, Call> {
        Box::pin(async move {
            let call = self.model.call(request).await;
            self.lock().add(&call, self.price.as_ref());
            call
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.model.close()
    }
}
