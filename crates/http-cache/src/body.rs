//! The body of a stored response: in memory, or in a file of the disk tier that is read as its reader takes it.

use crate::flight::{Frames, Incomplete};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http_body::Frame;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of a file that a reader is given at once; a connection holds about one such piece.
const PIECE: u64 = 64 * 1024;

/// All of a stored response's body. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Body {
    /// In memory.
    Memory(Bytes),
    /// In a file.
    File(FileBody),
}

impl Body {
    /// Bytes of the body.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of it in memory.
    pub(crate) fn in_memory(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File(_) => 0,
        }
    }

    /// A part of it, which lies within.
    pub(crate) fn part(&self, first: u64, length: u64) -> Self {
        match self {
            Self::Memory(bytes) => {
                let end = (first + length).min(bytes.len() as u64) as usize;
                Self::Memory(bytes.slice((first as usize).min(end)..end))
            }
            Self::File(file) => Self::File(file.part(first, length)),
        }
    }

    /// Appends it. Reads a file, which blocks.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Memory(body) => bytes.extend_from_slice(body),
            Self::File(file) => {
                let begin = bytes.len();
                bytes.resize(begin + file.length as usize, 0);
                file.file.read_exact_at(&mut bytes[begin..], file.first)?;
            }
        }
        Ok(())
    }
}

/// A part of an open file whose checksum was verified. The file stays readable when it is removed.
#[derive(Clone, Debug)]
pub struct FileBody {
    file: Arc<File>,
    first: u64,
    length: u64,
}

impl FileBody {
    pub(crate) fn new(file: File, first: u64, length: u64) -> Self {
        Self {
            file: Arc::new(file),
            first,
            length,
        }
    }

    /// Bytes of the part.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// A part of the part.
    #[must_use]
    pub fn part(&self, first: u64, length: u64) -> Self {
        let first = first.min(self.length);
        Self {
            file: self.file.clone(),
            first: self.first + first,
            length: length.min(self.length - first),
        }
    }

    /// The bytes in pieces, each read when the one before is taken.
    pub fn frames(self) -> Frames {
        let next = |left: FileBody| async move {
            if left.length == 0 {
                return None;
            }
            let size = left.length.min(PIECE);
            match left.read(size as usize).await {
                Ok(piece) => {
                    let left = left.part(size, left.length - size);
                    Some((Ok(Frame::data(Bytes::from(piece))), left))
                }
                Err(error) => {
                    tracing::warn!(%error, "a stored body cannot be read to its end");
                    let nothing = left.part(0, 0);
                    Some((Err(Incomplete), nothing))
                }
            }
        };
        stream::unfold(self, next).boxed()
    }

    /// The first bytes, without a thread of their own where their pages are in memory.
    async fn read(&self, size: usize) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; size];
        let read = preadv2(
            &*self.file,
            &mut [IoSliceMut::new(&mut piece)],
            self.first,
            ReadWriteFlags::NOWAIT,
        );
        match read {
            Ok(read) if read == size => return Ok(piece),
            Ok(_) | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let (file, first) = (self.file.clone(), self.first);
        let reading = tokio::task::spawn_blocking(move || {
            file.read_exact_at(&mut piece, first)?;
            Ok(piece)
        });
        reading.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn a_file_is_read_in_pieces_from_any_place_to_any_place() {
        let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let body = FileBody::new(file, 100, content.len() as u64 - 100);
        for (first, length) in [
            (0, 10),
            (5, PIECE),
            (65_530, 3 * PIECE + 1),
            (0, body.length()),
            (77, 0),
        ] {
            let frames = body.part(first, length).frames();
            let pieces: Vec<_> = frames
                .map(|piece| piece.unwrap().into_data().unwrap())
                .collect()
                .await;
            assert!(pieces.iter().all(|piece| piece.len() as u64 <= PIECE));
            let from = 100 + first as usize;
            assert_eq!(pieces.concat(), content[from..from + length as usize]);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_cut_meanwhile_ends_in_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; 100_000]).unwrap();
        let body = FileBody::new(file.try_clone().unwrap(), 0, 100_000);
        file.set_len(80_000).unwrap();
        let pieces: Vec<_> = body.frames().collect().await;
        assert!(pieces[0].is_ok());
        assert_eq!(pieces[1].as_ref().unwrap_err(), &Incomplete);
        assert_eq!(pieces.len(), 2);
    }
}
