//! PQ and HLG (ITU-R BT.2100) to what an ordinary screen shows: lightness above its white is compressed as ITU-R BT.2390
//! (§5.4.1) has it, and a screen's white is the reference white of ITU-R BT.2408, 203 cd/m².

use moxcms::ColorProfile;

/// Reference white, cd/m².
const WHITE: f32 = 203.0;

/// What the lightest pixel is taken to have where the file does not say, and HLG's nominal display, cd/m².
const PEAK: f32 = 1000.0;

/// The weights of luminance (BT.2100, table 5).
const LUMINANCE: [f32; 3] = [0.2627, 0.678, 0.0593];

/// The end of PQ, cd/m².
const PQ_END: f32 = 10_000.0;

/// Steps of the tables, whose values are looked up between them.
const STEPS: usize = 1 << 12;

/// From 16-bit samples to 8-bit sRGB.
#[derive(Clone, Debug)]
pub(crate) struct ToneMap {
    /// The light of each sample: cd/m² of PQ, a part of the scene's light of HLG.
    light: Vec<f32>,
    /// For HLG, the weights of luminance.
    luminance: Option<[f32; 3]>,
    /// The largest light that is compressed; what is lighter is clipped.
    peak: f32,
    /// What light is multiplied with, so that 1 is white, by the fourth root of the light over the peak.
    scale: Vec<f32>,
    /// Linear light to linear sRGB.
    matrix: [[f32; 3]; 3],
    /// sRGB's encoding, by the square root of linear light.
    encoded: Vec<f32>,
}

impl ToneMap {
    /// `linear` has the primaries. `peak` is the lightest pixel in cd/m², if that is known.
    pub(crate) fn pq(linear: &ColorProfile, peak: Option<f32>) -> Self {
        let light = (0..=u16::MAX).map(|sample| pq_light(f32::from(sample) / 65_535.0));
        let peak = peak.unwrap_or(PEAK).clamp(WHITE, PQ_END);
        Self::new(linear, light.collect(), None, peak)
    }

    /// As shown on a display of 1,000 cd/m².
    pub(crate) fn hlg(linear: &ColorProfile) -> Self {
        let light = (0..=u16::MAX).map(|sample| hlg_light(f32::from(sample) / 65_535.0));
        Self::new(linear, light.collect(), Some(LUMINANCE), PEAK)
    }

    fn new(linear: &ColorProfile, light: Vec<f32>, luminance: Option<[f32; 3]>, peak: f32) -> Self {
        let matrix = linear.transform_matrix(&ColorProfile::new_srgb()).v;
        let steps = || (0..=STEPS).map(|step| step as f32 / STEPS as f32);
        Self {
            light,
            luminance,
            peak,
            scale: steps()
                .map(|root| {
                    let light = (root * root * root * root * peak).max(1e-6);
                    compressed(light, peak) / light / WHITE
                })
                .collect(),
            matrix: matrix.map(|row| row.map(|value| value as f32)),
            encoded: steps().map(|root| srgb(root * root) * 255.0).collect(),
        }
    }

    /// The sRGB of a pixel.
    pub(crate) fn pixel(&self, samples: [u16; 3]) -> [u8; 3] {
        let mut rgb = samples.map(|sample| {
            let light = self.light.get(usize::from(sample));
            light.copied().unwrap_or_default()
        });
        if let Some([r, g, b]) = self.luminance {
            // The display's own gamma of 1.2 (BT.2100, table 5).
            let scene = rgb[0] * r + rgb[1] * g + rgb[2] * b;
            let gain = self.peak * scene.max(0.0).powf(0.2);
            rgb = rgb.map(|light| light * gain);
        }
        let most = rgb[0].max(rgb[1]).max(rgb[2]).min(self.peak);
        // By the lightest channel, so that colours keep their hue.
        let scale = between(&self.scale, (most / self.peak).sqrt().sqrt());
        let rgb = rgb.map(|light| light.min(self.peak) * scale);
        self.matrix.map(|[r, g, b]| {
            let linear = r * rgb[0] + g * rgb[1] + b * rgb[2];
            let encoded = between(&self.encoded, linear.clamp(0.0, 1.0).sqrt());
            (encoded + 0.5) as u8
        })
    }
}

