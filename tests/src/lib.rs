//! What the black-box tests share: an S3 server that speaks the real protocol.
#![forbid(unsafe_code)]

pub mod s3_store;
