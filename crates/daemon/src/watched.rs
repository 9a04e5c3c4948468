//! A socket that keeps the stage of its connection, and bounds the request line.

use crate::connections::{Connection, Stage};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Bytes of a request line without its target and a margin: the longest method, blanks and the version.
const AROUND_THE_TARGET: usize = 64;

/// The socket of a connection.
pub(crate) struct Watched<S> {
    stream: S,
    connection: Arc<Connection>,
    most_target: usize,
    /// Bytes of the request line so far; `None` when it has ended.
    line: Option<usize>,
    pub(crate) target_too_long: bool,
    /// The peer has closed its side.
    pub(crate) ended: bool,
}

impl<S> Watched<S> {
    /// `most_target` bounds the target of a request in bytes.
    pub(crate) fn new(stream: S, connection: Arc<Connection>, most_target: usize) -> Self {
        Self {
            stream,
            connection,
            most_target,
            line: Some(0),
            target_too_long: false,
            ended: false,
        }
    }

    /// Takes note of bytes that came.
    fn note(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.connection.stage() {
            Stage::Idle | Stage::Flushing => {
                self.connection.enter(Stage::Head);
                self.line = Some(0);
            }
            Stage::Head => {}
            // The next request, which is sent before the response to this one came. hyper bounds its head.
            Stage::Busy => self.line = None,
        }
        if let Some(line) = &mut self.line {
            if bytes.contains(&b'\n')
                && *line + position(bytes) <= self.most_target + AROUND_THE_TARGET
            {
                self.line = None;
            } else {
                *line += bytes.len();
                if *line > self.most_target + AROUND_THE_TARGET {
                    self.target_too_long = true;
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the target is too long",
                    ));
                }
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads what is not looked at any more.
    pub(crate) async fn drain(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer).await
    }
}

fn position(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len())
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if bytes.is_empty() {
            self.ended = true;
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(self.note(bytes))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper asks for it once all that it has is written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.connection.stage() == Stage::Flushing {
            self.connection.enter(Stage::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
