//! The ids of one leaf as three bytes each.

use std::collections::BTreeSet;

use super::count_tree::{LEAF_BITS, Leaf};
use super::filter::Flags;
use crate::domain::{InternalError, UserId};
use crate::store::dynamodb::{
    AttributeValue, Check, Conflict, Item, ItemReader, Key, Update, Write, bytes, key, unreadable,
};

/// How many bytes an id takes.
const BYTES: usize = (LEAF_BITS / 8) as usize;

/// The users of a leaf who have the same flags.
///
/// The item has their ids in the attribute `ids`, sorted. Only the bits that differ in a leaf are
/// stored, in three bytes, the highest first. A set without users has no item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct IdSet(pub(super) BTreeSet<UserId>);

impl IdSet {
    /// The set of an item of this leaf.
    pub(super) fn from_item(leaf: Leaf, item: &Item) -> Result<Self, InternalError> {
        let (first, ids) = (*leaf.ids().start(), ItemReader(item).bytes("ids")?);
        let (ids, rest) = ids.as_chunks::<BYTES>();
        if !rest.is_empty() {
            return Err(unreadable("ids"));
        }
        let id = |[high, middle, low]: &[u8; BYTES]| {
            UserId::at(first | u64::from(u32::from_be_bytes([0, *high, *middle, *low])))
        };
        Ok(Self(ids.iter().map(id).collect()))
    }

    fn to_attribute(&self) -> AttributeValue {
        let ids = self.0.iter().flat_map(|id| {
            let [.., high, middle, low] = id.get().to_be_bytes();
            [high, middle, low]
        });
        bytes(&ids.collect::<Vec<_>>())
    }

    /// The write that makes this set of a leaf that of `wanted`, on the condition that it is still
    /// this. `None` if they are equal.
    pub(super) fn write(&self, wanted: &Self, leaf: Leaf, flags: Flags) -> Option<Write> {
        if self == wanted {
            return None;
        }
        let key: Key = key::user_ids(flags.digits(), leaf.0);
        let (condition, was) = match self.0.is_empty() {
            true => ("attribute_not_exists(ids)".to_owned(), None),
            false => (
                "ids = :was".to_owned(),
                Some((":was".to_owned(), self.to_attribute())),
            ),
        };
        if wanted.0.is_empty() {
            let check = Check {
                key,
                condition,
                names: Vec::new(),
                values: was.into_iter().collect(),
            };
            return Some(Write::DeleteIf(check, Conflict::ListItem));
        }
        let new = (":new".to_owned(), wanted.to_attribute());
        let update = Update {
            key,
            expression: "SET ids = :new".to_owned(),
            condition,
            names: Vec::new(),
            values: was.into_iter().chain([new]).collect(),
        };
        Some(Write::Update(update, Conflict::ListItem))
    }
}

#[cfg(test)]
mod tests {
    use super::IdSet;
    use crate::domain::UserId;
    use crate::store::dynamodb::Item;
    use crate::store::user_index::count_tree::Leaf;

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let leaf = Leaf(0x1fff_ffff);
        let ids = [0, 1, 255, 256, 65_536, 0xff_ffff].map(|low| UserId::at(leaf.0 << 24 | low));
        let set = IdSet(ids.into());
        let mut item = Item::from([("ids".to_owned(), set.to_attribute())]);
        assert_eq!(IdSet::from_item(leaf, &item).unwrap(), set);
        item.insert("ids".to_owned(), crate::store::dynamodb::bytes(&[1, 2]));
        assert!(IdSet::from_item(leaf, &item).is_err());
    }
}
