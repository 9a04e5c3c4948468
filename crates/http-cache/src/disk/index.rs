//! Which keys are on disk and where, in order of use: all that a look-up needs before it opens a file.
//!
//! A slab of slots linked into an LRU list, and a table from key to slot. A node takes 56 bytes and the text of its
//! key, the table about 10: a million entries with keys of 60 bytes take some 150 MB. A slab rather than boxed nodes,
//! so that a purge can walk it in small steps without holding the lock.

use hashbrown::HashTable;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const NONE: u32 = u32::MAX;

/// What a file system takes for a file, in units of which sizes are counted.
const BLOCK: u64 = 4096;

/// The digest of content (xxh3, 128 bits, big-endian), which is also the content's file name.
pub(super) type Content = [u8; 16];

/// Where an entry lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) key: Box<str>,
    pub(super) content: Content,
    /// Bytes of the content file.
    pub(super) size: u64,
    /// When it was last asked for.
    pub(super) used: Seconds,
    /// When a purge marked it stale; 0 when none did.
    pub(super) expired: Seconds,
}

/// Whole seconds since 1970, in four bytes; good until 2106.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seconds(pub(super) u32);

impl Seconds {
    pub(super) fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u32::try_from(since.as_secs()).unwrap_or(u32::MAX))
    }

    pub(super) fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::from(self.0))
    }
}

/// Which file holds an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) content: Content,
    /// Bytes of the file.
    pub(super) size: u64,
}

impl Slot {
    pub(super) fn place(&self) -> Place {
        Place {
            content: self.content,
            size: self.size,
        }
    }

    /// Notes that a soft purge marked it.
    pub(super) fn expire(&mut self, at: Option<SystemTime>) {
        if let Some(at) = at {
            // Of a moment that is not known it is known that it was one.
            self.expired = self.expired.max(Seconds::of(at)).max(Seconds(1));
        }
    }

    /// What the entry takes on disk: whole blocks of its content, and one for its index line.
    pub(super) fn footprint(&self) -> u64 {
        footprint(self.size)
    }
}

/// What content of this size takes on disk.
pub(super) fn footprint(size: u64) -> u64 {
    size.div_ceil(BLOCK) * BLOCK + BLOCK
}

struct Node {
    /// `None`: the node is free.
    slot: Option<Slot>,
    /// The neighbour that was used after this one; of a free node, the next free one.
    newer: u32,
    /// The neighbour that was used before this one.
    older: u32,
}

/// The index.
pub(super) struct Index {
    nodes: Vec<Node>,
    table: HashTable<u32>,
    /// The process's own, so that nobody outside can aim at collisions.
    seed: u64,
    free: u32,
    newest: u32,
    oldest: u32,
    bytes: u64,
}

impl Index {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            nodes: Vec::new(),
            table: HashTable::new(),
            seed,
            free: NONE,
            newest: NONE,
            oldest: NONE,
            bytes: 0,
        }
    }

    /// Bytes on disk, as [`Slot::footprint`] counts them.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Slot> {
        self.slot(self.find(key)?)
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The slot of a key, which becomes the most recently used one.
    pub(super) fn touch(&mut self, key: &str, now: Seconds) -> Option<&mut Slot> {
        let at = self.find(key)?;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
        let slot = self.nodes.get_mut(at as usize)?.slot.as_mut()?;
        slot.used = now;
        Some(slot)
    }

    /// The slot of a key, its place in the order unchanged.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Slot> {
        let at = self.find(key)?;
        self.nodes.get_mut(at as usize)?.slot.as_mut()
    }

    /// Adds a slot as the most recently used one, and gives back what stood under its key.
    pub(super) fn insert(&mut self, slot: Slot) -> Option<Slot> {
        let previous = self.remove(&slot.key);
        self.bytes += slot.footprint();
        let hash = self.hash(&slot.key);
        let at = self.place(slot);
        let (nodes, seed) = (&self.nodes, self.seed);
        self.table
            .insert_unique(hash, at, |at| hash_at(nodes, *at, seed));
        self.link_newest(at);
        previous
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Slot> {
        let (hash, nodes) = (self.hash(key), &self.nodes);
        let found = self
            .table
            .find_entry(hash, |at| key_at(nodes, *at) == Some(key))
            .ok()?;
        let (at, _) = found.remove();
        self.unlink(at);
        let node = self.nodes.get_mut(at as usize)?;
        let slot = node.slot.take()?;
        node.newer = self.free;
        self.free = at;
        self.bytes -= slot.footprint();
        Some(slot)
    }

    /// The least recently used slot.
    pub(super) fn oldest(&self) -> Option<&Slot> {
        self.slot(self.oldest)
    }

    pub(super) fn pop_oldest(&mut self) -> Option<Slot> {
        let key = self.oldest()?.key.clone();
        self.remove(&key)
    }

    /// Visits the slots of a part of the slab that starts at `from`; gives where the next part starts, or `None` at the
    /// end. A slot that is there through the whole walk is visited once, in whatever parts it is done.
    pub(super) fn walk(
        &self,
        from: usize,
        count: usize,
        mut visit: impl FnMut(&Slot),
    ) -> Option<usize> {
        let part = self.nodes.get(from..)?;
        for node in part.iter().take(count) {
            if let Some(slot) = &node.slot {
                visit(slot);
            }
        }
        (part.len() > count).then_some(from + count)
    }

    fn hash(&self, key: &str) -> u64 {
        xxh3_64_with_seed(key.as_bytes(), self.seed)
    }

    fn find(&self, key: &str) -> Option<u32> {
        self.table
            .find(self.hash(key), |at| key_at(&self.nodes, *at) == Some(key))
            .copied()
    }

    fn slot(&self, at: u32) -> Option<&Slot> {
        self.nodes.get(at as usize)?.slot.as_ref()
    }

    fn place(&mut self, slot: Slot) -> u32 {
        if let Some(node) = self.nodes.get_mut(self.free as usize) {
            let at = self.free;
            self.free = node.newer;
            node.slot = Some(slot);
            return at;
        }
        let at = self.nodes.len() as u32;
        self.nodes.push(Node {
            slot: Some(slot),
            newer: NONE,
            older: NONE,
        });
        at
    }

    fn link_newest(&mut self, at: u32) {
        let second = std::mem::replace(&mut self.newest, at);
        if let Some(node) = self.nodes.get_mut(at as usize) {
            (node.older, node.newer) = (second, NONE);
        }
        match self.nodes.get_mut(second as usize) {
            Some(node) => node.newer = at,
            None => self.oldest = at,
        }
    }

    fn unlink(&mut self, at: u32) {
        let Some((older, newer)) = self
            .nodes
            .get(at as usize)
            .map(|node| (node.older, node.newer))
        else {
            return;
        };
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
        match self.nodes.get_mut(newer as usize) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
    }
}

