//! A GET over a plain socket: enough to fill caches and to find sizes.

use anyhow::{Context, bail};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The body of the answer to a GET, which has to be a 200.
///
/// # Errors
/// When the server cannot be reached or answers anything else.
pub async fn get(address: SocketAddr, target: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request(target).as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    body(answer, target)
}

/// The same, for threads that have nothing else to do.
///
/// # Errors
/// When the server cannot be reached or answers anything else.
pub fn get_blocking(address: SocketAddr, target: &str) -> anyhow::Result<Vec<u8>> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request(target).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    body(answer, target)
}

fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn body(mut answer: Vec<u8>, target: &str) -> anyhow::Result<Vec<u8>> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.context("no HTTP answer")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("{target}: {}", head.lines().next().unwrap_or_default());
    }
    Ok(answer.split_off(end + 4))
}

/// GETs all targets over a few connections that are kept, the bodies read and dropped. For filling a cache.
///
/// # Errors
/// When any answer is not a 200.
pub async fn get_all(address: SocketAddr, targets: Vec<String>) -> anyhow::Result<()> {
    const CONNECTIONS: usize = 8;
    let share = targets.len().div_ceil(CONNECTIONS).max(1);
    let mut tasks = tokio::task::JoinSet::new();
    for part in targets.chunks(share).map(<[String]>::to_vec) {
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            let mut buffer = Vec::with_capacity(1 << 16);
            for target in part {
                let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                stream.write_all(request.as_bytes()).await?;
                read_answer(&mut stream, &mut buffer)
                    .await
                    .with_context(|| target.clone())?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Reads one answer with a `Content-Length`, or in chunks.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    buffer.clear();
    let end = loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed");
        }
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200 ") {
        bail!("{}", head.lines().next().unwrap_or_default());
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    if let Some(length) = length {
        let length: usize = length.trim().parse()?;
        while buffer.len() < end + length {
            if stream.read_buf(buffer).await? == 0 {
                bail!("the server closed");
            }
        }
    } else {
        while !buffer.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(buffer).await? == 0 {
                bail!("the server closed");
            }
        }
    }
    Ok(())
}
