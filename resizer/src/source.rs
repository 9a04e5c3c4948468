//! Where originals come from: `object_store` behind one interface, with limits of size and time.
//!
//! Requests that want the same original at the same time share one fetch.
//!
//! A name is a key below the source's prefix or folder and nothing else: what could mean another place is missing.

use crate::coalesce::Flights;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientConfigKey, GetOptions, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt,
    RetryConfig,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use thiserror::Error;
use url::Url;

/// Time for a connection to the source.
const CONNECT_TIMEOUT: &str = "3s";

/// Bounds of a fetch.
#[derive(Clone, Copy, Debug)]
pub struct SourceConfig {
    /// For one original, from the question to its last byte.
    pub timeout: Duration,
    /// Bytes of an original at most.
    pub max_size: u64,
}

/// Why there is no original.
#[derive(Clone, Debug, Error)]
pub enum SourceError {
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
    /// The source is too slow.
    #[error("the source took longer than {0:?}")]
    Timeout(Duration),
}

/// A `--source` that cannot be used.
#[derive(Debug, Error)]
pub enum BadSource {
    /// Not a URL.
    #[error("not a URL: {0}")]
    Url(#[from] url::ParseError),
    /// A scheme that is not known.
    #[error(
        "write file:///dir, s3://bucket/prefix, gs://bucket, az://container or https://host/base"
    )]
    Scheme,
    /// The folder cannot be read.
    #[error("{0}")]
    Folder(#[from] std::io::Error),
    /// The store refuses its settings.
    #[error("{0}")]
    Store(#[from] object_store::Error),
}

/// What tells one state of an original from another.
#[derive(Clone, Debug)]
pub struct Validators {
    /// The source's entity tag, if it has one.
    pub etag: Option<String>,
    /// When the original was last changed.
    pub last_modified: SystemTime,
    /// Its size in bytes.
    pub size: u64,
}

impl From<&ObjectMeta> for Validators {
    fn from(meta: &ObjectMeta) -> Self {
        Self {
            etag: meta.e_tag.clone(),
            last_modified: meta.last_modified.into(),
            size: meta.size,
        }
    }
}

/// An original, whole.
#[derive(Clone, Debug)]
pub struct Original {
    /// What the source says of it.
    pub validators: Validators,
    /// Its bytes, shared by all who asked at the same time.
    pub bytes: Bytes,
}

/// The store of originals.
#[derive(Debug)]
pub struct Source {
    origin: Arc<Origin>,
    flights: Flights<Result<Original, SourceError>>,
}

#[derive(Debug)]
struct Origin {
    store: Box<dyn ObjectStore>,
    /// The folder of a `file://` source, with symbolic links resolved.
    folder: Option<(LocalFileSystem, PathBuf)>,
    config: SourceConfig,
}

impl Source {
    /// Opens the source of a URL. Credentials are taken from the provider's standard environment variables.
    ///
    /// # Errors
    /// When the URL or the settings make no sense. The network is not asked yet.
    pub fn open(url: &str, config: SourceConfig) -> Result<Self, BadSource> {
        let url = Url::parse(url)?;
        // Ours ends first, so that slowness is told as such.
        let timeout = format!("{}ms", config.timeout.as_millis() * 2);
        let retry = RetryConfig {
            max_retries: 2,
            retry_timeout: config.timeout,
            ..RetryConfig::default()
        };
        let limits = [
            (ClientConfigKey::Timeout, timeout.as_str()),
            (ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT),
        ];
        let store: Box<dyn ObjectStore> = match url.scheme() {
            "file" => {
                let folder = url
                    .to_file_path()
                    .map_err(|()| BadSource::Scheme)?
                    .canonicalize()?;
                let local = LocalFileSystem::new_with_prefix(&folder)?;
                return Ok(Self::over(Origin {
                    store: Box::new(local.clone()),
                    folder: Some((local, folder)),
                    config,
                }));
            }
            "s3" => {
                let mut builder = AmazonS3Builder::from_env()
                    .with_url(url.as_str())
                    .with_retry(retry);
                for (key, value) in limits {
                    builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
                }
                below_prefix(builder.build()?, &url)?
            }
            "gs" => {
                let builder = GoogleCloudStorageBuilder::from_env()
                    .with_url(url.as_str())
                    .with_retry(retry);
                below_prefix(builder.build()?, &url)?
            }
            "az" => {
                let builder = MicrosoftAzureBuilder::from_env()
                    .with_url(url.as_str())
                    .with_retry(retry);
                below_prefix(builder.build()?, &url)?
            }
            "http" | "https" => {
                let mut builder = HttpBuilder::new().with_url(url.as_str()).with_retry(retry);
                for (key, value) in limits {
                    builder = builder.with_config(key, value);
                }
                Box::new(
                    builder
                        .with_config(ClientConfigKey::AllowHttp, "true")
                        .build()?,
                )
            }
            _ => return Err(BadSource::Scheme),
        };
        Ok(Self::over(Origin {
            store,
            folder: None,
            config,
        }))
    }

    fn over(origin: Origin) -> Self {
        Self {
            origin: Arc::new(origin),
            flights: Flights::default(),
        }
    }

    /// What the source says of an original without giving it.
    ///
    /// # Errors
    /// When there is none, or the source fails.
    pub async fn validators(&self, name: &str) -> Result<Validators, SourceError> {
        self.origin.validators(name).await
    }

    /// An original, whole, and whether it came with the fetch of another request.
    ///
    /// # Errors
    /// When there is none, it is too large, or the source fails.
    pub async fn get(&self, name: &str) -> Result<(Original, bool), SourceError> {
        let fetch = || {
            let (origin, name) = (self.origin.clone(), name.to_owned());
            async move { origin.get(&name).await }
        };
        let (original, joined) = self.flights.join(name, fetch).await;
        Ok((original?, joined))
    }
}

impl Origin {
    async fn validators(&self, name: &str) -> Result<Validators, SourceError> {
        self.in_time(async {
            let key = self.key(name).await?;
            Ok(Validators::from(
                &self.store.head(&key).await.map_err(failed)?,
            ))
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Original, SourceError> {
        self.in_time(async {
            let key = self.key(name).await?;
            let found = self
                .store
                .get_opts(&key, GetOptions::default())
                .await
                .map_err(failed)?;
            let limit = self.config.max_size;
            let validators = Validators::from(&found.meta);
            if validators.size > limit {
                return Err(SourceError::TooLarge { limit });
            }
            if matches!(found.payload, GetResultPayload::File(..)) {
                // At once: as a stream it would go to another thread and back for every 8 KB.
                let bytes = found.bytes().await.map_err(failed)?;
                return Ok(Original { validators, bytes });
            }
            let mut bytes = BytesMut::with_capacity(validators.size as usize);
            let mut stream = found.into_stream();
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(failed)?;
                // Not every source states the true size beforehand.
                if (bytes.len() + chunk.len()) as u64 > limit {
                    return Err(SourceError::TooLarge { limit });
                }
                bytes.extend_from_slice(&chunk);
            }
            if bytes.len() as u64 != validators.size {
                return Err(SourceError::Failed(format!(
                    "{} of {} bytes came",
                    bytes.len(),
                    validators.size
                )));
            }
            Ok(Original {
                validators,
                bytes: bytes.freeze(),
            })
        })
        .await
    }

    async fn in_time<T>(
        &self,
        fetch: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let timeout = self.config.timeout;
        tokio::time::timeout(timeout, fetch)
            .await
            .unwrap_or(Err(SourceError::Timeout(timeout)))
    }

    /// The key of a name, exactly as it is spelt. In a folder, links that lead out of it are not followed.
    async fn key(&self, name: &str) -> Result<Key, SourceError> {
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        let strange = |char: char| char.is_control() || char == '\\';
        if !name.split('/').all(plain) || name.contains(strange) {
            return Err(SourceError::Missing);
        }
        let key = Key::parse(name).map_err(|_| SourceError::Missing)?;
        if let Some((local, folder)) = &self.folder {
            let path = local
                .path_to_filesystem(&key)
                .map_err(|_| SourceError::Missing)?;
            let path = tokio::fs::canonicalize(path)
                .await
                .map_err(|_| SourceError::Missing)?;
            if !path.starts_with(folder) || !path.is_file() {
                return Err(SourceError::Missing);
            }
        }
        Ok(key)
    }
}

fn below_prefix(store: impl ObjectStore, url: &Url) -> Result<Box<dyn ObjectStore>, BadSource> {
    let prefix = Key::from_url_path(url.path()).map_err(object_store::Error::from)?;
    Ok(if prefix.as_ref().is_empty() {
        Box::new(store)
    } else {
        Box::new(PrefixStore::new(store, prefix))
    })
}

fn failed(error: object_store::Error) -> SourceError {
    match error {
        object_store::Error::NotFound { .. } | object_store::Error::InvalidPath { .. } => {
            SourceError::Missing
        }
        other => SourceError::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(folder: &std::path::Path) -> Source {
        let config = SourceConfig {
            timeout: Duration::from_secs(5),
            max_size: 10,
        };
        Source::open(Url::from_file_path(folder).unwrap().as_ref(), config).unwrap()
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
            source(folder.path()).validators("a").await.unwrap().size,
            12
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
        let config = SourceConfig {
            timeout: Duration::from_secs(5),
            max_size: 10,
        };
        for url in ["ftp://host/", "originals", "file:///no/such/folder"] {
            assert!(Source::open(url, config).is_err(), "{url}");
        }
    }
}
