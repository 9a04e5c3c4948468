//! An S3 server on a folder: `s3s` speaks the protocol and checks `SigV4`, `s3s-fs` keeps the objects.

use anyhow::{Context, anyhow};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::path::Path;
use tokio::net::TcpListener;

/// Access key and secret key.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_key: String,
}

/// Serves the buckets that are the folders of `dir`, to who signs with `credentials`, until it is dropped.
///
/// # Errors
/// When the folder cannot be used.
pub async fn serve(
    listener: TcpListener,
    dir: &Path,
    credentials: &Credentials,
) -> anyhow::Result<()> {
    let files = FileSystem::new(dir).map_err(|error| anyhow!("{}: {error:?}", dir.display()))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(
        credentials.access_key.clone(),
        credentials.secret_key.clone(),
    ));
    let service = service.build();
    let server = Builder::new(TokioExecutor::new());
    loop {
        let (stream, _) = listener.accept().await?;
        let connection = server
            .serve_connection(TokioIo::new(stream), service.clone())
            .into_owned();
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}

/// Makes the bucket where it is missing and puts the files of a folder into it.
///
/// # Errors
/// When the store refuses or a file cannot be read.
pub async fn fill(
    endpoint: &str,
    bucket: &str,
    credentials: &Credentials,
    folder: &Path,
) -> anyhow::Result<usize> {
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_allow_http(true)
        .with_access_key_id(&credentials.access_key)
        .with_secret_access_key(&credentials.secret_key)
        .build()?;
    let mut files = 0;
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str())
            .filter(|_| path.is_file())
        else {
            continue;
        };
        store
            .put(&Key::parse(name)?, std::fs::read(&path)?.into())
            .await
            .with_context(|| name.to_owned())?;
        files += 1;
    }
    Ok(files)
}
