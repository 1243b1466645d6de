//! The allocator of every program that serves HTTP. A request makes hundreds of small allocations on one thread and frees many of them on
//! another; the C library's allocator spends a third of a service's time on that, and does not give back what a burst took.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
