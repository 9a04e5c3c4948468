//! What a request asks for. Requests of equal keys share one job.

use crate::etag::{etag, matches};
use crate::failure::Failure;
use crate::source::{Source, Validators};
use http::{HeaderValue, Request};
use image_url::{AcceptClass, Canonical, Target};
use imaging::Encoding;
use wire::{ImageRequest, RequestId, framing};

/// A request whose URL is understood.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) canonical: Canonical,
    pub(crate) accept: AcceptClass,
    /// The client's copy, whose tag may turn out to be that of the original.
    pub(crate) condition: Option<HeaderValue>,
    pub(crate) client: u64,
    pub(crate) id: RequestId,
}

impl Route {
    /// Reads a request, of which `asked` is what an edge says.
    pub(crate) fn read<B>(request: &Request<B>, asked: ImageRequest) -> Result<Self, Failure> {
        framing::check_request(request)?;
        let target = Target::parse(&request.uri().to_string())?;
        Ok(Self {
            canonical: Canonical::parse(target.uri())?,
            accept: asked.accept.unwrap_or_default(),
            condition: asked.condition,
            client: asked.client,
            id: asked.id,
        })
    }

    /// Whether every response to it depends on `Accept`.
    pub(crate) fn varies(&self) -> bool {
        self.canonical.varies_on_accept()
    }

    /// Jobs of the same key give the same response, if the original is the same.
    pub(crate) fn key(&self) -> String {
        let accept = if self.varies() {
            self.accept.word()
        } else {
            ""
        };
        format!("{accept} {} {:?}", self.canonical.path(), self.condition)
    }

    /// The tag of an original by what its source says before it gives it.
    pub(crate) async fn tag(
        &self,
        source: &Source,
        encoding: Encoding,
    ) -> Result<Option<(Validators, HeaderValue)>, Failure> {
        let validators = source.validators(self.canonical.name()).await?;
        Ok(validators.and_then(|validators| {
            let etag = etag(&validators, &self.canonical, self.accept, encoding)?;
            Some((validators, etag))
        }))
    }

    /// Whether the client has it already.
    pub(crate) fn has(&self, etag: Option<&HeaderValue>) -> bool {
        match (&self.condition, etag) {
            (Some(condition), Some(etag)) => matches(condition, etag),
            _ => false,
        }
    }
}
