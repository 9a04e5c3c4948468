//! Where originals come from: an object store, a folder or a plain HTTP server, with limits of size and time.
//!
//! Requests that want the same original at the same time share one fetch.
//!
//! A name is a key below the source's prefix or folder and nothing else: what could mean another place is missing.

mod address;
mod body;
mod http;
mod store;

use crate::coalesce::Flights;
use ::http::HeaderValue;
use body::{Body, Pieces, in_time};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use http::HttpSource;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use store::Store;
use thiserror::Error;
use url::Url;
use xxhash_rust::xxh3::xxh3_128;

/// Time for a connection to the source.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Bounds of a fetch, and what an HTTP source needs besides its URL.
#[derive(Clone, Debug)]
pub(crate) struct SourceConfig {
    /// For one original, from the question to its last byte.
    pub timeout: Duration,
    /// Bytes of an original at most.
    pub max_size: u64,
    /// Origins besides its own that an HTTP source may redirect to, as `scheme://host:port`.
    pub redirect_to: Vec<String>,
    /// The `Authorization` of requests to the origin of an HTTP source.
    pub authorization: Option<HeaderValue>,
}

#[cfg(test)]
impl SourceConfig {
    /// Bounds alone.
    pub(crate) fn new(timeout: Duration, max_size: u64) -> Self {
        Self {
            timeout,
            max_size,
            redirect_to: Vec::new(),
            authorization: None,
        }
    }
}

/// Why there is no original.
#[derive(Clone, Debug, Error)]
pub(crate) enum SourceError {
    /// No such key, or a name that is no key.
    #[error("there is no such original")]
    Missing,
    /// More bytes than allowed.
    #[error("the original is larger than {limit} bytes")]
    TooLarge {
        /// What is allowed.
        limit: u64,
    },
    /// The source refuses or breaks off.
    #[error("the source fails: {0}")]
    Failed(String),
    /// The source has too much to do.
    #[error("the source is busy")]
    Busy {
        /// When it may be asked again, if it says so.
        retry_after: Option<Duration>,
    },
    /// The source is too slow.
    #[error("the source took longer than {0:?}")]
    Timeout(Duration),
}

