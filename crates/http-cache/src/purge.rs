//! Purging: which keys a purge means, and the order in time between purges and what is about to be stored.
//!
//! A purge must hold against everything that was on its way when it came: a flight, an entry read from disk, one queued
//! for the disk. So whatever will be stored carries the [`Epoch`] in which it was begun, and asks `Purges::admit`
//! before it becomes visible.

use crate::key::{Key, primary};
use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Purges remembered one by one. Of older ones it is only known that they were: what began before them is not stored.
const REMEMBERED: usize = 1024;

/// Gives the tag of a key, by which purges find all that belongs together: for the edge, the original's name.
pub type TagOf = fn(&str) -> Option<&str>;

/// What a purge means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One key, with its variants.
    Key(Key),
    /// All keys with this tag.
    Tag(String),
    /// All keys whose tag begins so.
    TagPrefix(String),
    /// Everything.
    All,
}

impl Rule {
    pub(crate) fn matches(&self, key: &str, tag_of: TagOf) -> bool {
        let key = primary(key);
        match self {
            Self::Key(purged) => purged.as_str() == key,
            Self::Tag(purged) => tag_of(key) == Some(purged),
            Self::TagPrefix(prefix) => tag_of(key).is_some_and(|tag| tag.starts_with(prefix)),
            Self::All => true,
        }
    }
}

/// What a purge does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Marks stale: still served while it is revalidated, or when that fails.
    Soft,
    /// Removes.
    Hard,
}

/// A moment between two purges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

/// The purges of a cache. Shared by the tiers and the flights.
#[derive(Debug)]
pub(crate) struct Purges {
    tag_of: TagOf,
    recent: RwLock<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    epoch: u64,
    /// The latest purge that is not remembered one by one.
    forgotten: u64,
    rules: VecDeque<(u64, Rule)>,
}

/// The right to make something visible that is not purged. While it is held no purge begins, so it is held briefly and
/// never over an await.
#[derive(Debug)]
pub(crate) struct Admission<'a>(#[expect(dead_code, reason = "held")] RwLockReadGuard<'a, Recent>);

impl Purges {
    pub(crate) fn new(tag_of: TagOf) -> Self {
        Self {
            tag_of,
            recent: RwLock::default(),
        }
    }

    pub(crate) fn tag_of(&self) -> TagOf {
        self.tag_of
    }

    pub(crate) fn now(&self) -> Epoch {
        Epoch(self.read().epoch)
    }

    /// Begins a purge: nothing that it means and that began earlier is admitted any more. What is visible already is
    /// for the caller to remove.
    pub(crate) fn declare(&self, rule: Rule) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.epoch += 1;
        let epoch = recent.epoch;
        recent.rules.push_back((epoch, rule));
        if recent.rules.len() > REMEMBERED
            && let Some((epoch, _)) = recent.rules.pop_front()
        {
            recent.forgotten = epoch;
        }
    }

    /// Whether what was begun at `born` for `key` may still be stored.
    pub(crate) fn admit(&self, key: &str, born: Epoch) -> Option<Admission<'_>> {
        let recent = self.read();
        let later = recent
            .rules
            .iter()
            .rev()
            .take_while(|(epoch, _)| *epoch > born.0);
        let purged = recent.forgotten > born.0
            || later
                .into_iter()
                .any(|(_, rule)| rule.matches(key, self.tag_of));
        (!purged).then_some(Admission(recent))
    }

    fn read(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_name(key: &str) -> Option<&str> {
        key.rsplit_once('/').map(|(_, name)| name)
    }

    #[test]
    fn rules_mean_what_they_say() {
        let key = |text: &str| Rule::Key(Key::new(text));
        for (rule, matched, spared) in [
            (
                key("/a/x"),
                &["/a/x", "/a/x\nvariant"][..],
                &["/a/xy", "/a"][..],
            ),
            (
                Rule::Tag("x".into()),
                &["/a/x", "/b/x", "/b/x\nv"],
                &["/a/xy", "x"],
            ),
            (
                Rule::TagPrefix("x".into()),
                &["/a/x", "/b/xy"],
                &["/x/a", "/a/y"],
            ),
            (Rule::All, &["/a/x", ""], &[]),
        ] {
            for text in matched {
                assert!(rule.matches(text, file_name), "{rule:?} {text}");
            }
            for text in spared {
                assert!(!rule.matches(text, file_name), "{rule:?} {text}");
            }
        }
    }

    #[test]
    fn what_began_before_a_purge_is_not_admitted_and_what_began_after_is() {
        let purges = Purges::new(file_name);
        let before = purges.now();
        purges.declare(Rule::Tag("x".into()));
        assert!(purges.admit("/a/x", before).is_none());
        assert!(purges.admit("/a/y", before).is_some());
        assert!(purges.admit("/a/x", purges.now()).is_some());
    }

    #[test]
    fn a_forgotten_purge_counts_against_all_that_began_before_it() {
        let purges = Purges::new(file_name);
        let before = purges.now();
        for number in 0..=REMEMBERED {
            purges.declare(Rule::Tag(number.to_string()));
        }
        assert!(purges.admit("/a/y", before).is_none());
        assert!(purges.admit("/a/y", Epoch(1)).is_some());
    }
}
