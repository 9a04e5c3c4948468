//! The files of the tier, in `cacache`'s layout: a content file named after its digest, and an index file for each key.
//!
//! `cacache` writes both and reads the index at start. Reading content is done here, since a hit must cost one `open`,
//! one read without blocking and one checksum, and nothing of the index on disk.

use super::index::{Content, Place, Seconds, Slot};
use crate::body::FileBody;
use crate::budget::{Share, counted};
use crate::entry::{PREFIX, Stored};
use bytes::Bytes;
use cacache::{Algorithm, Integrity, WriteOpts, index};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use sha1::{Digest, Sha1};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IoSliceMut, Read as _, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Content of more bytes is not read as a whole: its readers get it in pieces.
const MAX_WHOLE: u64 = 1 << 20;

/// Bytes that are read at once to verify content.
const PIECE: usize = 128 * 1024;

/// A folder in `cacache`'s layout.
#[derive(Clone, Debug)]
pub(super) struct Files {
    dir: PathBuf,
}

/// Content as it was written.
#[derive(Debug)]
pub(super) enum Read {
    /// All of it.
    Whole(Bytes),
    /// The head of an entry, and its body in the file.
    File(Bytes, FileBody),
}

/// Content read as far as it could be without waiting for the disk.
pub(super) enum Reading {
    /// All of it.
    Whole(Bytes),
    /// The rest has to come from the disk: [`Pending::wait`] blocks for it.
    Pending(Pending),
}

/// An open content file whose pages are not in memory.
pub(super) struct Pending {
    file: File,
    place: Place,
    /// The right to hold all of it, where it is small enough and there is room.
    share: Option<Share>,
}