/// A `--source` that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum BadSource {
    /// Not a URL.
    #[error("not a URL: {0}")]
    Url(#[from] url::ParseError),
    /// A scheme that is not known.
    #[error(
        "write file:///dir, s3://bucket/prefix, gs://bucket, az://container or https://host/base"
    )]
    Scheme,
    /// Credentials in the URL, from where they would leak.
    #[error(
        "credentials in the URL: give them in --source-authorization-file or RESIZER_SOURCE_AUTHORIZATION"
    )]
    Credentials,
    /// An origin that a redirect may lead to and that is none.
    #[error("--source-redirect-to is an origin, such as https://cdn.example.com")]
    Origin,
    /// A setting that only HTTP sources have.
    #[error("{0} is for http:// and https:// sources")]
    OnlyHttp(&'static str),
    /// The folder cannot be read.
    #[error("{0}")]
    Folder(#[from] std::io::Error),
    /// The store refuses its settings.
    #[error("{0}")]
    Store(#[from] object_store::Error),
    /// The HTTP client cannot be set up.
    #[error("{0}")]
    Client(#[from] reqwest::Error),
}

/// What tells one state of an original from another.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    /// The source's entity tag, if it has one.
    pub etag: Option<String>,
    /// When the original was last changed, if the source says so.
    pub last_modified: Option<SystemTime>,
    /// Its size in bytes as the source stores it, if it says so.
    pub size: Option<u64>,
    /// Where the source says neither a tag nor a date, the hash of the content once that is known.
    pub digest: Option<u128>,
}

impl Validators {
    /// Takes the hash of the content where the source gives nothing else to tell states by.
    fn know(&mut self, content: &[u8]) {
        if self.etag.is_none() && self.last_modified.is_none() {
            self.digest = Some(xxh3_128(content));
        }
    }
}

/// An original, whole.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    /// What the source says of it.
    pub validators: Validators,
    /// Its bytes, shared by all who asked at the same time.
    pub bytes: Bytes,
}

/// An original of which the body has not been read.
struct Opened {
    validators: Validators,
    /// Bytes of the body, where the source says so.
    length: Option<u64>,
    body: Body,
}

/// Bytes of an original that are read before it is passed on, so that its format is known.
const BEGINNING: usize = 64 << 10;

/// An original that is passed on as it comes.
pub(crate) struct Streamed {
    pub(crate) validators: Validators,
    /// Bytes of the body, where the source says so.
    pub(crate) length: Option<u64>,
    /// The first 64 KiB or more, or all.
    pub(crate) beginning: Bytes,
    /// Whether the beginning is all.
    pub(crate) whole: bool,
    /// What follows the beginning, read from the source as it is asked for.
    pub(crate) rest: Pieces,
}

/// The store of originals.
#[derive(Debug)]
pub(crate) struct Source {
    origin: Arc<Origin>,
    flights: Flights<Result<Original, SourceError>>,
}

#[derive(Debug)]
struct Origin {
    place: Place,
    timeout: Duration,
    max_size: u64,
}

#[derive(Debug)]
enum Place {
    Store(Store),
    Http(Box<HttpSource>),
}

impl Source {
    /// Opens the source of a URL. Credentials of object stores are taken from the provider's standard environment variables.
    ///
    /// # Errors
    /// When the URL or the settings make no sense. The network is not asked yet.
    pub(crate) fn open(url: &str, config: &SourceConfig) -> Result<Self, BadSource> {
        let url = Url::parse(url)?;
        let place = match url.scheme() {
            "http" | "https" => Place::Http(Box::new(HttpSource::open(url, config)?)),
            _ if config.authorization.is_some() => {
                return Err(BadSource::OnlyHttp("an authorization"));
            }
            _ if !config.redirect_to.is_empty() => {
                return Err(BadSource::OnlyHttp("--source-redirect-to"));
            }
            "file" => Place::Store(Store::folder(&url)?),
            _ => Place::Store(Store::bucket(&url, config)?),
        };
        Ok(Self {
            origin: Arc::new(Origin {
                place,
                timeout: config.timeout,
                max_size: config.max_size,
            }),
            flights: Flights::default(),
        })
    }

    /// What the source says of an original without giving it; `None` where it says so only with the original.
    ///
    /// # Errors
    /// When there is none, or the source fails.
    pub(crate) async fn validators(&self, name: &str) -> Result<Option<Validators>, SourceError> {
        self.origin.validators(name).await
    }

    /// An original, whole, and whether it came with the fetch of another request.
    ///
    /// # Errors
    /// When there is none, it is too large, or the source fails.
    pub(crate) async fn get(&self, name: &str) -> Result<(Original, bool), SourceError> {
        let fetch = || {
            let (origin, name) = (self.origin.clone(), name.to_owned());
            async move { origin.get(&name).await }
        };
        let (original, joined) = self.flights.join(name, fetch).await;
        Ok((original?, joined))
    }
}

impl Source {
    /// An original that is not held whole. Each piece of it may take as long as one fetch.
    ///
    /// # Errors
    /// When there is none, it is too large, or the source fails before its first bytes have come.
    pub(crate) async fn stream(&self, name: &str) -> Result<Streamed, SourceError> {
        self.origin.stream(name).await
    }
}

impl Origin {
    async fn stream(&self, name: &str) -> Result<Streamed, SourceError> {
        self.in_time(async {
            let Opened {
                mut validators,
                length,
                body,
            } = self.open(name).await?;
            let mut pieces = body.pieces(length, self.max_size);
            let mut beginning = BytesMut::new();
            let mut whole = false;
            while beginning.len() < BEGINNING && !whole {
                match pieces.try_next().await? {
                    Some(piece) => beginning.extend_from_slice(&piece),
                    None => whole = true,
                }
            }
            if whole {
                validators.know(&beginning);
            }
            Ok(Streamed {
                validators,
                length,
                beginning: beginning.freeze(),
                whole,
                rest: if whole {
                    stream::empty().boxed()
                } else {
                    in_time(pieces, self.timeout)
                },
            })
        })
        .await
    }

    async fn validators(&self, name: &str) -> Result<Option<Validators>, SourceError> {
        check_name(name)?;
        self.in_time(async {
            match &self.place {
                Place::Store(store) => store.validators(name).await.map(Some),
                Place::Http(source) => source.validators(name).await,
            }
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Original, SourceError> {
        self.in_time(async {
            let Opened {
                mut validators,
                length,
                body,
            } = self.open(name).await?;
            let bytes = body.whole(length, self.max_size).await?;
            validators.know(&bytes);
            Ok(Original { validators, bytes })
        })
        .await
    }

    /// The original as the source begins to give it. One that is said to be too large is refused at once.
    async fn open(&self, name: &str) -> Result<Opened, SourceError> {
        check_name(name)?;
        let opened = match &self.place {
            Place::Store(store) => store.open(name).await?,
            Place::Http(source) => source.open_original(name).await?,
        };
        let limit = self.max_size;
        if opened.length.is_some_and(|length| length > limit) {
            return Err(SourceError::TooLarge { limit });
        }
        Ok(opened)
    }

    async fn in_time<T>(
        &self,
        fetch: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let timeout = self.timeout;
        tokio::time::timeout(timeout, fetch)
            .await
            .unwrap_or(Err(SourceError::Timeout(timeout)))
    }
}

/// A name with parts that could mean another place is that of no original.
fn check_name(name: &str) -> Result<(), SourceError> {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    let strange = |char: char| char.is_control() || char == '\\';
    if name.split('/').all(plain) && !name.contains(strange) {
        Ok(())
    } else {
        Err(SourceError::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(folder: &std::path::Path) -> Source {
        let config = SourceConfig::new(Duration::from_secs(5), 10);
        Source::open(Url::from_file_path(folder).unwrap().as_ref(), &config).unwrap()
    }

    #[tokio::test]
    async fn names_are_keys_as_they_are_spelt() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cats")).unwrap();
        for name in [
            "a b.jpg",
            "кот.jpg",
            "100%.jpg",
            "a%20b.jpg",
            "a+b.jpg",
            "a#b.jpg",
            "a?b.jpg",
            "cats/~tom*.jpg",
        ] {
            std::fs::write(folder.path().join(name), name.len().to_string()).unwrap();
            let (original, _) = source(folder.path()).get(name).await.unwrap();
            assert_eq!(original.bytes, name.len().to_string(), "{name}");
        }
    }

    #[tokio::test]
    async fn nothing_outside_the_folder_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("originals");
        std::fs::create_dir_all(folder.join("inner")).unwrap();
        std::fs::write(outer.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("link")).unwrap();
        std::os::unix::fs::symlink(outer.path(), folder.join("up")).unwrap();
        let absolute = outer.path().join("secret").display().to_string();
        for name in [
            "../secret",
            "inner/../../secret",
            "./../secret",
            "..\\secret",
            "link",
            "up/secret",
            "secret\0",
            "inner",
            "",
            "/",
            "//secret",
            "%2e%2e/secret",
            "..%2fsecret",
            absolute.as_str(),
        ] {
            let found = source(&folder).get(name).await;
            assert!(
                matches!(found, Err(SourceError::Missing)),
                "{name:?}: {found:?}"
            );
        }
    }

    #[tokio::test]
    async fn an_original_beyond_the_limit_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "eleven bytes").unwrap();
        assert!(matches!(
            source(folder.path()).get("a").await,
            Err(SourceError::TooLarge { limit: 10 })
        ));
        assert_eq!(
            source(folder.path())
                .validators("a")
                .await
                .unwrap()
                .unwrap()
                .size,
            Some(12)
        );
    }

    #[tokio::test]
    async fn several_who_want_one_original_at_once_share_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "bytes").unwrap();
        let source = source(folder.path());
        let (first, second, other) =
            tokio::join!(source.get("a"), source.get("a"), source.get("b"));
        let ((first, joined), (second, joined_too)) = (first.unwrap(), second.unwrap());
        assert_eq!((joined, joined_too), (false, true));
        assert_eq!(first.bytes.as_ptr(), second.bytes.as_ptr());
        assert!(matches!(other, Err(SourceError::Missing)));
        let (_, joined) = source.get("a").await.unwrap();
        assert!(!joined);
    }

    #[test]
    fn a_source_that_is_none_is_refused() {
        let config = SourceConfig::new(Duration::from_secs(5), 10);
        for url in ["ftp://host/", "originals", "file:///no/such/folder"] {
            assert!(Source::open(url, &config).is_err(), "{url}");
        }
    }
}
