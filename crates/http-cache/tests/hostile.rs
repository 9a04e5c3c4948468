//! Whatever stands in headers and files, the engine judges it without falling over, and what it says of it is consistent.
#![allow(missing_docs)]

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, VARY,
};
use http_cache::directives::{CDN_CACHE_CONTROL, Directives, RequestDirectives};
use http_cache::entry::Stored;
use http_cache::policy::{RequestRules, Reuse, Times};
use http_cache::range::{Answer, answer, held};
use http_cache::vary::Selecting;
use http_cache::{CacheValid, Key, Policy, UseStale, conditional};
use proptest::prelude::*;
use std::time::{Duration, UNIX_EPOCH};

const NAMES: [HeaderName; 13] = [
    AGE,
    CACHE_CONTROL,
    CDN_CACHE_CONTROL,
    DATE,
    ETAG,
    EXPIRES,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    LAST_MODIFIED,
    RANGE,
    VARY,
    HeaderName::from_static("content-range"),
];

/// Values that are near to what they should be, and any others.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let near = "(max-age|s-maxage|private|no-cache|bytes|stale-if-error|W/|\\*|accept)?[=, \"\\\\]{0,3}[0-9a-z\",=\\-/]{0,12}(, [a-z\\-]{1,20}(=[0-9]{1,20})?)?";
    let date =
        "(Sun|sun), [0-3][0-9] (Nov|nov) [0-9]{4} [0-2][0-9]:[0-6][0-9]:[0-6][0-9] (GMT|gmt)";
    prop_oneof![
        near.prop_map(String::into_bytes),
        date.prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    prop::collection::vec((0..NAMES.len(), value()), 0..8).prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(NAMES[name].clone(), value);
            }
        }
        headers
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_headers_are_judged(request in headers(), response in headers(), status in 100_u16..1000, after in 0_u64..1 << 33) {
        let policy = Policy {
            valid: CacheValid::default(),
            use_stale: UseStale::none(),
            max_stale: None,
            store_set_cookie: true,
        };
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let status = StatusCode::from_u16(status).unwrap();
        let rules = RequestRules::of(&request);
        let times = Times { asked: now, received: now };
        if let Some(stored) = policy.storable(rules, status, &response, times) {
            prop_assert!(!Directives::of(&response).no_store || Directives::of(&response).must_understand);
            let later = now + Duration::from_secs(after);
            let plain = policy.reuse(RequestRules::default(), &stored.freshness, later);
            prop_assert_eq!(plain == Reuse::Serve, stored.freshness.is_fresh(later));
        }
        let _ = RequestDirectives::of(&request);
        let _ = conditional::not_modified(&request, &response);
        let _ = held(&response);
        if let Some(selecting) = Selecting::of(&response, &request) {
            prop_assert!(selecting.matches(&request));
        }
    }

    #[test]
    fn a_part_lies_within_its_whole(request in headers(), length in 0_u64..100) {
        if let Answer::Part(part) = answer(&request, &HeaderMap::new(), length) {
            prop_assert!(part.first <= part.last && part.last < length);
        }
    }

    #[test]
    fn any_bytes_are_an_entry_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
        if ours {
            bytes.splice(..0, *b"tandem\x00\x02\x00\x00\x00\x20");
        }
        let _ = Stored::decode(&Key::new("/a"), Bytes::from(bytes));
    }
}
