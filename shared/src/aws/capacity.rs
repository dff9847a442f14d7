//! Metering of DynamoDB calls and their consumed capacity.
//!
//! An interceptor of the SDK sees every attempt, including the SDK's own retries.

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::delete_item::{DeleteItemInput, DeleteItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::scan::{ScanInput, ScanOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use aws_smithy_runtime_api::client::interceptors::context::{Input, Output};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;

use crate::telemetry::request_metrics;

/// Counts calls and consumed capacity in the [`request_metrics`].
#[derive(Debug)]
pub(crate) struct CapacityInterceptor;

#[dyn_dispatch_hint]
impl Intercept for CapacityInterceptor {
    fn name(&self) -> &'static str {
        "capacity"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        request_capacity(context.input_mut());
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        request_metrics::record(|metrics| metrics.calls = metrics.calls.saturating_add(1));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(output) = context.output_or_error() {
            record_output(output);
        }
        Ok(())
    }
}

/// Requests the consumed capacity with the response, which costs nothing.
fn request_capacity(input: &mut Input) {
    let total = Some(ReturnConsumedCapacity::Total);
    if let Some(input) = input.downcast_mut::<GetItemInput>() {
        input.return_consumed_capacity = total;
    } else if let Some(input) = input.downcast_mut::<UpdateItemInput>() {
        input.return_consumed_capacity = total;
    } else if let Some(input) = input.downcast_mut::<PutItemInput>() {
        input.return_consumed_capacity = total;
    } else if let Some(input) = input.downcast_mut::<DeleteItemInput>() {
        input.return_consumed_capacity = total;
    } else if let Some(input) = input.downcast_mut::<TransactWriteItemsInput>() {
        input.return_consumed_capacity = total;
    } else if let Some(input) = input.downcast_mut::<BatchGetItemInput>() {
        input.return_consumed_capacity = total;
    } else if let Some(input) = input.downcast_mut::<QueryInput>() {
        input.return_consumed_capacity = total;
    } else if let Some(input) = input.downcast_mut::<ScanInput>() {
        input.return_consumed_capacity = total;
    }
}

/// Records the consumed capacity of a response.
fn record_output(output: &Output) {
    if let Some(output) = output.downcast_ref::<GetItemOutput>() {
        record_read(output.consumed_capacity());
    } else if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
        record_written(output.consumed_capacity());
    } else if let Some(output) = output.downcast_ref::<PutItemOutput>() {
        record_written(output.consumed_capacity());
    } else if let Some(output) = output.downcast_ref::<DeleteItemOutput>() {
        record_written(output.consumed_capacity());
    } else if let Some(output) = output.downcast_ref::<TransactWriteItemsOutput>() {
        output
            .consumed_capacity()
            .iter()
            .for_each(record_transaction);
    } else if let Some(output) = output.downcast_ref::<BatchGetItemOutput>() {
        output
            .consumed_capacity()
            .iter()
            .for_each(|consumed| record_read(Some(consumed)));
    } else if let Some(output) = output.downcast_ref::<QueryOutput>() {
        record_read(output.consumed_capacity());
    } else if let Some(output) = output.downcast_ref::<ScanOutput>() {
        record_read(output.consumed_capacity());
    }
}

fn record_read(consumed: Option<&ConsumedCapacity>) {
    let units = consumed
        .and_then(ConsumedCapacity::capacity_units)
        .unwrap_or_default();
    request_metrics::record(|metrics| metrics.read_units += units);
}

fn record_written(consumed: Option<&ConsumedCapacity>) {
    let units = consumed
        .and_then(ConsumedCapacity::capacity_units)
        .unwrap_or_default();
    request_metrics::record(|metrics| metrics.write_units += units);
}

/// A transaction reports read and write units per table. An idempotent retry of a committed one
/// consumes read units only.
fn record_transaction(consumed: &ConsumedCapacity) {
    let (read, written) = (
        consumed.read_capacity_units(),
        consumed.write_capacity_units(),
    );
    request_metrics::record(|metrics| {
        metrics.read_units += read.unwrap_or_default();
        metrics.write_units += written.unwrap_or_default();
    });
}
