//! The headers that the SDK adds to requests about itself.

use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{
    Intercept, disable_interceptor, dyn_dispatch_hint,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

const CAUSE: &str = "AWS needs none of these headers";

/// Leaves out the SDK's headers about its features, its retries and the request. A short `user-agent`
/// stays, for CloudTrail.
///
/// The headers took 3 % of a warm request. AWS requires that all headers with the prefix `x-amz-` are
/// signed. Without the SDK's, those that [`PostSigner`](super::signer::PostSigner) signs are all.
#[derive(Debug)]
pub(super) struct ShortHeaders;

#[dyn_dispatch_hint]
impl Intercept for ShortHeaders {
    fn name(&self) -> &'static str {
        "short headers"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let state = config.interceptor_state();
        state.store_put(disable_interceptor::<UserAgentInterceptor>(CAUSE));
        state.store_put(disable_interceptor::<InvocationIdInterceptor>(CAUSE));
        state.store_put(disable_interceptor::<RequestInfoInterceptor>(CAUSE));
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.insert("user-agent", "accounts");
        Ok(())
    }
}
