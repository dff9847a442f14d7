//! A table: how it comes to be, and what it is.

use std::collections::BTreeSet;

use anyhow::Result;
use dynoxide::Database;
use serde_json::{Value as Json, json};

use crate::template::Table;

/// Makes a table that is not there yet, and gives one that is the stream that it lacks.
pub(super) fn make(database: &Database, table: &Table) -> Result<()> {
    if let Some(made) = database.get_table_metadata(&table.name)? {
        if table.stream.is_some() && !made.stream_enabled {
            let stream = &table.create["StreamSpecification"];
            let request = json!({ "TableName": table.name, "StreamSpecification": stream });
            database.update_table(serde_json::from_value(request)?)?;
        }
        return Ok(());
    }
    database.create_table(serde_json::from_value(table.create.clone())?)?;
    if let Some(attribute) = &table.time_to_live {
        let specification = json!({ "AttributeName": attribute, "Enabled": true });
        let request = json!({ "TableName": table.name, "TimeToLiveSpecification": specification });
        database.update_time_to_live(serde_json::from_value(request)?)?;
    }
    Ok(())
}

/// What a table of this name is, in no order: keys, attributes, indexes, stream, expiry. Nothing
/// where there is none.
pub(super) fn shape(database: &Database, table: &Table) -> Result<BTreeSet<String>> {
    let Some(table) = database.get_table_metadata(&table.name)? else {
        return Ok(BTreeSet::new());
    };
    let lists = [
        Some(table.key_schema),
        Some(table.attribute_definitions),
        table.gsi_definitions,
        table.lsi_definitions,
    ];
    let lists = lists
        .into_iter()
        .flatten()
        .filter_map(|list| serde_json::from_str::<Vec<Json>>(&list).ok());
    let parts = lists.flatten().map(|part| part.to_string());
    let stream = table
        .stream_view_type
        .filter(|_| table.stream_enabled)
        .map(|view| format!("stream {view}"));
    let expiry = table
        .ttl_attribute
        .filter(|_| table.ttl_enabled)
        .map(|attribute| format!("expiry {attribute}"));
    Ok(parts.chain(stream).chain(expiry).collect())
}
