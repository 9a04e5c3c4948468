//! Any bytes as the file of an entry: refused, or an entry that is written and read back as it is. What was written is
//! refused when a bit of its head is another or a part of it is missing: the checksum of the file, not this form,
//! answers for the body.
//!
//! `cargo fuzz run entry` in the crate's folder; on a stable toolchain with `RUSTC_BOOTSTRAP=1`.
#![no_main]

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_cache::entry::{Entry, Stored};
use http_cache::freshness::Freshness;
use http_cache::vary::Selecting;
use http_cache::{Head, Key};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

#[derive(Arbitrary, Debug)]
enum Input {
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Bytes behind what every entry of this version begins with.
    Ours(Vec<u8>),
    /// An entry, and what befalls its file.
    Written {
        status: u16,
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        lifetime: u32,
        body: Vec<u8>,
        fate: Fate,
    },
}

#[derive(Arbitrary, Debug)]
enum Fate {
    Spared,
    CutTo(u16),
    Flipped(u16, u8),
    Renamed,
}

fuzz_target!(|input: Input| {
    let key = Key::new("/a");
    match input {
        Input::Raw(bytes) => read(&key, bytes.into()),
        Input::Ours(bytes) => {
            let mut file = BytesMut::from(&b"tandem\x00\x02"[..]);
            file.extend_from_slice(&(bytes.len() as u32 / 2).to_be_bytes());
            file.extend_from_slice(&bytes);
            read(&key, file.freeze());
        }
        Input::Written {
            status,
            headers,
            lifetime,
            body,
            fate,
        } => written(&key, status, &headers, lifetime, body, &fate),
    }
});

/// Whatever is read says the same when it is written and read again.
fn read(key: &Key, file: Bytes) {
    let Ok(first) = Stored::decode(key, file) else {
        return;
    };
    let again = first.encode(key).expect("what was read can be written");
    let again = Stored::decode(key, again).expect("what was written can be read");
    match (&first, &again) {
        (Stored::Response(first), Stored::Response(again)) => {
            assert_eq!(first.body, again.body);
            assert_eq!(first.head.status, again.head.status);
            assert_eq!(first.head.headers, again.head.headers);
            assert_eq!(first.head.freshness, again.head.freshness);
            assert_eq!(first.head.selecting, again.head.selecting);
            // Its times are any numbers, and no arithmetic falls over them.
            for now in [0, 1_700_000_000, u64::from(u32::MAX)] {
                let (now, freshness) =
                    (UNIX_EPOCH + Duration::from_secs(now), first.head.freshness);
                assert_eq!(freshness.is_fresh(now), !freshness.remaining(now).is_zero());
                assert!(freshness.remaining(now).is_zero() || freshness.staleness(now).is_zero());
            }
        }
        (Stored::Variants(first), Stored::Variants(again)) => assert_eq!(first, again),
        _ => panic!("one kind became another"),
    }
    assert_eq!(first.weight(), again.weight());
}

fn written(
    key: &Key,
    status: u16,
    lines: &[(Vec<u8>, Vec<u8>)],
    lifetime: u32,
    body: Vec<u8>,
    fate: &Fate,
) {
    let Ok(status) = StatusCode::from_u16(status % 1000) else {
        return;
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let lifetime = Duration::from_secs(u64::from(lifetime));
    let freshness = Freshness::new(&headers, lifetime, now, now);
    let selecting = Selecting::of(&headers, &headers).unwrap_or_default();
    let head = Arc::new(Head::new(status, headers, freshness, selecting));
    let body = Bytes::from(body);
    let entry = Stored::Response(Entry {
        head: head.clone(),
        body: body.clone(),
    });
    let file = entry.encode(key).expect("an entry can be written");
    let head_length = file.len() - body.len();
    let read = |bytes: Bytes| Stored::decode(key, bytes);
    match fate {
        Fate::Spared => {
            let Ok(Stored::Response(read)) = read(file) else {
                panic!("what was written is not read")
            };
            assert_eq!(read.body, body);
            assert_eq!(read.head.headers, head.headers);
            assert_eq!(read.head.status, head.status);
            assert_eq!(read.head.freshness, head.freshness);
        }
        Fate::CutTo(length) => {
            let length = *length as usize % (file.len() + 1);
            match read(file.slice(..length)) {
                // A cut body is a prefix, and its file's checksum has failed before it comes here.
                Ok(Stored::Response(read)) => {
                    assert!(length >= head_length);
                    assert_eq!(read.body, body[..length - head_length]);
                }
                Ok(Stored::Variants(_)) => panic!("a response became a list"),
                Err(_) => assert!(length < head_length),
            }
        }
        Fate::Flipped(at, bit) => {
            let mut bytes = file.to_vec();
            bytes[*at as usize % head_length] ^= 1 << (bit % 8);
            // Another head, perhaps, but never a fall.
            let _ = read(bytes.into()).map(|stored| stored.weight());
        }
        Fate::Renamed => assert!(Stored::decode(&Key::new("/b"), file).is_err()),
    }
}
