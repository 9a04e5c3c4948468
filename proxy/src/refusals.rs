//! What the log says of clients over their rate or their share of fetches: a line when one is first refused, then one for each interval with a count,
//! instead of one for each request of a flood.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wire::shown::Shown;

/// How often it is said how many requests of a client were refused.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// Clients that are told apart. Those beyond are counted together.
const CLIENTS: usize = 256;

/// The clients refused lately, and how often since the log last said so.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    clients: HashMap<IpAddr, u64>,
    others: u64,
}

impl Refusals {
    /// Counts a refused request. `true` for the first of a client, which is a line of the log at once.
    fn count(&self, client: IpAddr) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.clients.get_mut(&client) {
            *count += 1;
            false
        } else if counts.clients.len() < CLIENTS {
            counts.clients.insert(client, 0);
            true
        } else {
            counts.others += 1;
            false
        }
    }

    /// What is to be said now: each client with its requests, and those of all others. Clients that are quiet are forgotten.
    fn take(&self) -> (Vec<(IpAddr, u64)>, u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clients.retain(|_, count| *count > 0);
        let clients = counts
            .clients
            .iter_mut()
            .map(|(client, count)| (*client, std::mem::take(count)));
        let clients = clients.collect();
        (clients, std::mem::take(&mut counts.others))
    }

    /// Counts a refused request of a client and logs it if it is its first.
    pub(crate) fn note(&self, client: IpAddr, path: &str, cause: &str) {
        if self.count(client) {
            let path = Shown(path);
            tracing::warn!(%client, %path, cause, "client refused");
        }
    }

    /// Logs what was counted since the last time.
    pub(crate) fn report(&self) {
        let (clients, others) = self.take();
        let seconds = INTERVAL.as_secs();
        for (client, requests) in clients {
            tracing::warn!(%client, requests, seconds, "client refused again");
        }
        if others > 0 {
            tracing::warn!(requests = others, seconds, "other clients refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_line_and_then_a_count() {
        let (refusals, client) = (Refusals::default(), "192.0.2.1".parse().unwrap());
        assert!(refusals.count(client));
        for _ in 0..1000 {
            assert!(!refusals.count(client));
        }
        assert_eq!(refusals.take(), (vec![(client, 1000)], 0));
        assert_eq!(refusals.take(), (vec![], 0));
        assert!(refusals.count(client));
    }

    #[test]
    fn no_number_of_clients_takes_more_room() {
        let refusals = Refusals::default();
        for number in 0..10_000 {
            refusals.count(IpAddr::V4(std::net::Ipv4Addr::from_bits(number)));
        }
        let (clients, others) = refusals.take();
        assert_eq!((clients.len(), others), (0, 10_000 - CLIENTS as u64));
    }
}