fn key_at(nodes: &[Node], at: u32) -> Option<&str> {
    Some(&nodes.get(at as usize)?.slot.as_ref()?.key)
}

fn hash_at(nodes: &[Node], at: u32, seed: u64) -> u64 {
    xxh3_64_with_seed(key_at(nodes, at).unwrap_or_default().as_bytes(), seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn slot(key: &str, size: u64) -> Slot {
        Slot {
            key: key.into(),
            content: [1; 16],
            size,
            used: Seconds(0),
            expired: Seconds(0),
        }
    }

    #[test]
    fn a_node_is_small() {
        assert_eq!(size_of::<Node>(), 56);
    }

    #[test]
    fn a_file_takes_whole_blocks_and_one_for_its_line() {
        assert_eq!(footprint(1), 8192);
        assert_eq!(footprint(4096), 8192);
        assert_eq!(footprint(4097), 12288);
    }

    #[test]
    fn a_million_entries_fit_in_300_mb() {
        let mut index = Index::new(7);
        for number in 0..1_000_000 {
            let key = format!("/resize/300x200,q=80/some/folder/picture-{number:012}.jpg");
            index.insert(slot(&key, 20_000));
        }
        assert_eq!(index.len(), 1_000_000);
        let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
            eprintln!("skipped: no /proc here");
            return;
        };
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: u64 = resident
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        // The whole test process, that is: the index alone takes less.
        assert!(kilobytes < 300_000, "{kilobytes} kB");
        eprintln!("a million entries: {kilobytes} kB with the test itself");
    }

    #[test]
    fn a_walk_in_parts_sees_every_slot_once() {
        let mut index = Index::new(7);
        for number in 0..100 {
            index.insert(slot(&format!("/{number}"), 1));
        }
        index.remove("/50");
        let (mut from, mut seen) = (Some(0), 0);
        while let Some(at) = from {
            from = index.walk(at, 7, |_| seen += 1);
        }
        assert_eq!(seen, 99);
    }

    proptest! {
        /// Against a list that is searched from end to end.
        #[test]
        fn the_order_is_that_of_use(steps in prop::collection::vec((0..4_u8, 0..20_u8), 0..300)) {
            let mut index = Index::new(7);
            let mut model: VecDeque<(String, u64)> = VecDeque::new();
            for (step, key) in steps {
                let key = format!("/{key}");
                let at = model.iter().position(|(known, _)| *known == key);
                match step {
                    0 => {
                        let size = model.len() as u64 * 1000;
                        let previous = at.and_then(|at| model.remove(at));
                        prop_assert_eq!(index.insert(slot(&key, size)).map(|slot| slot.size), previous.map(|(_, size)| size));
                        model.push_back((key, size));
                    }
                    1 => {
                        prop_assert_eq!(index.touch(&key, Seconds(1)).is_some(), at.is_some());
                        if let Some(entry) = at.and_then(|at| model.remove(at)) {
                            model.push_back(entry);
                        }
                    }
                    2 => {
                        prop_assert_eq!(index.remove(&key).is_some(), at.is_some());
                        at.and_then(|at| model.remove(at));
                    }
                    _ => prop_assert_eq!(index.pop_oldest().map(|slot| slot.key.into_string()), model.pop_front().map(|(key, _)| key)),
                }
                prop_assert_eq!(index.len(), model.len());
                prop_assert_eq!(index.bytes(), model.iter().map(|(_, size)| footprint(*size)).sum::<u64>());
                prop_assert_eq!(index.oldest().map(|slot| slot.key.to_string()), model.front().map(|(key, _)| key.clone()));
            }
        }
    }
}
