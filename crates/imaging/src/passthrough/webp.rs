//! WebP: a file of the chunks that have a meaning, with flags that are true (RFC 9649 §2).

use super::converted;
use crate::container::webp::{Chunk, Chunks};
use crate::probe::Header;

const PROFILE: u8 = 0x20;
const ALPHA: u8 = 0x10;
const ANIMATED: u8 = 0x02;

pub(super) fn strip(original: &[u8], header: &Header) -> Option<Vec<u8>> {
    let animated = header.frames > 1;
    let (mut loops, mut frames) = (None, Vec::new());
    let (mut alpha, mut image) = (None, None);
    for chunk in Chunks::of_file(original) {
        if chunk.cut {
            return None;
        }
        match &chunk.name {
            b"ANIM" => {
                loops.get_or_insert(chunk);
            }
            b"ANMF" if animated => {
                let (head, rest) = chunk.content.split_first_chunk::<16>()?;
                frames.extend(frame(head, rest)?);
            }
            // An animation of one frame is shown as a still.
            b"ANMF" => return None,
            b"ALPH" if image.is_none() => {
                alpha.get_or_insert(chunk);
            }
            b"VP8 " | b"VP8L" => {
                image.get_or_insert(chunk);
            }
            _ => {}
        }
    }
    let profile = converted(header);
    let mut flags = 0;
    if profile.is_some() {
        flags |= PROFILE;
    }
    if header.layout.has_alpha() {
        flags |= ALPHA;
    }
    if animated {
        flags |= ANIMATED;
    }
    let mut body = Vec::with_capacity(original.len());
    if animated || profile.is_some() || alpha.is_some() {
        let [w0, w1, w2, _] = header.stored.width.checked_sub(1)?.to_le_bytes();
        let [h0, h1, h2, _] = header.stored.height.checked_sub(1)?.to_le_bytes();
        write(
            &mut body,
            *b"VP8X",
            &[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2],
        )?;
    }
    if let Some(profile) = profile {
        write(&mut body, *b"ICCP", profile)?;
    }
    if animated {
        let content = loops.map_or(&[0; 6][..], |chunk| chunk.content);
        write(&mut body, *b"ANIM", content.first_chunk::<6>()?)?;
        body.extend(frames);
    } else {
        let image = image?;
        let alpha = alpha.filter(|_| image.name == *b"VP8 ");
        for chunk in alpha.into_iter().chain([image]) {
            write(&mut body, chunk.name, chunk.content)?;
        }
    }
    let length = u32::try_from(body.len() + 4).ok()?;
    Some([b"RIFF", &length.to_le_bytes(), b"WEBP", &body[..]].concat())
}

/// An `ANMF` chunk of its header, alpha and image.
fn frame(head: &[u8; 16], rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = head.to_vec();
    let mut alpha: Option<Chunk<'_>> = None;
    for chunk in Chunks::within(rest) {
        match &chunk.name {
            _ if chunk.cut => return None,
            b"ALPH" => {
                alpha.get_or_insert(chunk);
            }
            b"VP8 " | b"VP8L" => {
                let alpha = alpha.filter(|_| chunk.name == *b"VP8 ");
                for chunk in alpha.into_iter().chain([chunk]) {
                    write(&mut content, chunk.name, chunk.content)?;
                }
                let mut written = Vec::with_capacity(content.len() + 8);
                write(&mut written, *b"ANMF", &content)?;
                return Some(written);
            }
            _ => {}
        }
    }
    None
}

fn write(body: &mut Vec<u8>, name: [u8; 4], content: &[u8]) -> Option<()> {
    body.extend(name);
    body.extend(u32::try_from(content.len()).ok()?.to_le_bytes());
    body.extend(content);
    body.extend(&[0][..content.len() % 2]);
    Some(())
}
