//! What edge and resizer say to each other over HTTP: [`ImageRequest`] one way, an image or a [`Problem`] the other. Each
//! has one form on the wire, written and read here, so that the two programs cannot disagree.
//!
//! Values only: no sockets, no async.
//!
//! ```
//! use std::time::Duration;
//! use wire::{ImageRequest, Problem, RequestId};
//!
//! // The edge asks.
//! let asked = ImageRequest {
//!     accept: None,
//!     condition: None,
//!     client: 0x2a,
//!     time_left: Some(Duration::from_secs(30)),
//!     id: RequestId::generate(),
//! };
//! let mut request = http::Request::get("/resize/300/cat.jpg").body(())?;
//! asked.write(request.headers_mut());
//!
//! // The resizer reads it, and responds with a problem.
//! assert_eq!(ImageRequest::read(request.headers()), asked);
//! let response = Problem::ImageTooLarge.response_with(Some("120 MP, of at most 100"));
//!
//! // The edge reads that.
//! let (problem, detail) = Problem::read(response.status(), response.headers(), response.body());
//! assert_eq!(problem, Problem::ImageTooLarge);
//! assert_eq!(detail.as_deref(), Some("120 MP, of at most 100"));
//! # Ok::<(), http::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod framing;
mod problem;
mod request;
mod request_id;
pub mod shown;

pub use problem::Problem;
pub use request::ImageRequest;
pub use request_id::{RequestId, X_REQUEST_ID};
