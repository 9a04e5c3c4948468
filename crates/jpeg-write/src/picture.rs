//! From pixels to coefficients, one line of MCUs after the other, so that samples stay in the processor's cache.

use crate::colour;
use crate::component::Component;
use crate::options::{Pixels, Subsampling};
use crate::quantise::Quantisers;

/// The lines of samples of one component in a line of MCUs.
struct Strip {
    /// Samples that come from pixels; the rest of a line repeats the last.
    width: usize,
    padded: usize,
    samples: Vec<u8>,
}

impl Strip {
    fn new(width: usize, component: &Component) -> Self {
        let padded = 8 * component.stride;
        Self {
            width,
            padded,
            samples: vec![0; padded * 8 * component.factor],
        }
    }

    fn lines(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.samples.chunks_exact_mut(self.padded)
    }

    /// Lines in pairs.
    fn pairs(&mut self) -> impl Iterator<Item = [&mut [u8]; 2]> {
        let padded = self.padded;
        let pairs = self.samples.chunks_exact_mut(2 * padded);
        pairs.map(move |pair| pair.split_at_mut(padded).into())
    }

    fn repeat_last_samples(&mut self) {
        let width = self.width;
        for line in self.samples.chunks_exact_mut(self.padded) {
            let (samples, rest) = line.split_at_mut(width);
            rest.fill(samples.last().copied().unwrap_or_default());
        }
    }
}

/// The coefficients of all components. Sides are not 0, and the pixels are as many as they say.
pub(crate) fn components(
    pixels: Pixels<'_>,
    (width, height): (usize, usize),
    subsampling: Subsampling,
    luma: &Quantisers,
    chroma: &Quantisers,
) -> Vec<Component> {
    let (bytes, channels) = pixels.parts();
    let factor = if channels == 1 {
        1
    } else {
        subsampling.factor()
    };
    let mcus = (width.div_ceil(8 * factor), height.div_ceil(8 * factor));
    let half = (width.div_ceil(factor), height.div_ceil(factor));
    let mut components = vec![Component::new(width, height, factor, mcus)];
    let mut strips = vec![Strip::new(width, &components[0])];
    if channels == 3 {
        for _ in 0..2 {
            let component = Component::new(half.0, half.1, 1, mcus);
            strips.push(Strip::new(half.0, &component));
            components.push(component);
        }
    }
    let line = |y: usize| {
        let start = y.min(height - 1) * width * channels;
        bytes
            .get(start..start + width * channels)
            .unwrap_or_default()
    };
    let mut room = Vec::new();
    for mcu in 0..mcus.1 {
        let y = mcu * 8 * factor;
        match &mut *strips {
            [luma, cb, cr] if factor == 2 => {
                let chroma = cb.lines().zip(cr.lines());
                for (index, (pair, (cb, cr))) in luma.pairs().zip(chroma).enumerate() {
                    let lines = [line(y + 2 * index), line(y + 2 * index + 1)];
                    colour::halved(lines, pair, [cb, cr]);
                }
            }
            [luma, cb, cr] => {
                let lines = luma.lines().zip(cb.lines()).zip(cr.lines());
                for (index, ((luma, cb), cr)) in lines.enumerate() {
                    colour::full(line(y + index), [luma, cb, cr]);
                }
            }
            others => {
                for (index, samples) in others.iter_mut().flat_map(Strip::lines).enumerate() {
                    let line = line(y + index);
                    if let Some(samples) = samples.get_mut(..line.len()) {
                        samples.copy_from_slice(line);
                    }
                }
            }
        }
        let quantisers = [luma, chroma, chroma];
        for ((strip, component), quantisers) in
            strips.iter_mut().zip(&mut components).zip(quantisers)
        {
            strip.repeat_last_samples();
            for lines in strip.samples.chunks_exact(8 * strip.padded) {
                if component.values.len() < component.high {
                    component.push_row(lines, &quantisers.factors, &mut room);
                }
            }
        }
    }
    for component in &mut components {
        component.fill_mcus();
    }
    components
}
