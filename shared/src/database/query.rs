//! Reading several items: what the operator asks for, and no endpoint.

use super::{Database, Item, Key, Table, fault, text};
use crate::Fault;

impl Database {
    /// The last `most` of the items that are kept under `key`, from the last to the first.
    pub(crate) async fn newest(&self, key: &Key, most: usize) -> Result<Vec<Item>, Fault> {
        let query = self.client.query().table_name(self.names.of(key.table));
        let query =
            query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(&key.id));
        let mut found = query.consistent_read(true).scan_index_forward(false).into_paginator().items().send();
        let mut items = Vec::new();
        while items.len() < most
            && let Some(item) = found.next().await
        {
            items.push(item.map_err(|error| fault("Query", &error))?);
        }
        Ok(items)
    }

    /// The items of `table` whose attribute `name` is `value`. Reads the table from end to end.
    pub(crate) async fn search(&self, table: Table, name: &str, value: &str) -> Result<Vec<Item>, Fault> {
        let scan = self.client.scan().table_name(self.names.of(table)).consistent_read(true);
        let scan = scan.filter_expression("#name = :value").expression_attribute_names("#name", name);
        let scan = scan.expression_attribute_values(":value", text(value));
        let found = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        found.map_err(|error| fault("Scan", &error))
    }
}
