//! What the benches share: the peers as child processes, load, CPU time, tables.
//!
//! Figures are ratios within one run, taken in turns, since machines differ and are noisy. CPU time per request is the
//! figure to trust; requests per second say as much about the load generator, which shares the cores.
#![forbid(unsafe_code)]

pub mod burst;
pub mod comparison;
pub mod http;
pub mod nginx;
pub mod originals;
pub mod peer;
pub mod procfs;
pub mod quality;
pub mod report;
pub mod tandem;
pub mod worker;
pub mod wrk;
