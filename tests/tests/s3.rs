//! Originals from a real S3 server: the real protocol, signed with SigV4.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{resizer_with, samples, send};
use e2e::s3_store::{Credentials, fill, serve};
use stack::Process;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A store with a bucket `images` that holds the samples and some odd names, and a file outside of the bucket.
struct Store {
    _runtime: Runtime,
    folder: tempfile::TempDir,
    endpoint: String,
}

impl Store {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images");
        std::fs::create_dir_all(images.join("cats")).unwrap();
        std::fs::create_dir(folder.path().join("private")).unwrap();
        let photo = samples().join("umang.jpg");
        for name in [
            "images/cats/tom cat.jpg",
            "images/кот.jpg",
            "images/a+b.jpg",
            "private/secret.jpg",
        ] {
            std::fs::copy(&photo, folder.path().join(name)).unwrap();
        }
        let runtime = Runtime::new().unwrap();
        let credentials = Credentials {
            access_key: "key".to_owned(),
            secret_key: "secret".to_owned(),
        };
        let endpoint = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let (dir, keys) = (folder.path().to_owned(), credentials.clone());
            tokio::spawn(async move { serve(listener, &dir, &keys).await });
            assert_eq!(
                fill(&endpoint, "images", &credentials, &samples())
                    .await
                    .unwrap(),
                5
            );
            endpoint
        });
        Self {
            _runtime: runtime,
            folder,
            endpoint,
        }
    }

    fn resizer(&self, source: &str, secret: &str) -> Process {
        let env = [
            ("AWS_ENDPOINT", self.endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        resizer_with(&["--source", source], &env)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn status(resizer: &Process, target: &str) -> u16 {
    send(resizer.addresses().listen, "GET", target, "").status
}

#[test]
fn originals_come_from_a_bucket_and_none_of_its_headers_goes_out() {
    let store = Store::start();
    let resizer = store.resizer("s3://images", "secret");
    let answer = send(
        resizer.addresses().listen,
        "GET",
        "/resize/300/umang.jpg",
        "",
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.image().width(), 300);
    assert!(
        answer
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("x-amz-") && name != "set-cookie")
    );
    let etag = answer.header("etag").unwrap();
    let again = send(
        resizer.addresses().listen,
        "GET",
        "/resize/300/umang.jpg",
        &format!("if-none-match: {etag}\r\n"),
    );
    assert_eq!(again.status, 304);
    assert_eq!(common::metric(&resizer, "tandem_resizer_decodes_total"), 1);
}

#[test]
fn keys_are_names_as_they_are_spelt() {
    let store = Store::start();
    let resizer = store.resizer("s3://images", "secret");
    for target in [
        "/size/cats/tom%20cat.jpg",
        "/size/%D0%BA%D0%BE%D1%82.jpg",
        "/size/a+b.jpg",
    ] {
        assert_eq!(status(&resizer, target), 200, "{target}");
    }
    let prefixed = store.resizer("s3://images/cats", "secret");
    assert_eq!(status(&prefixed, "/size/tom%20cat.jpg"), 200);
    assert_eq!(status(&prefixed, "/size/umang.jpg"), 404);
}

#[test]
fn no_name_leads_out_of_the_bucket_or_its_prefix() {
    let store = Store::start();
    assert!(store.path().join("private/secret.jpg").exists());
    let resizer = store.resizer("s3://images/cats", "secret");
    for name in [
        "../umang.jpg",
        "%2e%2e/umang.jpg",
        "%2e%2e%2fumang.jpg",
        "../../private/secret.jpg",
        "..%5cumang.jpg",
        "%252e%252e%252fumang.jpg",
        "/umang.jpg",
        "x/%2e%2e/%2e%2e/umang.jpg",
        "umang.jpg%00",
    ] {
        let status = status(&resizer, &format!("/original/{name}"));
        assert!(matches!(status, 400 | 404), "{name}: {status}");
    }
}

#[test]
fn a_wrong_key_is_a_bad_gateway() {
    let store = Store::start();
    let resizer = store.resizer("s3://images", "wrong");
    let answer = send(
        resizer.addresses().listen,
        "GET",
        "/resize/300/umang.jpg",
        "",
    );
    assert_eq!(answer.status, 502);
    assert!(
        !answer.text().contains("SignatureDoesNotMatch"),
        "inner detail goes out"
    );
}
