//! Records of a state by their key, in order, with the hashes that the state's root is made of (law 16). What is hashed is
//! remembered until a record is touched, so that a root costs what has changed and not what there is.
//!
//! Who was touched is known in two parts: since the last entry (`Records::touched`), for what else is counted over a
//! table, and since the hashes were last remembered (`Records::settle`).

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::codec;
use crate::label::{Label, hash};
use crate::org::state::LARGEST_SNAPSHOT;

/// A table of records. It reads as the map that it holds.
#[derive(Clone)]
pub struct Records<K, V> {
    map: BTreeMap<K, V>,
    tree: Tree<K>,
    /// Touched since the last entry.
    touched: Touched<K>,
    /// Read as a whole since the last entry: every record counts as touched, and so do those that were there before.
    new: bool,
}

/// Hashes of a table as it was when it was last settled.
#[derive(Clone)]
struct Tree<K> {
    /// Keys in order; those of the leaves.
    keys: Vec<K>,
    /// Leaves, then each level above, up to one hash.
    levels: Vec<Vec<[u8; 32]>>,
    /// Touched since, before the last entry.
    stale: Touched<K>,
}

/// Keys as they were touched. Mostly it is one, several times over.
#[derive(Clone)]
struct Touched<K> {
    keys: Vec<K>,
    /// Above so many, repeats are taken out.
    most: usize,
}

/// Keys among which repeats may be.
const REPEATS: usize = 64;

impl<K: Ord + Copy> Touched<K> {
    fn push(&mut self, key: K) {
        if self.keys.last() == Some(&key) {
            return;
        }
        self.keys.push(key);
        if self.keys.len() > self.most {
            self.keys.sort_unstable();
            self.keys.dedup();
            self.most = REPEATS.max(self.keys.len().saturating_mul(2));
        }
    }

    fn extend<'a>(&mut self, keys: impl IntoIterator<Item = &'a K>)
    where
        K: 'a,
    {
        keys.into_iter().for_each(|key| self.push(*key));
    }

    /// All, in order, each once; none is left.
    fn take(&mut self) -> Vec<K> {
        let mut keys = std::mem::take(&mut self.keys);
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

impl<K> Default for Touched<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            most: REPEATS,
        }
    }
}

impl<K: Ord + Copy + Serialize, V: Serialize> Records<K, V> {
    /// A record, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let record = self.map.get_mut(key)?;
        self.touched.push(*key);
        Some(record)
    }

    /// Puts a record in.
    pub fn insert(&mut self, key: K, record: V) -> Option<V> {
        self.touched.push(key);
        self.map.insert(key, record)
    }

    /// Takes a record out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.touched.push(*key);
        self.map.remove(key)
    }

    /// Changes every record, and takes those out for which it says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.touched.extend(self.map.keys());
        self.map.retain(|key, record| keep(key, record));
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.retain(|_, _| false);
    }

    /// What was touched since the last entry, maybe more than once, and may be there no more.
    pub(super) fn touched(&self) -> impl Iterator<Item = &K> {
        self.touched.keys.iter()
    }

    /// Whether nothing is known of what was there before.
    pub(super) const fn is_new(&self) -> bool {
        self.new
    }

    /// An entry ends: what is touched from now on is touched since it.
    pub(super) fn pass(&mut self) {
        self.new = false;
        self.tree.stale.extend(&self.touched.keys);
        self.touched.keys.clear();
    }

    /// Remembers the hashes of what was touched.
    pub(super) fn settle(&mut self) {
        self.pass();
        self.tree.settle(&self.map);
    }

    /// The root of the table: over its count and its records in order.
    pub(super) fn root(&self) -> [u8; 32] {
        let top = if self.touched.keys.is_empty() && self.tree.stale.keys.is_empty() {
            self.tree.top()
        } else {
            let mut tree = self.tree.clone();
            tree.stale.extend(&self.touched.keys);
            tree.settle(&self.map);
            tree.top()
        };
        let count = self.map.len() as u64;
        hash(
            Label::StateNode,
            &[&count.to_be_bytes(), &top.unwrap_or_default()],
        )
    }
}

impl<K: Ord + Copy + Serialize> Tree<K> {
    /// Makes it the tree of this table, of which nothing but what is stale has changed.
    fn settle<V: Serialize>(&mut self, map: &BTreeMap<K, V>) {
        if self.stale.keys.is_empty() {
            return;
        }
        let stale = self.stale.take();
        let held = |key: &K| self.keys.binary_search(key);
        let same = stale.iter().all(|key| held(key).is_ok() == map.contains_key(key));
        if same {
            for key in stale {
                if let (Ok(place), Some(record)) = (self.keys.binary_search(&key), map.get(&key)) {
                    self.set(place, leaf((&key, record)));
                }
            }
            return;
        }
        // Somebody came or went: the places of those after them move, and with them the levels above the leaves.
        let before = std::mem::take(self);
        let known = |key: &K| {
            let place = before.keys.binary_search(key).ok()?;
            before.levels.first()?.get(place).copied()
        };
        let leaves = map
            .iter()
            .map(|(key, record)| match known(key) {
                Some(hash) if stale.binary_search(key).is_err() => hash,
                _ => leaf((key, record)),
            })
            .collect();
        self.keys = map.keys().copied().collect();
        self.levels = levels(leaves);
    }
}

