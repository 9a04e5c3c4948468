//! Reads JPEG headers, and decodes at 1/2, 1/4 or 1/8 size doing only the work which that size needs.
#![forbid(unsafe_code)]