/// The value of a table of [`STEPS`] at 0 to 1.
fn between(table: &[f32], at: f32) -> f32 {
    let at = at * STEPS as f32;
    let below = (at as usize).min(STEPS - 1);
    match table.get(below..) {
        Some([low, high, ..]) => low + (high - low) * (at - below as f32),
        _ => 0.0,
    }
}

// SMPTE ST 2084.
const M1: f32 = 2610.0 / 16_384.0;
const M2: f32 = 2523.0 / 32.0;
const C1: f32 = 3424.0 / 4096.0;
const C2: f32 = 2413.0 / 128.0;
const C3: f32 = 2392.0 / 128.0;

/// PQ's EOTF, cd/m².
fn pq_light(signal: f32) -> f32 {
    let root = signal.powf(1.0 / M2);
    let light = (root - C1).max(0.0) / (C2 - C3 * root);
    light.powf(1.0 / M1) * PQ_END
}

/// Its inverse.
fn pq_signal(light: f32) -> f32 {
    let root = (light / PQ_END).powf(M1);
    ((C1 + C2 * root) / (1.0 + C3 * root)).powf(M2)
}

/// HLG's inverse OETF.
fn hlg_light(signal: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 0.284_668_92;
    const C: f32 = 0.559_910_7;
    if signal <= 0.5 {
        signal * signal / 3.0
    } else {
        (((signal - C) / A).exp() + B) / 12.0
    }
}

/// The EETF of BT.2390: up to a knee light stays as it is, and from there it bends so that the peak becomes white.
fn compressed(light: f32, peak: f32) -> f32 {
    let top = pq_signal(peak);
    let white = pq_signal(WHITE) / top;
    let knee = 1.5 * white - 0.5;
    let signal = pq_signal(light) / top;
    if signal < knee || knee >= 1.0 {
        return light;
    }
    let t = (signal - knee) / (1.0 - knee);
    let (t2, t3) = (t * t, t * t * t);
    let bent = (2.0 * t3 - 3.0 * t2 + 1.0) * knee
        + (t3 - 2.0 * t2 + t) * (1.0 - knee)
        + (3.0 * t2 - 2.0 * t3) * white;
    pq_light(bent * top)
}

fn srgb(linear: f32) -> f32 {
    if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_points_of_reference_are_where_they_belong() {
        // BT.2408, table 1: 203 cd/m² is 58 % of PQ and 75 % of HLG.
        assert!((pq_signal(203.0) - 0.58).abs() < 0.002);
        assert!((pq_light(pq_signal(203.0)) - 203.0).abs() < 0.5);
        let scene = hlg_light(0.75);
        assert!((scene * PEAK * scene.powf(0.2) - 203.0).abs() < 2.0);
        for map in [
            ToneMap::pq(&ColorProfile::new_bt2020(), None),
            ToneMap::hlg(&ColorProfile::new_bt2020()),
        ] {
            assert_eq!(map.pixel([0; 3]), [0; 3]);
            assert_eq!(map.pixel([65_535; 3]), [255; 3]);
        }
    }

    #[test]
    fn light_is_compressed_without_steps_or_turns() {
        for peak in [203.0, 400.0, 1000.0, 4000.0, 10_000.0] {
            let mut before = 0.0;
            for step in 1..=1000 {
                let light = peak * (step as f32 / 1000.0).powi(3);
                let now = compressed(light, peak);
                assert!(
                    now >= before && now <= light.max(WHITE) + 0.1,
                    "{peak} {light}"
                );
                before = now;
            }
            assert!((before - WHITE).abs() < 0.5, "{peak} {before}");
        }
    }
}
