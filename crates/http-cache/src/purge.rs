//! Purging: which keys a purge means, and the order in time between purges and what is about to be stored.
//!
//! A purge must hold against everything that was on its way when it came: a flight, an entry read from disk, one queued
//! for the disk. So whatever will be stored carries the [`Epoch`] in which it was begun, and asks `Purges::admit`
//! before it becomes visible.

use crate::key::{Key, primary};
use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

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
    /// The latest of those that removed.
    forgotten_hard: u64,
    rules: VecDeque<Declared>,
}

#[derive(Debug)]
struct Declared {
    epoch: u64,
    rule: Rule,
    mode: Mode,
    at: SystemTime,
}

/// The right to make something visible that is not purged. While it is held no purge begins, so it is held briefly and
/// never over an await.
#[derive(Debug)]
pub(crate) struct Admission<'a>(#[expect(dead_code, reason = "held")] RwLockReadGuard<'a, Recent>);

impl Recent {
    /// The purges that mean a key and came after `born`, as far as they are remembered.
    fn later(&self, key: &str, born: Epoch, tag_of: TagOf) -> impl Iterator<Item = &Declared> {
        let later = self.rules.iter().rev();
        later
            .take_while(move |purge| purge.epoch > born.0)
            .filter(move |purge| purge.rule.matches(key, tag_of))
    }
}

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
    pub(crate) fn declare(&self, rule: Rule, mode: Mode, at: SystemTime) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.epoch += 1;
        let epoch = recent.epoch;
        // The same once more takes the place of the one before, so that it is not remembered twice.
        if let Some(last) = recent.rules.back_mut()
            && (&last.rule, last.mode) == (&rule, mode)
        {
            (last.epoch, last.at) = (epoch, at);
            return;
        }
        recent.rules.push_back(Declared {
            epoch,
            rule,
            mode,
            at,
        });
        if recent.rules.len() > REMEMBERED
            && let Some(oldest) = recent.rules.pop_front()
        {
            recent.forgotten = oldest.epoch;
            if oldest.mode == Mode::Hard {
                recent.forgotten_hard = oldest.epoch;
            }
        }
    }

    /// Whether what was begun at `born` for `key` may still be stored.
    pub(crate) fn admit(&self, key: &str, born: Epoch) -> Option<Admission<'_>> {
        let recent = self.read();
        let purged =
            recent.forgotten > born.0 || recent.later(key, born, self.tag_of).any(|_| true);
        (!purged).then_some(Admission(recent))
    }

    /// Whether what was stored at `born` for `key`, and is only read or moved, may still be served; and since when a soft
    /// purge makes it stale.
    pub(crate) fn admit_stored(
        &self,
        key: &str,
        born: Epoch,
    ) -> Option<(Admission<'_>, Option<SystemTime>)> {
        let recent = self.read();
        let mut stale = (recent.forgotten > born.0).then_some(SystemTime::UNIX_EPOCH);
        let mut removed = recent.forgotten_hard > born.0;
        for purge in recent.later(key, born, self.tag_of) {
            match purge.mode {
                Mode::Hard => removed = true,
                Mode::Soft => stale = stale.max(Some(purge.at)),
            }
        }
        (!removed).then_some((Admission(recent), stale))
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
        purges.declare(Rule::Tag("x".into()), Mode::Hard, SystemTime::UNIX_EPOCH);
        assert!(purges.admit("/a/x", before).is_none());
        assert!(purges.admit("/a/y", before).is_some());
        assert!(purges.admit("/a/x", purges.now()).is_some());
    }

    #[test]
    fn a_forgotten_purge_counts_against_all_that_began_before_it() {
        let purges = Purges::new(file_name);
        let before = purges.now();
        for number in 0..=REMEMBERED {
            let rule = Rule::Tag(number.to_string());
            purges.declare(rule, Mode::Hard, SystemTime::UNIX_EPOCH);
        }
        assert!(purges.admit("/a/y", before).is_none());
        assert!(purges.admit("/a/y", Epoch(1)).is_some());
    }

    #[test]
    fn what_is_stored_outlives_a_soft_purge_as_stale_and_no_hard_one() {
        let purges = Purges::new(file_name);
        let before = purges.now();
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000);
        let stale = |key| purges.admit_stored(key, before).map(|(_, stale)| stale);
        purges.declare(Rule::Tag("x".into()), Mode::Soft, at);
        assert_eq!((stale("/a/x"), stale("/a/y")), (Some(Some(at)), Some(None)));
        assert!(purges.admit("/a/x", before).is_none());
        for number in 0..REMEMBERED {
            purges.declare(Rule::Tag(number.to_string()), Mode::Soft, at);
        }
        assert!(matches!(stale("/a/x"), Some(Some(_))));
        purges.declare(Rule::Tag("x".into()), Mode::Hard, at);
        assert_eq!(stale("/a/x"), None);
    }
}
