//! What a request asks for: the URL read, its signature verified, the format's negotiation reduced to a class.

use crate::failure::Failure;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_cache::Key;
use image_url::{AcceptClass, Canonical, Language, SecureLink, Target, TargetError};
use std::net::IpAddr;
use std::time::SystemTime;

/// Files that browsers and robots ask of every host. There are none here.
const ASKED_OF_EVERY_SITE: [&str; 2] = ["/favicon.ico", "/robots.txt"];

/// A request whose URL is signed and understood.
#[derive(Debug)]
pub(crate) struct Route {
    canonical: Canonical,
    /// The class of the client's `Accept`, where the format is negotiated.
    accept: Option<AcceptClass>,
    link_expires: Option<SystemTime>,
}

impl Route {
    /// Reads a request of a client. Its framing has been checked.
    pub(crate) fn read<B>(
        request: &Request<B>,
        client: IpAddr,
        secure_link: &SecureLink,
        language: &Language,
    ) -> Result<Self, Failure> {
        if ASKED_OF_EVERY_SITE.contains(&request.uri().path()) {
            return Err(Failure::NoSuchFile);
        }
        let target = target(request.uri())?;
        let link = secure_link.verify(&target, client, SystemTime::now())?;
        let canonical = language.parse(link.uri())?;
        let accept = canonical
            .varies_on_accept()
            .then(|| accept(request.headers()));
        Ok(Self {
            canonical,
            accept,
            link_expires: link.expires(),
        })
    }

    /// The canonical path, which is what a resizer is asked for.
    pub(crate) fn path(&self) -> &str {
        self.canonical.path()
    }

    /// The class of the client's `Accept` where the response depends on it, and then on every response to this route.
    pub(crate) fn accept(&self) -> Option<AcceptClass> {
        self.accept
    }

    /// When the link expires, if it does.
    pub(crate) fn link_expires(&self) -> Option<SystemTime> {
        self.link_expires
    }

    /// The canonical path and, as variants of it, the classes of clients where the format is negotiated.
    pub(crate) fn key(&self) -> Key {
        let key = Key::new(self.path());
        match self.accept {
            Some(class) => key.variant(class.word()),
            None => key,
        }
    }
}

/// The target as it was sent: nearly always a path, which needs no putting together.
fn target(uri: &Uri) -> Result<Target, TargetError> {
    match (uri.scheme(), uri.path_and_query()) {
        (None, Some(path)) => Target::parse(path.as_str()),
        _ => Target::parse(&uri.to_string()),
    }
}

fn accept(headers: &HeaderMap) -> AcceptClass {
    let values = headers.get_all(ACCEPT).iter();
    AcceptClass::reduce(values.map(HeaderValue::as_bytes))
}
