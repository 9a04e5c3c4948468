//! 16-bit samples to 8-bit sRGB. Colours are converted before they lose their bits: linear light has its shadows in the
//! lowest of them.

use super::is_srgb;
use super::signals::Space;
use super::tone::ToneMap;
use crate::pixels::Layout;
use moxcms::{ColorProfile, DataColorSpace, Transform16BitExecutor, TransformOptions};
use std::sync::Arc;

/// How samples of 16 bits become sRGB.
pub(crate) struct Wide {
    kind: Kind,
    converted: Vec<u16>,
}

enum Kind {
    /// As they are.
    Same,
    /// By the table of all greys.
    Grey(Vec<u8>),
    /// By a profile.
    Profile(Arc<Transform16BitExecutor>),
    Tone(Box<ToneMap>),
}

impl Wide {
    /// For pixels of this layout.
    pub(crate) fn new(space: Space, layout: Layout) -> Self {
        let grey = matches!(layout, Layout::Grey | Layout::GreyAlpha);
        let kind = match space {
            Space::Srgb => None,
            Space::Hdr(tone) if grey => {
                let table = (0..=u16::MAX).map(|grey| tone.pixel([grey; 3])[1]);
                Some(Kind::Grey(table.collect()))
            }
            Space::Hdr(tone) => Some(Kind::Tone(tone)),
            Space::Profile(profile) => ColorProfile::new_from_slice(&profile)
                .ok()
                .filter(|profile| !is_srgb(profile))
                .and_then(|profile| {
                    if grey {
                        greys(&profile).map(Kind::Grey)
                    } else {
                        colours(&profile, layout).map(Kind::Profile)
                    }
                }),
        };
        Self {
            kind: kind.unwrap_or(Kind::Same),
            converted: Vec::new(),
        }
    }

    /// Converts a row. `samples` and `out` have the channels of the layout.
    pub(crate) fn narrow(&mut self, samples: &[u16], layout: Layout, out: &mut [u8]) {
        let channels = layout.channels();
        match &self.kind {
            Kind::Same => narrow(samples, out),
            Kind::Grey(table) => {
                let (from, to) = (
                    samples.chunks_exact(channels),
                    out.chunks_exact_mut(channels),
                );
                for (from, to) in from.zip(to) {
                    narrow(from, to);
                    if let (Some(grey), Some(to)) = (from.first(), to.first_mut()) {
                        *to = table.get(usize::from(*grey)).copied().unwrap_or(*to);
                    }
                }
            }
            Kind::Profile(transform) => {
                self.converted.resize(samples.len(), 0);
                match transform.transform(samples, &mut self.converted) {
                    Ok(()) => narrow(&self.converted, out),
                    Err(_) => narrow(samples, out),
                }
            }
            Kind::Tone(tone) => {
                let (from, to) = (
                    samples.chunks_exact(channels),
                    out.chunks_exact_mut(channels),
                );
                for (from, to) in from.zip(to) {
                    narrow(from, to);
                    if let (Some(&rgb), Some(to)) = (from.first_chunk(), to.first_chunk_mut()) {
                        *to = tone.pixel(rgb);
                    }
                }
            }
        }
    }
}

fn options() -> TransformOptions {
    TransformOptions {
        prefer_fixed_point: false,
        ..TransformOptions::default()
    }
}

fn colours(profile: &ColorProfile, layout: Layout) -> Option<Arc<Transform16BitExecutor>> {
    let layout = match layout {
        Layout::Rgb => moxcms::Layout::Rgb,
        Layout::Rgba => moxcms::Layout::Rgba,
        Layout::Grey | Layout::GreyAlpha | Layout::Cmyk => return None,
    };
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    profile
        .create_transform_16bit(layout, &ColorProfile::new_srgb(), layout, options())
        .ok()
}

/// Grey stays grey, by what becomes of each of its values.
fn greys(profile: &ColorProfile) -> Option<Vec<u8>> {
    let (layout, samples): (_, Vec<u16>) = match profile.color_space {
        DataColorSpace::Gray => (moxcms::Layout::Gray, (0..=u16::MAX).collect()),
        DataColorSpace::Rgb => (
            moxcms::Layout::Rgb,
            (0..=u16::MAX).flat_map(|grey| [grey; 3]).collect(),
        ),
        _ => return None,
    };
    let srgb = ColorProfile::new_srgb();
    let transform = profile
        .create_transform_16bit(layout, &srgb, moxcms::Layout::Rgb, options())
        .ok()?;
    let mut rgb = vec![0; 3 << 16];
    transform.transform(&samples, &mut rgb).ok()?;
    let mut table = vec![0; 1 << 16];
    for (grey, rgb) in table.iter_mut().zip(rgb.as_chunks::<3>().0) {
        *grey = narrowed(rgb[1]);
    }
    Some(table)
}

fn narrow(samples: &[u16], out: &mut [u8]) {
    for (to, sample) in out.iter_mut().zip(samples) {
        *to = narrowed(*sample);
    }
}

/// 16 bits to 8, rounded (PNG §13.12).
pub(crate) fn narrowed(sample: u16) -> u8 {
    ((u32::from(sample) * 255 + 32_767) / 65_535) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded() {
        let bytes = [0, 127, 128, 257, 32_768, 65_406, 65_407, 65_535].map(narrowed);
        assert_eq!(bytes, [0, 0, 0, 1, 128, 254, 255, 255]);
    }
}
