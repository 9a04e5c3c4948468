//! The body of an original as it arrives: counted, bounded, and free of a content coding.

use super::SourceError;
use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use std::fs::File;
use std::io::{Read, Write};
use std::time::Duration;

/// The pieces of a body.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, SourceError>>;

/// Bytes of a piece that is inflated, about; the decoder gives 32 KiB at a time.
const INFLATED_PIECE: usize = 32 << 10;

/// Bytes of a file that are read at a time where it is not read whole.
const FILE_PIECE: usize = 64 << 10;

/// Where a body is read from.
pub(super) enum Body {
    /// A file from its start.
    File(File),
    /// A connection.
    Pieces(Pieces),
}

impl Body {
    /// The body piece by piece, as fast as it is asked for. It ends with an error beyond `limit`, and where it is not
    /// `length` bytes.
    pub(super) fn pieces(self, length: Option<u64>, limit: u64) -> Pieces {
        let pieces = match self {
            Self::File(file) => file_pieces(file),
            Self::Pieces(pieces) => pieces,
        };
        checked(pieces, length, limit)
    }

    /// The whole body of `length` bytes, where that is known.
    ///
    /// # Errors
    /// When it has more bytes than `limit`, or other than `length`.
    pub(super) async fn whole(self, length: Option<u64>, limit: u64) -> Result<Bytes, SourceError> {
        let expected = length.unwrap_or(0).min(limit) as usize;
        match self {
            // At once: as a stream it would go to another thread and back for every piece.
            Self::File(file) => {
                let reading = tokio::task::spawn_blocking(move || {
                    let mut bytes = Vec::with_capacity(expected);
                    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
                    Ok::<_, std::io::Error>(bytes)
                });
                let bytes = reading
                    .await
                    .map_err(|error| SourceError::Failed(error.to_string()))?
                    .map_err(|error| SourceError::Failed(error.to_string()))?;
                Count::new(length, limit).end_after(bytes.len())?;
                Ok(bytes.into())
            }
            Self::Pieces(_) => {
                let mut pieces = self.pieces(length, limit);
                let mut bytes = BytesMut::with_capacity(expected);
                while let Some(piece) = pieces.try_next().await? {
                    bytes.extend_from_slice(&piece);
                }
                Ok(bytes.freeze())
            }
        }
    }
}

/// How many bytes have come, of how many.
struct Count {
    come: u64,
    length: Option<u64>,
    limit: u64,
}

impl Count {
    fn new(length: Option<u64>, limit: u64) -> Self {
        Self {
            come: 0,
            length,
            limit,
        }
    }

    fn add(&mut self, bytes: usize) -> Result<(), SourceError> {
        self.come += bytes as u64;
        if self.come > self.limit {
            return Err(SourceError::TooLarge { limit: self.limit });
        }
        Ok(())
    }

    fn end(&self) -> Result<(), SourceError> {
        match self.length {
            Some(length) if length != self.come => Err(SourceError::Failed(format!(
                "{} of {length} bytes came",
                self.come
            ))),
            _ => Ok(()),
        }
    }

    fn end_after(mut self, bytes: usize) -> Result<(), SourceError> {
        self.add(bytes)?;
        self.end()
    }
}

/// The same pieces, which end with an error beyond `limit` and where they are not `length` bytes.
fn checked(pieces: Pieces, length: Option<u64>, limit: u64) -> Pieces {
    let begin = (pieces, Count::new(length, limit));
    stream::try_unfold(begin, async |(mut pieces, mut count)| {
        let Some(piece) = pieces.try_next().await? else {
            count.end()?;
            return Ok(None);
        };
        count.add(piece.len())?;
        Ok(Some((piece, (pieces, count))))
    })
    .boxed()
}

fn file_pieces(file: File) -> Pieces {
    stream::try_unfold(file, async |mut file| {
        let reading = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; FILE_PIECE];
            let read = file.read(&mut piece)?;
            piece.truncate(read);
            Ok::<_, std::io::Error>((piece, file))
        });
        let (piece, file) = reading
            .await
            .map_err(|error| SourceError::Failed(error.to_string()))?
            .map_err(|error| SourceError::Failed(error.to_string()))?;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
    })
    .boxed()
}

