//! The secret of a signature, which shows itself to nobody.

use std::{convert::Infallible, fmt, str::FromStr};

/// The bytes of a secret. `Debug` never prints them, and there is no `Display`.
///
/// Trimming the newline that a file ends with is up to the reader of the file. An empty secret can be made, so that
/// [`SecureLink::new`](crate::SecureLink::new) can say which of the configured ones is empty.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// A secret of these bytes; any bytes will do.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::from("open sesame")), "Secret(…)");
        assert_eq!(
            format!("{:#?}", [Secret::from("open sesame")]),
            "[\n    Secret(…),\n]"
        );
    }
}