impl Files {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads content without waiting for the disk where its pages are in memory, which is what a hit nearly always finds.
    /// `share` is what it may hold of the budget.
    ///
    /// # Errors
    /// When there is no such file, or what is in it is not what was written.
    pub(super) fn read(&self, place: Place, mut share: Share) -> io::Result<Reading> {
        let file = File::open(self.content_path(place.content))?;
        if place.size > MAX_WHOLE || !share.cover(place.size) {
            let share = None;
            return Ok(Reading::Pending(Pending { file, place, share }));
        }
        let mut bytes = vec![0; place.size as usize];
        // Not every file system can say whether a read would wait; those are asked on a thread that may.
        let read = preadv2(
            &file,
            &mut [IoSliceMut::new(&mut bytes)],
            0,
            ReadWriteFlags::NOWAIT,
        );
        match read {
            Ok(read) if read as u64 == place.size => {
                let bytes = checked(bytes, place.content)?;
                Ok(Reading::Whole(counted(bytes, share)))
            }
            Ok(_) | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => {
                let share = Some(share);
                Ok(Reading::Pending(Pending { file, place, share }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes content under the name of its digest: whole or not at all, by a rename. Durable against the end of the
    /// process, not of the machine, whose torn files the checksum finds.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<Content> {
        let mut writer = WriteOpts::new()
            .algorithm(Algorithm::Xxh3)
            .size(bytes.len())
            .open_hash_sync(&self.dir)
            .map_err(io_error)?;
        writer.write_all(bytes)?;
        let integrity = writer.commit().map_err(io_error)?;
        content_of(&integrity).ok_or_else(|| io::Error::other("the digest has another length"))
    }

    /// Makes the index file of a key say this and nothing else. `cacache` only ever appends to it, without end
    /// (zkat/cacache-rs#71), so the old file goes first.
    pub(super) fn write_line(&self, slot: &Slot) -> io::Result<()> {
        self.remove_line(&slot.key);
        let line = WriteOpts::new()
            .algorithm(Algorithm::Xxh3)
            .size(slot.size as usize)
            .metadata(serde_json::json!({ "expired": slot.expired.0 }))
            .integrity(integrity_of(slot.content)?);
        index::insert(&self.dir, &slot.key, line)
            .map(drop)
            .map_err(io_error)
    }

    /// What is gone already is fine, and what cannot be removed is found at the next start.
    pub(super) fn remove_line(&self, key: &str) {
        // `cacache`'s own removal takes the content along, and does nothing where that is gone.
        let _ = std::fs::remove_file(self.line_path(key));
    }

    pub(super) fn remove_content(&self, content: Content) {
        let _ = std::fs::remove_file(self.content_path(content));
    }

    /// Notes on the content file that its entry was used, so that the order of use survives a restart.
    pub(super) fn note_use(&self, content: Content, used: Seconds) {
        if let Ok(file) = File::options()
            .append(true)
            .open(self.content_path(content))
        {
            let _ = file.set_modified(used.time());
        }
    }

    /// Looks one key up in the index on disk, while the index in memory is not complete.
    pub(super) fn find(&self, key: &str) -> Option<Slot> {
        let metadata = index::find(&self.dir, key).ok().flatten()?;
        self.slot_of(metadata)
    }

    /// All entries that the index on disk knows and whose content is there in its full length.
    pub(super) fn list(&self) -> impl Iterator<Item = Slot> {
        cacache::list_sync(&self.dir)
            .filter_map(Result::ok)
            .filter_map(|metadata| self.slot_of(metadata))
    }

    fn slot_of(&self, metadata: cacache::Metadata) -> Option<Slot> {
        let content = content_of(&metadata.integrity)?;
        let file = std::fs::metadata(self.content_path(content)).ok()?;
        let size = metadata.size as u64;
        if file.len() != size {
            return None;
        }
        let written =
            UNIX_EPOCH + Duration::from_millis(u64::try_from(metadata.time).unwrap_or_default());
        let expired = metadata
            .metadata
            .get("expired")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_default();
        Some(Slot {
            key: metadata.key.into(),
            content,
            size,
            used: Seconds::of(written.max(file.modified().unwrap_or(written))),
            expired: Seconds(u32::try_from(expired).unwrap_or_default()),
        })
    }

    /// Removes what a killed process left: files half written, and content that no index line leads to. `known` tells
    /// what content belongs to an entry; what is younger than `before` may belong to one that is just being written.
    pub(super) fn sweep(
        &self,
        before: SystemTime,
        known: impl Fn(&Content) -> bool,
        stop: impl Fn() -> bool,
    ) -> usize {
        let mut removed = 0;
        for outer in folder(&self.dir.join("content-v2/xxh3")) {
            for inner in folder(&outer) {
                for path in folder(&inner) {
                    if stop() {
                        return removed;
                    }
                    // A file with any other name is not this tier's.
                    let unknown = content_at(&path).is_some_and(|content| !known(&content));
                    if unknown && is_older(&path, before) && std::fs::remove_file(&path).is_ok() {
                        removed += 1;
                    }
                }
            }
        }
        removed
    }

    /// Removes the files that a killed process was writing to.
    pub(super) fn sweep_temporary(&self) {
        let temporary = self.dir.join("tmp");
        if temporary.symlink_metadata().is_ok_and(|tmp| tmp.is_dir()) {
            for path in folder(&temporary) {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    fn content_path(&self, content: Content) -> PathBuf {
        self.dir.join("content-v2/xxh3").join(spread(&content))
    }

    fn line_path(&self, key: &str) -> PathBuf {
        self.dir.join("index-v5").join(spread(&Sha1::digest(key)))
    }
}

impl Pending {
    /// Reads the content, waiting for the disk.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub(super) fn wait(mut self) -> io::Result<Read> {
        let Some(share) = self.share.take() else {
            return self.verify();
        };
        let mut bytes = Vec::with_capacity(self.place.size as usize);
        (&self.file)
            .take(self.place.size + 1)
            .read_to_end(&mut bytes)?;
        let bytes = checked(bytes, self.place.content)?;
        Ok(Read::Whole(counted(bytes, share)))
    }

    /// Reads all of it once to verify it, and keeps the head. What is served later comes from the same open file, which
    /// nobody changes: content is written under another name and renamed.
    fn verify(self) -> io::Result<Read> {
        let (mut digest, mut at) = (Xxh3::new(), 0);
        let mut head = Vec::new();
        let mut piece = vec![0; PIECE];
        while at < self.place.size {
            let left = (self.place.size - at).min(PIECE as u64) as usize;
            let bytes = piece.get_mut(..left).unwrap_or_default();
            self.file.read_exact_at(bytes, at)?;
            digest.update(bytes);
            if at == 0 {
                let length = Stored::head_length(bytes).unwrap_or(PREFIX);
                head = vec![0; length.min(self.place.size as usize)];
                self.file.read_exact_at(&mut head, 0)?;
            }
            at += left as u64;
        }
        if digest.digest128().to_be_bytes() != self.place.content {
            return Err(damaged());
        }
        let first = head.len() as u64;
        let body = FileBody::new(self.file, first, self.place.size - first);
        Ok(Read::File(head.into(), body))
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the checksum does not match")
}

fn checked(bytes: Vec<u8>, content: Content) -> io::Result<Vec<u8>> {
    if xxh3_128(&bytes).to_be_bytes() == content {
        Ok(bytes)
    } else {
        Err(damaged())
    }
}

/// `ab/cd/ef…`: a digest as a path, so that no folder has too many files.
fn spread(digest: &[u8]) -> String {
    let mut path = String::with_capacity(2 * digest.len() + 2);
    for (index, byte) in digest.iter().enumerate() {
        if matches!(index, 1 | 2) {
            path.push('/');
        }
        let _ = write!(path, "{byte:02x}");
    }
    path
}

fn content_of(integrity: &Integrity) -> Option<Content> {
    let (algorithm, hex) = integrity.to_hex();
    if algorithm != Algorithm::Xxh3 || hex.len() != 32 {
        return None;
    }
    Some(u128::from_str_radix(&hex, 16).ok()?.to_be_bytes())
}

fn integrity_of(content: Content) -> io::Result<Integrity> {
    let hex = format!("{:032x}", u128::from_be_bytes(content));
    Integrity::from_hex(hex, Algorithm::Xxh3).map_err(io::Error::other)
}

/// The digest that a path's last three parts spell.
fn content_at(path: &Path) -> Option<Content> {
    let mut parts = path
        .components()
        .rev()
        .take(3)
        .map(|part| part.as_os_str().to_str());
    let (file, inner, outer) = (parts.next()??, parts.next()??, parts.next()??);
    let hex = format!("{outer}{inner}{file}");
    (hex.len() == 32).then(|| Some(u128::from_str_radix(&hex, 16).ok()?.to_be_bytes()))?
}

fn folder(path: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}

fn is_older(path: &Path, than: SystemTime) -> bool {
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .is_ok_and(|modified| modified < than)
}

fn io_error(error: cacache::Error) -> io::Error {
    match error {
        cacache::Error::IoError(cause, what) => {
            io::Error::new(cause.kind(), format!("{what}: {cause}"))
        }
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(content: Content, size: usize) -> Slot {
        Slot {
            key: "/a".into(),
            content,
            size: size as u64,
            used: Seconds(0),
            expired: Seconds(0),
        }
    }

    fn whole(read: Reading) -> io::Result<Bytes> {
        match read {
            Reading::Whole(bytes) => Ok(bytes),
            Reading::Pending(pending) => match pending.wait()? {
                Read::Whole(bytes) => Ok(bytes),
                Read::File(..) => panic!("not a whole"),
            },
        }
    }

    fn share(limit: u64) -> Share {
        let memory = std::sync::Arc::new(crate::memory::Memory::new(0));
        Share::of(std::sync::Arc::new(crate::budget::Budget::new(
            limit, memory,
        )))
    }

    #[test]
    fn what_cacache_writes_is_found_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path().to_owned());
        let slot = slot(files.write(b"body").unwrap(), 4);
        assert_eq!(
            whole(files.read(slot.place(), share(1 << 20)).unwrap()).unwrap(),
            b"body"[..]
        );
        files.write_line(&slot).unwrap();
        files.write_line(&slot).unwrap();
        assert_eq!(files.find("/a").unwrap().content, slot.content);
        assert_eq!(files.list().count(), 1);
        files.remove_line("/a");
        assert!(files.find("/a").is_none());
        assert!(files.read(slot.place(), share(1 << 20)).is_ok());
    }

    #[test]
    fn content_that_was_changed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path().to_owned());
        let slot = slot(files.write(b"body").unwrap(), 4);
        for changed in ["bodY", "bod", ""] {
            std::fs::write(files.content_path(slot.content), changed).unwrap();
            assert!(
                files
                    .read(slot.place(), share(1 << 20))
                    .and_then(whole)
                    .is_err(),
                "{changed:?}"
            );
        }
    }

    #[test]
    fn what_is_large_or_finds_no_room_stays_in_its_file_and_is_verified() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path().to_owned());
        let key = crate::key::Key::new("/a");
        for (size, limit) in [(100_000, 0), (3_000_000, u64::MAX)] {
            let text: &'static str = "body ".repeat(size / 5).leak();
            let bytes = crate::entry::tests::entry(text).encode(&key).unwrap();
            let slot = slot(files.write(&bytes).unwrap(), bytes.len());
            let read = || files.read(slot.place(), share(limit));
            let Reading::Pending(pending) = read().unwrap() else {
                panic!("read as a whole")
            };
            let Read::File(head, body) = pending.wait().unwrap() else {
                panic!("read as a whole")
            };
            assert_eq!(body.length(), text.len() as u64);
            let Stored::Response(entry) = Stored::decode_with(&key, head, Some(body)).unwrap()
            else {
                panic!("no response")
            };
            let mut whole = Vec::new();
            entry.body.append_to(&mut whole).unwrap();
            assert_eq!(whole, text.as_bytes());
            let path = files.content_path(slot.content);
            let mut changed = bytes.to_vec();
            *changed.last_mut().unwrap() ^= 1;
            for damaged in [&changed[..], &bytes[..bytes.len() - 1], &[]] {
                std::fs::write(&path, damaged).unwrap();
                let Reading::Pending(pending) = read().unwrap() else {
                    panic!("read as a whole")
                };
                assert!(pending.wait().is_err());
            }
        }
    }

    #[test]
    fn a_sweep_removes_what_no_line_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path().to_owned());
        let kept = files.write(b"kept").unwrap();
        let orphan = files.write(b"orphan").unwrap();
        let known = |content: &Content| *content == kept;
        assert_eq!(files.sweep(UNIX_EPOCH, known, || false), 0);
        let later = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(files.sweep(later, known, || false), 1);
        assert!(files.read(slot(orphan, 6).place(), share(1 << 20)).is_err());
        assert!(files.read(slot(kept, 4).place(), share(1 << 20)).is_ok());
    }
}
