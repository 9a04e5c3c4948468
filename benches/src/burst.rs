//! Many clients that ask at the same moment, each from an address of its own and for something else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// What a client got.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The status; 0 when there was no response.
    pub status: u16,
    /// From the moment when all are connected and ask to the end of the body.
    pub took: Duration,
}

/// What a burst came to.
#[derive(Clone, Debug)]
pub struct Burst {
    outcomes: Vec<Outcome>,
}

impl Burst {
    /// Sends each target from a client of its own, all at once, and waits for all responses, for `patience` at most.
    pub async fn send(address: SocketAddr, targets: Vec<String>, patience: Duration) -> Self {
        let together = Arc::new(Barrier::new(targets.len()));
        let mut clients = JoinSet::new();
        for (number, target) in targets.into_iter().enumerate() {
            let together = together.clone();
            clients.spawn(async move {
                let from = client_address(number);
                let connected = connect(from, address).await;
                together.wait().await;
                let begun = Instant::now();
                let asking = async { ask(connected.ok()?, &target).await.ok() };
                let status = tokio::time::timeout(patience, asking).await.ok().flatten();
                Outcome {
                    status: status.unwrap_or(0),
                    took: begun.elapsed(),
                }
            });
        }
        let mut outcomes = clients.join_all().await;
        outcomes.sort_by_key(|outcome| outcome.took);
        Self { outcomes }
    }

    /// Responses of a status.
    pub fn count(&self, status: u16) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.status == status)
            .count()
    }

    /// Statuses other than 200, with how often each came, for the table.
    pub fn failures(&self) -> String {
        let mut statuses: Vec<u16> = self.outcomes.iter().map(|outcome| outcome.status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let each = statuses.into_iter().filter(|status| *status != 200);
        let texts: Vec<_> = each
            .map(|status| format!("{} × {status}", self.count(status)))
            .collect();
        if texts.is_empty() {
            "none".to_owned()
        } else {
            texts.join(", ")
        }
    }

    /// The time within which a part of the clients had their response, of 0 to 1.
    pub fn within(&self, part: f64) -> Duration {
        let last = self.outcomes.len().saturating_sub(1);
        let at = (last as f64 * part).round() as usize;
        self.outcomes
            .get(at)
            .map_or(Duration::ZERO, |outcome| outcome.took)
    }
}

/// Addresses of this machine's own, 127.1.0.1 onwards, so that each client is one.
fn client_address(number: usize) -> SocketAddr {
    let number = u32::try_from(number).unwrap_or(0);
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
    SocketAddr::from((Ipv4Addr::from(first + number), 0))
}

async fn connect(from: SocketAddr, to: SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(from)?;
    socket.connect(to).await
}

async fn ask(mut stream: tokio::net::TcpStream, target: &str) -> anyhow::Result<u16> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let status = answer.get(9..12).unwrap_or_default();
    Ok(std::str::from_utf8(status)?.parse()?)
}
