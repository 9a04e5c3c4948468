//! The right to fetch: how many fetches may be under way at once, in all and for one client.

use crate::flight::FetchError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The rights that there are.
#[derive(Debug)]
pub(crate) struct Fetches {
    most: usize,
    most_of_client: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Of each client that has any.
    clients: HashMap<u64, usize>,
}

/// The right to one fetch, as long as it is held.
#[derive(Debug)]
pub(crate) struct Permit {
    fetches: Arc<Fetches>,
    client: Option<u64>,
}

impl Fetches {
    pub(crate) fn new(most: usize, most_of_client: usize) -> Self {
        Self {
            most,
            most_of_client,
            taken: Mutex::default(),
        }
    }

    /// The right to a fetch for a client; `None` is nobody's in particular.
    ///
    /// # Errors
    /// When all are taken, or the client has as many as one may have.
    pub(crate) fn permit(self: &Arc<Self>, client: Option<u64>) -> Result<Permit, FetchError> {
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(FetchError::Overloaded);
        }
        if let Some(client) = client {
            let of_client = taken.clients.entry(client).or_default();
            if *of_client >= self.most_of_client {
                return Err(FetchError::TooManyOfClient);
            }
            *of_client += 1;
        }
        taken.all += 1;
        Ok(Permit {
            fetches: self.clone(),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Whether less than a quarter of all rights are left to others.
    pub(crate) fn is_wanted(&self) -> bool {
        let left = self.fetches.most.saturating_sub(self.fetches.lock().all);
        left < self.fetches.most.div_ceil(4)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.fetches.lock();
        taken.all -= 1;
        let Some(client) = self.client else {
            return;
        };
        if let Some(of_client) = taken.clients.get_mut(&client) {
            *of_client -= 1;
            if *of_client == 0 {
                taken.clients.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_bounded_in_all_and_for_each_client() {
        let fetches = Arc::new(Fetches::new(8, 4));
        let of = |client| fetches.permit(client);
        let mut held: Vec<_> = (0..4).map(|_| of(Some(1)).unwrap()).collect();
        assert!(matches!(of(Some(1)), Err(FetchError::TooManyOfClient)));
        assert!(!held[0].is_wanted());
        held.extend([of(Some(2)).unwrap(), of(None).unwrap(), of(None).unwrap()]);
        assert!(held[0].is_wanted());
        held.push(of(Some(3)).unwrap());
        assert!(matches!(of(Some(4)), Err(FetchError::Overloaded)));
        held.remove(0);
        held.push(of(Some(1)).unwrap());
        drop(held);
        let taken = fetches.lock();
        assert_eq!((taken.all, taken.clients.len()), (0, 0));
    }
}
