//! Originals from an object store or a folder, through `object_store`.

use super::body::Body;
use super::{BadSource, Opened, SourceConfig, SourceError, Validators};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientConfigKey, GetOptions, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt,
    RetryConfig,
};
use std::path::PathBuf;
use url::Url;

/// A store, and the bounds of what is read from it.
#[derive(Debug)]
pub(super) struct Store {
    store: Box<dyn ObjectStore>,
    /// The folder of a `file://` source, with symbolic links resolved.
    folder: Option<(LocalFileSystem, PathBuf)>,
}

impl Store {
    /// The folder of a `file://` URL.
    pub(super) fn folder(url: &Url) -> Result<Self, BadSource> {
        let folder = url
            .to_file_path()
            .map_err(|()| BadSource::Scheme)?
            .canonicalize()?;
        let local = LocalFileSystem::new_with_prefix(&folder)?;
        Ok(Self {
            store: Box::new(local.clone()),
            folder: Some((local, folder)),
        })
    }

    /// The bucket or container of a URL, with the credentials of the provider's standard environment variables.
    pub(super) fn bucket(url: &Url, config: &SourceConfig) -> Result<Self, BadSource> {
        let retry = RetryConfig {
            max_retries: 2,
            retry_timeout: config.timeout,
            ..RetryConfig::default()
        };
        let limits = limits();
        let store = match url.scheme() {
            "s3" => {
                let mut builder = AmazonS3Builder::from_env()
                    .with_url(url.as_str())
                    .with_retry(retry);
                for (key, value) in limits {
                    builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
                }
                below_prefix(builder.build()?, url)?
            }
            "gs" => {
                let mut builder = GoogleCloudStorageBuilder::from_env()
                    .with_url(url.as_str())
                    .with_retry(retry);
                for (key, value) in limits {
                    builder = builder.with_config(GoogleConfigKey::Client(key), value);
                }
                below_prefix(builder.build()?, url)?
            }
            "az" => {
                let mut builder = MicrosoftAzureBuilder::from_env()
                    .with_url(url.as_str())
                    .with_retry(retry);
                for (key, value) in limits {
                    builder = builder.with_config(AzureConfigKey::Client(key), value);
                }
                below_prefix(builder.build()?, url)?
            }
            _ => return Err(BadSource::Scheme),
        };
        Ok(Self {
            store,
            folder: None,
        })
    }

    pub(super) async fn validators(&self, name: &str) -> Result<Validators, SourceError> {
        let key = self.key(name).await?;
        let meta = self.store.head(&key).await.map_err(failed)?;
        Ok(Validators::from(&meta))
    }

    pub(super) async fn open(&self, name: &str) -> Result<Opened, SourceError> {
        let key = self.key(name).await?;
        let found = self
            .store
            .get_opts(&key, GetOptions::default())
            .await
            .map_err(failed)?;
        let validators = Validators::from(&found.meta);
        let length = Some(found.meta.size);
        let body = match found.payload {
            GetResultPayload::File(file, _) => Body::File(file),
            GetResultPayload::Stream(stream) => Body::Pieces(stream.map_err(failed).boxed()),
        };
        Ok(Opened {
            validators,
            length,
            body,
        })
    }

    /// The key of a name, exactly as it is spelt. In a folder, links that lead out of it are not followed.
    async fn key(&self, name: &str) -> Result<Key, SourceError> {
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

/// The client's own time-outs. Ours end first, so that slowness is reported as such; a whole original may take as long as
/// a slow client reads it.
fn limits() -> [(ClientConfigKey, String); 2] {
    [
        (ClientConfigKey::Timeout, "1day".to_owned()),
        (
            ClientConfigKey::ConnectTimeout,
            format!("{}s", super::CONNECT_TIMEOUT.as_secs()),
        ),
    ]
}

fn below_prefix(store: impl ObjectStore, url: &Url) -> Result<Box<dyn ObjectStore>, BadSource> {
    let prefix = Key::from_url_path(url.path()).map_err(object_store::Error::from)?;
    Ok(if prefix.as_ref().is_empty() {
        Box::new(store)
    } else {
        Box::new(PrefixStore::new(store, prefix))
    })
}

impl From<&ObjectMeta> for Validators {
    fn from(meta: &ObjectMeta) -> Self {
        Self {
            etag: meta.e_tag.clone(),
            last_modified: Some(meta.last_modified.into()),
            size: Some(meta.size),
            digest: None,
        }
    }
}

fn failed(error: object_store::Error) -> SourceError {
    match error {
        object_store::Error::NotFound { .. } | object_store::Error::InvalidPath { .. } => {
            SourceError::Missing
        }
        other => SourceError::Failed(other.to_string()),
    }
}