impl<K> Tree<K> {
    fn top(&self) -> Option<[u8; 32]> {
        self.levels.last().and_then(|level| level.first().copied())
    }

    /// Sets a leaf, and what stands above it.
    fn set(&mut self, mut place: usize, mut hash: [u8; 32]) {
        for number in 0..self.levels.len() {
            let Some(level) = self.levels.get_mut(number) else {
                return;
            };
            if let Some(old) = level.get_mut(place) {
                *old = hash;
            }
            let left = place & !1;
            hash = match level.get(left..) {
                Some([left, right, ..]) => node(left, right),
                Some([single]) => *single,
                _ => return,
            };
            place /= 2;
        }
    }
}

/// The leaves and every level above them. An odd one at the end of a level goes up as it is.
fn levels(leaves: Vec<[u8; 32]>) -> Vec<Vec<[u8; 32]>> {
    let mut levels = vec![leaves];
    while let Some(last) = levels.last().filter(|level| level.len() > 1) {
        let above = last
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node(left, right),
                [single] => *single,
                _ => [0; 32],
            })
            .collect();
        levels.push(above);
    }
    levels
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    hash(Label::StateNode, &[left, right])
}

/// Hash of a record with its key.
pub(super) fn leaf<T: Serialize>(record: T) -> [u8; 32] {
    // A record is bounded by the acts that made it, far below the limit.
    hash(
        Label::StateLeaf,
        &[&codec::encode(&record, LARGEST_SNAPSHOT).unwrap_or_default()],
    )
}

impl<K> Default for Tree<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            levels: Vec::new(),
            stale: Touched::default(),
        }
    }
}

impl<K, V> Default for Records<K, V> {
    fn default() -> Self {
        Self {
            map: BTreeMap::new(),
            tree: Tree::default(),
            touched: Touched::default(),
            new: true,
        }
    }
}

impl<K: Ord + Copy, V> From<BTreeMap<K, V>> for Records<K, V> {
    fn from(map: BTreeMap<K, V>) -> Self {
        let mut touched = Touched::default();
        touched.extend(map.keys());
        Self {
            touched,
            map,
            tree: Tree::default(),
            new: true,
        }
    }
}

impl<K, V> Deref for Records<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.map
    }
}

impl<'a, K, V> IntoIterator for &'a Records<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = std::collections::btree_map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.iter()
    }
}

// What is remembered is no part of what a table is.
impl<K: PartialEq, V: PartialEq> PartialEq for Records<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl<K: Eq, V: Eq> Eq for Records<K, V> {}

impl<K: core::fmt::Debug, V: core::fmt::Debug> core::fmt::Debug for Records<K, V> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.map.fmt(f)
    }
}

impl<K: Serialize, V: Serialize> Serialize for Records<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.map.serialize(serializer)
    }
}

impl<'de, K: Ord + Copy + DeserializeOwned, V: DeserializeOwned> Deserialize<'de> for Records<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u16, u64),
        Change(u16, u64),
        Remove(u16),
        Retain(u64),
        Pass,
        Settle,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..60_u16, any::<u64>()).prop_map(|(key, value)| Step::Insert(key, value)),
            6 => (0..60_u16, any::<u64>()).prop_map(|(key, value)| Step::Change(key, value)),
            2 => (0..60_u16).prop_map(Step::Remove),
            1 => (1..5_u64).prop_map(Step::Retain),
            4 => Just(Step::Pass),
            4 => Just(Step::Settle),
        ]
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_would_be_reckoned_anew(steps in proptest::collection::vec(step(), 1..80)) {
            let mut records = Records::default();
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        records.insert(key, value);
                    }
                    Step::Change(key, value) => {
                        if let Some(record) = records.get_mut(&key) {
                            *record = value;
                        }
                    }
                    Step::Remove(key) => {
                        records.remove(&key);
                    }
                    Step::Retain(n) => records.retain(|_, value| {
                        *value = value.wrapping_add(1);
                        *value % n != 0
                    }),
                    Step::Pass => records.pass(),
                    Step::Settle => records.settle(),
                }
                let anew = Records::from((*records).clone());
                prop_assert_eq!(records.root(), anew.root());
            }
        }
    }
}
