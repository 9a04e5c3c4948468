//! What is done to pixels at their final size: sharpened, blurred, laid on a background, brought onto a canvas.

mod blur;
mod canvas;
mod flatten;
mod sharpen;

pub(crate) use blur::blur;
pub(crate) use canvas::on_canvas;
pub(crate) use flatten::flatten;
pub(crate) use sharpen::sharpen;
