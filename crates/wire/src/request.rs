//! The request for an image: what goes along with its path.

use crate::request_id::{RequestId, X_REQUEST_ID};
use http::HeaderMap;
use http::header::{ACCEPT, HeaderName, HeaderValue, IF_NONE_MATCH};
use image_url::AcceptClass;
use std::time::Duration;

/// The class of the client's `Accept`, in one word.
const X_TANDEM_ACCEPT: HeaderName = HeaderName::from_static("x-tandem-accept");

/// The client, as a hash of 16 hexadecimal digits.
const X_TANDEM_CLIENT: HeaderName = HeaderName::from_static("x-tandem-client");

/// How long the edge waits for the response, in milliseconds.
const X_TANDEM_DEADLINE_MS: HeaderName = HeaderName::from_static("x-tandem-deadline-ms");

/// What an edge says of a request beside its canonical path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRequest {
    /// The class of the client's `Accept`, where the URL leaves the format open. Of a request that comes without an edge, its
    /// own `Accept` reduced to a class.
    pub accept: Option<AcceptClass>,
    /// Entity tags that the edge holds (`If-None-Match`).
    pub condition: Option<HeaderValue>,
    /// A hash of the client's address, so that a resizer can be fair between clients. All requests that come without an edge
    /// are of client 0.
    pub client: u64,
    /// How long the response is of use; `None` where nobody says.
    pub time_left: Option<Duration>,
    /// The id that ties the log lines of one request together.
    pub id: RequestId,
}

impl ImageRequest {
    /// Writes it into the head of a request.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, self.id.header());
        if let Ok(client) = HeaderValue::try_from(format!("{:016x}", self.client)) {
            headers.insert(X_TANDEM_CLIENT, client);
        }
        if let Some(left) = self.time_left {
            let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            headers.insert(X_TANDEM_DEADLINE_MS, HeaderValue::from(left));
        }
        if let Some(class) = self.accept {
            headers.insert(X_TANDEM_ACCEPT, HeaderValue::from_static(class.word()));
        }
        if let Some(condition) = &self.condition {
            headers.insert(IF_NONE_MATCH, condition.clone());
        }
    }

    /// Reads it from the head of a request. A field that is absent or cannot be read has its default: the resizer may be asked
    /// without an edge.
    pub fn read(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
        let client = text(&X_TANDEM_CLIENT).and_then(|hash| u64::from_str_radix(hash, 16).ok());
        let left = text(&X_TANDEM_DEADLINE_MS).and_then(|left| left.parse().ok());
        Self {
            accept: accept(headers),
            condition: headers.get(IF_NONE_MATCH).cloned(),
            client: client.unwrap_or(0),
            time_left: left.map(Duration::from_millis),
            id: RequestId::accept(headers.get(&X_REQUEST_ID)),
        }
    }
}

fn accept(headers: &HeaderMap) -> Option<AcceptClass> {
    let word = headers.get(X_TANDEM_ACCEPT);
    let class = word.and_then(|word| AcceptClass::from_word(word.as_bytes()));
    class.or_else(|| {
        headers.contains_key(ACCEPT).then(|| {
            let values = headers.get_all(ACCEPT).iter();
            AcceptClass::reduce(values.map(HeaderValue::as_bytes))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_class() -> impl Strategy<Value = Option<AcceptClass>> {
        prop::option::of(prop::sample::select(AcceptClass::ALL.to_vec()))
    }

    proptest! {
        #[test]
        fn a_request_reads_back_as_it_was_written(
            accept in any_class(),
            tag in prop::option::of("\"[!-~&&[^\"]]{0,20}\""),
            client: u64,
            left in prop::option::of(0..u64::MAX),
        ) {
            let request = ImageRequest {
                accept,
                condition: tag.map(|tag| HeaderValue::try_from(tag).unwrap()),
                client,
                time_left: left.map(Duration::from_millis),
                id: RequestId::generate(),
            };
            let mut headers = HeaderMap::new();
            request.write(&mut headers);
            prop_assert_eq!(ImageRequest::read(&headers), request);
        }

        #[test]
        fn any_values_are_read(value in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let names = [X_TANDEM_ACCEPT, X_TANDEM_CLIENT, X_TANDEM_DEADLINE_MS, X_REQUEST_ID, ACCEPT];
                let headers = names.into_iter().map(|name| (name, value.clone())).collect();
                let _ = ImageRequest::read(&headers);
            }
        }
    }

    #[test]
    fn a_client_without_an_edge_is_read_by_its_own_headers() {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("image/webp,*/*"))]);
        let request = ImageRequest::read(&headers);
        assert_eq!(request.accept, Some(AcceptClass::Webp));
        assert_eq!((request.client, request.time_left), (0, None));
    }
}
