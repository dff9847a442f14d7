//! What the database is asked and what that consumes, noted for the log.
//!
//! It stands between all calls and the wire, so that an attempt that the SDK makes by itself is
//! counted like any other.

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::scan::{ScanInput, ScanOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use aws_smithy_runtime_api::client::interceptors::context::{Input, Output};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;

use crate::tally;

/// Notes calls and consumed units in the [`tally`].
#[derive(Debug)]
pub(crate) struct Meter;

#[dyn_dispatch_hint]
impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        ask(context.input_mut());
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        tally::note(|tally| tally.calls = tally.calls.saturating_add(1));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(output) = context.output_or_error() {
            read(output);
        }
        Ok(())
    }
}

/// Asks for the units with the call, which it makes no dearer.
fn ask(input: &mut Input) {
    let total = Some(ReturnConsumedCapacity::Total);
    if let Some(input) = input.downcast_mut::<GetItemInput>() {
        input.return_consumed_capacity = total;
    } else if let Some(input) = input.downcast_mut::<UpdateItemInput>() {
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

/// Notes the units that an answer tells.
fn read(output: &Output) {
    if let Some(output) = output.downcast_ref::<GetItemOutput>() {
        note_read(output.consumed_capacity());
    } else if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
        note_written(output.consumed_capacity());
    } else if let Some(output) = output.downcast_ref::<TransactWriteItemsOutput>() {
        output.consumed_capacity().iter().for_each(note_transacted);
    } else if let Some(output) = output.downcast_ref::<BatchGetItemOutput>() {
        output
            .consumed_capacity()
            .iter()
            .for_each(|consumed| note_read(Some(consumed)));
    } else if let Some(output) = output.downcast_ref::<QueryOutput>() {
        note_read(output.consumed_capacity());
    } else if let Some(output) = output.downcast_ref::<ScanOutput>() {
        note_read(output.consumed_capacity());
    }
}

fn note_read(consumed: Option<&ConsumedCapacity>) {
    let units = consumed
        .and_then(ConsumedCapacity::capacity_units)
        .unwrap_or_default();
    tally::note(|tally| tally.read_units += units);
}

fn note_written(consumed: Option<&ConsumedCapacity>) {
    let units = consumed
        .and_then(ConsumedCapacity::capacity_units)
        .unwrap_or_default();
    tally::note(|tally| tally.write_units += units);
}

/// A transaction tells its units table by table, and apart: one that was made before, and is
/// only told of again, consumes reads.
fn note_transacted(consumed: &ConsumedCapacity) {
    let (read, written) = (
        consumed.read_capacity_units(),
        consumed.write_capacity_units(),
    );
    tally::note(|tally| {
        tally.read_units += read.unwrap_or_default();
        tally.write_units += written.unwrap_or_default();
    });
}
