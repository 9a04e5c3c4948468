//! The key of a stored response.

use std::fmt;
use std::sync::Arc;

/// Ends the part of a key that requests share, before what tells variants apart. No URL holds it.
const END: char = '\n';

/// What makes two requests the same: for the edge, the canonical URL. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// A key from its text, which holds no control characters.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of a variant of what this key stands for (RFC 9111 §4.1: the secondary key). A purge of the latter means
    /// the variant too.
    #[must_use]
    pub fn variant(&self, of: &str) -> Self {
        Self(format!("{}{END}{of}", self.0).into())
    }
}

/// The key that a variant's key was made from; any other key as it is.
pub(crate) fn primary(key: &str) -> &str {
    key.split_once(END).map_or(key, |(primary, _)| primary)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_knows_where_it_comes_from() {
        let key = Key::new("/a?b");
        assert_eq!(primary(key.variant("1").as_str()), "/a?b");
        assert_eq!(primary(key.as_str()), "/a?b");
        assert_ne!(key.variant("1"), key.variant("2"));
    }
}
