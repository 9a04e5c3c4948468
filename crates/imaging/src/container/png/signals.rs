//! The chunks of a PNG that say what its colours are (PNG third edition, §11.3.2).

use super::chunks::Chunk;

/// What is said of the colours, each as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signals<'a> {
    /// Primaries, transfer function, matrix, full range (`cICP`).
    pub(crate) code_points: Option<[u8; 4]>,
    /// A compressed ICC profile (`iCCP`).
    pub(crate) profile: Option<&'a [u8]>,
    /// The colours are those of sRGB (`sRGB`).
    pub(crate) srgb: bool,
    /// The exponent of the encoding, times 100,000 (`gAMA`).
    pub(crate) gamma: Option<u32>,
    /// x and y of white, red, green and blue, times 100,000 (`cHRM`).
    pub(crate) chromaticities: Option<[u32; 8]>,
    /// The lightest pixel, in units of 0.0001 cd/m² (`cLLI`).
    pub(crate) lightest: Option<u32>,
    /// The most that the mastering display shows, in the same units (`mDCV`).
    pub(crate) mastering: Option<u32>,
}

impl<'a> Signals<'a> {
    /// Takes what a chunk says, if it is one of these. The first of a kind counts.
    pub(super) fn take(&mut self, chunk: &Chunk<'a>) {
        match &chunk.name {
            b"cICP" => {
                let points = chunk.content.try_into().ok();
                self.code_points = self.code_points.or(points);
            }
            b"iCCP" => self.profile = self.profile.or(Some(chunk.content)),
            b"sRGB" => self.srgb = true,
            b"gAMA" => self.gamma = self.gamma.or(words(chunk.content).map(|[gamma]| gamma)),
            b"cHRM" => self.chromaticities = self.chromaticities.or(words(chunk.content)),
            b"cLLI" => {
                let lightest = words(chunk.content).map(|[lightest, _average]| lightest);
                self.lightest = self.lightest.or(lightest);
            }
            b"mDCV" => {
                // Behind eight chromaticities of two bytes.
                let range = chunk.content.get(16..).and_then(words);
                self.mastering = self.mastering.or(range.map(|[most, _least]| most));
            }
            _ => {}
        }
    }
}

pub(super) fn words<const N: usize>(content: &[u8]) -> Option<[u32; N]> {
    let (words, rest) = content.as_chunks::<4>();
    let words: [[u8; 4]; N] = words.try_into().ok()?;
    rest.is_empty().then(|| words.map(u32::from_be_bytes))
}