/// The same pieces, which end with an error where one takes longer than `timeout` to come. The time in which nobody asks
/// for one does not count.
pub(super) fn in_time(pieces: Pieces, timeout: Duration) -> Pieces {
    stream::try_unfold(pieces, move |mut pieces| async move {
        let piece = tokio::time::timeout(timeout, pieces.try_next());
        let piece = piece.await.map_err(|_| SourceError::Timeout(timeout))??;
        Ok(piece.map(|piece| (piece, pieces)))
    })
    .boxed()
}

/// The pieces of a gzip stream (RFC 1952), inflated: a bounded number of bytes at a time, whatever they inflate to.
pub(super) fn gunzip(pieces: Pieces) -> Pieces {
    let begin = Some(Gunzip {
        pieces,
        input: Bytes::new(),
        decoder: MultiGzDecoder::new(Vec::new()),
    });
    stream::try_unfold(begin, async |gunzip| match gunzip {
        Some(gunzip) => gunzip.next().await,
        None => Ok(None),
    })
    .boxed()
}

struct Gunzip {
    pieces: Pieces,
    /// What has come and is not inflated yet.
    input: Bytes,
    decoder: MultiGzDecoder<Vec<u8>>,
}

impl Gunzip {
    /// The next piece and what is left, if anything.
    async fn next(mut self) -> Result<Option<(Bytes, Option<Self>)>, SourceError> {
        let broken = |error: std::io::Error| {
            SourceError::Failed(format!("its gzip content coding is broken: {error}"))
        };
        loop {
            if self.decoder.get_ref().len() >= INFLATED_PIECE {
                let piece = std::mem::take(self.decoder.get_mut());
                return Ok(Some((piece.into(), Some(self))));
            }
            if self.input.is_empty() {
                let Some(piece) = self.pieces.try_next().await? else {
                    let rest = self.decoder.finish().map_err(broken)?;
                    return Ok(Some((rest.into(), None)));
                };
                self.input = piece;
                continue;
            }
            let used = self.decoder.write(&self.input).map_err(broken)?;
            if used == 0 {
                return Err(broken(std::io::ErrorKind::InvalidData.into()));
            }
            drop(self.input.split_to(used));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn pieces(bytes: &[u8], size: usize) -> Pieces {
        let pieces: Vec<_> = bytes
            .chunks(size)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        stream::iter(pieces).boxed()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn inflated(bytes: &[u8], size: usize) -> Result<Vec<u8>, SourceError> {
        let mut pieces = gunzip(pieces(bytes, size));
        let mut all = Vec::new();
        while let Some(piece) = pieces.try_next().await? {
            assert!(piece.len() <= 3 * INFLATED_PIECE, "{}", piece.len());
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn gzip_is_undone_whatever_the_pieces() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let coded = gzip(&text);
        for size in [1, 7, 1000, coded.len()] {
            assert!(inflated(&coded, size).await.unwrap() == text, "{size}");
        }
        // Members may follow each other (RFC 1952 §2.2).
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(inflated(&two, 5).await.unwrap(), b"one two");
        // A bomb arrives in small pieces.
        let zeros = vec![0; 10 << 20];
        assert!(inflated(&gzip(&zeros), 1 << 20).await.unwrap() == zeros);
    }

    #[tokio::test]
    async fn gzip_that_is_cut_or_broken_or_none_is_an_error() {
        let coded = gzip(&vec![7; 100_000]);
        let mut broken = coded.clone();
        let end = broken.len() - 6;
        broken[end] ^= 1;
        for (bytes, what) in [
            (&coded[..coded.len() - 1], "cut in its trailer"),
            (&coded[..coded.len() / 2], "cut in its data"),
            (&coded[..5], "cut in its header"),
            (&broken[..], "a wrong checksum"),
            (b"\xff\xd8\xff\xe0 a plain JPEG", "no gzip"),
        ] {
            let error = inflated(bytes, 1000).await;
            assert!(matches!(error, Err(SourceError::Failed(_))), "{what}");
        }
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_was_said_and_allowed() {
        let body = |size| Body::Pieces(pieces(&[0; 10], size));
        assert_eq!(body(3).whole(Some(10), 10).await.unwrap().len(), 10);
        assert_eq!(body(3).whole(None, 10).await.unwrap().len(), 10);
        let long = body(3).whole(None, 9).await;
        assert!(matches!(long, Err(SourceError::TooLarge { limit: 9 })));
        for length in [9, 11] {
            let wrong = body(3).whole(Some(length), 20).await;
            assert!(matches!(wrong, Err(SourceError::Failed(_))), "{length}");
        }
    }
}
