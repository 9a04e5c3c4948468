//! What inputs ask for. Shared by the target and by what makes its first inputs.

use image_url::{AcceptClass, Canonical, Target};
use imaging::Request;

/// One of each kind, and what goes together badly.
pub const PATHS: &[&str] = &[
    "/size",
    "/info",
    "/original",
    "/resize/20x15",
    "/resize/7",
    "/resize/x9",
    "/resize/1x1",
    "/resize/60000x60000",
    "/crop/16x16",
    "/crop/3x40",
    "/rotate/90",
    "/rotate/180,flip=h",
    "/resize/9x9,f=jpeg,q=1",
    "/resize/9x9,f=jpeg,q=95",
    "/resize/9x9,f=png",
    "/resize/9x9,f=gif",
    "/resize/9x9,f=webp",
    "/resize/9x9,f=webp,lossless=1",
    "/resize/9x9,f=avif",
    "/resize/9x9,f=auto",
    "/resize/100x30,fit=fill,enlarge=1",
    "/resize/50x50,fit=pad,bg=10203080,g=se",
    "/resize/50x50,fit=cover,enlarge=1,g=smart,rot=270,flip=v",
    "/crop/10x10,g=fp:0.9:0.1,trim=5",
    "/crop/5x5,g=smart,trim=100",
    "/resize/30x30,blur=3.5,sharpen=100",
    "/resize/30x30,f=jpeg,bytes=100",
    "/resize/30x30,f=png,bytes=100",
    "/resize/30x30,f=gif,bytes=100",
];

/// The request that a path makes.
pub fn request(path: &str, accepts: AcceptClass) -> Request {
    let target = Target::parse(&format!("{path}/name")).expect("a path of the language");
    let canonical = Canonical::parse(target.uri()).expect("a path of the language");
    Request {
        operation: canonical.operation(),
        options: canonical.options(),
        accepts,
    }
}
