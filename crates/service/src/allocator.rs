//! The allocator of every process, mimalloc: a hit allocates a few dozen times, a miss in megabytes.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
