//! Creation and comparison of tables.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use dynoxide::Database;
use serde_json::{Value as Json, json};

use crate::template::Table;

/// Creates a table. An existing one only gets a stream, if it lacks one.
pub(super) fn create(database: &Database, table: &Table) -> Result<()> {
    try_create(database, table).with_context(|| format!("creating the table {}", table.name))
}

fn try_create(database: &Database, table: &Table) -> Result<()> {
    if let Some(existing) = database.get_table_metadata(&table.name)? {
        if table.stream.is_some() && !existing.stream_enabled {
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

/// Keys, attributes, indexes, stream and time to live of a table.
///
/// Empty if there is no table with this name.
pub(super) fn schema(database: &Database, name: &str) -> Result<BTreeSet<String>> {
    let Some(table) = database.get_table_metadata(name)? else {
        return Ok(BTreeSet::new());
    };
    let lists = [
        Some(table.key_schema),
        Some(table.attribute_definitions),
        table.gsi_definitions,
        table.lsi_definitions,
    ];
    let elements = lists
        .into_iter()
        .flatten()
        .filter_map(|list| serde_json::from_str::<Vec<Json>>(&list).ok())
        .flatten()
        .map(|element| element.to_string());
    let stream = table
        .stream_view_type
        .filter(|_| table.stream_enabled)
        .map(|view| format!("stream {view}"));
    let time_to_live = table
        .ttl_attribute
        .filter(|_| table.ttl_enabled)
        .map(|attribute| format!("time to live {attribute}"));
    Ok(elements.chain(stream).chain(time_to_live).collect())
}
