//! Which resizer gets the next request: the one with the fewest under way, among all addresses of all names.
//!
//! Names are resolved again every few seconds, so that resizers can come and go (`docker compose --scale`). One that
//! refused a connection is set aside for a moment.

use super::Authority;
use daemon::throttle::Throttle;
use http::HeaderValue;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::net::lookup_host;
use tokio::sync::OnceCell;

/// How often names are resolved again.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(3);

/// How long a resizer that refused a connection is passed over while others are left.
const SET_ASIDE: Duration = Duration::from_secs(2);

/// How often the log says that a name cannot be resolved.
const SAY_AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Balancer {
    /// With how often the log says that a name cannot be resolved.
    authorities: Vec<(Authority, Throttle)>,
    resizers: RwLock<Arc<[Arc<Resizer>]>>,
    resolved: OnceCell<()>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Resizer {
    address: SocketAddr,
    host: HeaderValue,
    under_way: AtomicUsize,
    aside_until: Mutex<Option<Instant>>,
}

impl Resizer {
    fn is_aside(&self, now: Instant) -> bool {
        let until = *self
            .aside_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until)
    }
}

/// A request under way at a resizer. It counts until it is dropped.
#[derive(Debug)]
pub(super) struct Lease(Arc<Resizer>);

impl Lease {
    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(super) fn host(&self) -> &HeaderValue {
        &self.0.host
    }

    /// Passes this resizer over for a moment.
    pub(super) fn set_aside(&self) {
        let until = Instant::now() + SET_ASIDE;
        *self
            .0
            .aside_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Balancer {
    pub(super) fn new(authorities: Vec<Authority>) -> Self {
        let with_throttle = |authority| (authority, Throttle::new(SAY_AGAIN));
        Self {
            authorities: authorities.into_iter().map(with_throttle).collect(),
            resizers: RwLock::new(Arc::new([])),
            resolved: OnceCell::new(),
            next: AtomicUsize::new(0),
        }
    }

    /// Addresses known now.
    pub(super) fn len(&self) -> usize {
        self.snapshot().len()
    }

    /// The resizer with the fewest requests under way that is not in `tried`; ties go round. Those set aside come last.
    pub(super) fn pick(&self, tried: &[SocketAddr]) -> Option<Lease> {
        let now = Instant::now();
        let resizers = self.snapshot();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let chosen = (0..resizers.len())
            .map(|offset| &resizers[(first.wrapping_add(offset)) % resizers.len()])
            .filter(|resizer| !tried.contains(&resizer.address))
            .min_by_key(|resizer| {
                (
                    resizer.is_aside(now),
                    resizer.under_way.load(Ordering::Relaxed),
                )
            })?;
        chosen.under_way.fetch_add(1, Ordering::Relaxed);
        Some(Lease(chosen.clone()))
    }

    /// Resolves once; later calls return at once when that gave an address.
    pub(super) async fn ensure_resolved(&self) {
        self.resolved.get_or_init(|| self.resolve()).await;
        if self.len() == 0 {
            self.resolve().await;
        }
    }

    pub(super) async fn keep_resolving(&self) {
        loop {
            tokio::time::sleep(RESOLVE_INTERVAL).await;
            self.resolve().await;
        }
    }

    /// Looks all names up. A name that fails keeps the addresses it had: a resolver's hiccup must not cut all off.
    async fn resolve(&self) {
        let known = self.snapshot();
        let mut found: Vec<Arc<Resizer>> = Vec::new();
        for (Authority { host, port }, unresolved) in &self.authorities {
            let authority = if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            };
            let Ok(header) = HeaderValue::try_from(&authority) else {
                continue;
            };
            match lookup_host((host.as_str(), *port)).await {
                Ok(addresses) => {
                    for address in addresses {
                        let old = known
                            .iter()
                            .chain(&found)
                            .find(|resizer| resizer.address == address);
                        let resizer = old.cloned().unwrap_or_else(|| {
                            tracing::info!(resizer = %authority, %address, "resizer found");
                            Arc::new(Resizer {
                                address,
                                host: header.clone(),
                                under_way: AtomicUsize::new(0),
                                aside_until: Mutex::new(None),
                            })
                        });
                        if !found.iter().any(|other| other.address == address) {
                            found.push(resizer);
                        }
                    }
                }
                Err(error) => {
                    if unresolved.pass(Instant::now()).is_some() {
                        tracing::warn!(resizer = %authority, %error, "name cannot be resolved");
                    }
                    found.extend(
                        known
                            .iter()
                            .filter(|resizer| resizer.host == header)
                            .cloned(),
                    );
                }
            }
        }
        *self
            .resizers
            .write()
            .unwrap_or_else(PoisonError::into_inner) = found.into();
    }

    fn snapshot(&self) -> Arc<[Arc<Resizer>]> {
        self.resizers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn balancer(ports: &[u16]) -> Balancer {
        let authorities = ports.iter().map(|port| Authority {
            host: "127.0.0.1".to_owned(),
            port: *port,
        });
        let balancer = Balancer::new(authorities.collect());
        balancer.ensure_resolved().await;
        balancer
    }

    #[tokio::test]
    async fn the_least_busy_resizer_is_picked() {
        let balancer = balancer(&[1, 2, 3]).await;
        let leases: Vec<_> = (0..6).map(|_| balancer.pick(&[]).unwrap()).collect();
        let of = |port| {
            leases
                .iter()
                .filter(|lease| lease.address().port() == port)
                .count()
        };
        assert_eq!([of(1), of(2), of(3)], [2, 2, 2]);
        let free = leases[4].address();
        let (done, _busy): (Vec<_>, Vec<_>) = leases
            .into_iter()
            .partition(|lease| lease.address() == free);
        drop(done);
        let next = [balancer.pick(&[]).unwrap(), balancer.pick(&[]).unwrap()];
        assert!(next.iter().all(|lease| lease.address() == free));
    }

    #[tokio::test]
    async fn one_that_refused_comes_last_and_one_that_was_tried_not_at_all() {
        let balancer = balancer(&[1, 2]).await;
        let refused = balancer.pick(&[]).unwrap();
        refused.set_aside();
        let busy: Vec<_> = (0..3).map(|_| balancer.pick(&[]).unwrap()).collect();
        assert!(
            busy.iter()
                .all(|lease| lease.address() != refused.address())
        );
        let last = balancer.pick(&[busy[0].address()]).unwrap();
        assert_eq!(last.address(), refused.address());
        assert!(
            balancer
                .pick(&[busy[0].address(), last.address()])
                .is_none()
        );
    }

    #[tokio::test]
    async fn an_address_keeps_its_count_when_names_are_resolved_again() {
        let balancer = balancer(&[1]).await;
        let lease = balancer.pick(&[]).unwrap();
        balancer.resolve().await;
        assert_eq!(balancer.len(), 1);
        assert_eq!(lease.0.under_way.load(Ordering::Relaxed), 1);
        assert!(Arc::ptr_eq(&lease.0, &balancer.snapshot()[0]));
    }
}
