//! Walks a file from marker to marker (ITU-T T.81, B.1). What the segments mean is not known here.

pub(crate) const SOI: u8 = 0xD8;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const DQT: u8 = 0xDB;
pub(crate) const DHT: u8 = 0xC4;
pub(crate) const DAC: u8 = 0xCC;
pub(crate) const DNL: u8 = 0xDC;
pub(crate) const DRI: u8 = 0xDD;
pub(crate) const DHP: u8 = 0xDE;
pub(crate) const EXP: u8 = 0xDF;
pub(crate) const APP0: u8 = 0xE0;
pub(crate) const APP14: u8 = 0xEE;
const TEM: u8 = 0x01;

/// Whether `code` is one of the eight restart markers.
pub(crate) fn is_restart(code: u8) -> bool {
    (0xD0..=0xD7).contains(&code)
}

/// A marker and the bytes of its segment, without the two length bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub code: u8,
    pub body: &'a [u8],
    /// Where the file goes on after the segment: for SOS, where the entropy-coded data begin.
    pub end: usize,
}

/// A place in a file, which only moves forward.
#[derive(Debug, Clone)]
pub(crate) struct Markers<'a> {
    jpeg: &'a [u8],
    position: usize,
}

impl<'a> Markers<'a> {
    /// Starts after the SOI marker; `None` if there is none.
    pub(crate) fn new(jpeg: &'a [u8]) -> Option<Self> {
        jpeg.starts_with(&[0xFF, SOI])
            .then_some(Self { jpeg, position: 2 })
    }

    /// Goes on from `position`, where a scan's data ended.
    pub(crate) fn seek(&mut self, position: usize) {
        self.position = self.position.max(position);
    }

    /// The next segment, skipping fill bytes, stray bytes between segments and markers without a segment.
    /// `None` at the end of the file, or when a segment is cut off.
    pub(crate) fn next_segment(&mut self) -> Option<Segment<'a>> {
        loop {
            let (at, code) = next_marker(self.jpeg, self.position)?;
            let start = at + 2;
            self.position = start;
            if code == EOI {
                return Some(Segment {
                    code,
                    body: &[],
                    end: start,
                });
            }
            if is_restart(code) || code == TEM || code == SOI {
                continue;
            }
            let length = self.jpeg.get(start..)?.first_chunk::<2>()?;
            let end = start + usize::from(u16::from_be_bytes(*length));
            let Some(body) = self.jpeg.get(start + 2..end) else {
                // Cut off, or a length below two: nothing after it can be trusted.
                self.position = self.jpeg.len();
                return None;
            };
            self.position = end;
            return Some(Segment { code, body, end });
        }
    }
}

/// The first marker at or after `from`: the place of its last 0xFF byte, and its code. Stuffed zeros and fill
/// bytes (B.1.1.2) are passed over; restart markers are not.
pub(crate) fn next_marker(data: &[u8], from: usize) -> Option<(usize, u8)> {
    let mut at = from;
    loop {
        at = find_ff(data, at)?;
        match *data.get(at + 1)? {
            0xFF => at += 1,
            0 => at += 2,
            code => return Some((at, code)),
        }
    }
}

/// Like [`next_marker`], for the marker after a scan's data: restart markers are passed over too.
pub(crate) fn end_of_scan(data: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some((marker, code)) = next_marker(data, at) {
        if !is_restart(code) {
            return marker;
        }
        at = marker + 2;
    }
    data.len()
}

/// The first 0xFF at or after `from`, 32 bytes a step: this is all that is done with a scan which is not needed.
fn find_ff(data: &[u8], from: usize) -> Option<usize> {
    let rest = data.get(from..)?;
    let mut at = from;
    for chunk in rest.chunks_exact(32) {
        if chunk
            .iter()
            .fold(0, |found, &byte| found | u8::from(byte == 0xFF))
            != 0
        {
            break;
        }
        at += 32;
    }
    let tail = data.get(at..)?;
    tail.iter()
        .position(|&byte| byte == 0xFF)
        .map(|offset| at + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_come_one_by_one_past_fill_and_stray_bytes() {
        let file = [
            0xFF, SOI, 0xFF, 0xFF, 0xFF, DQT, 0, 3, 7, 1, 2, 0xFF, 0, 0xFF, DRI, 0, 4, 0, 9, 0xFF,
            EOI,
        ];
        let mut markers = Markers::new(&file).unwrap();
        let first = markers.next_segment().unwrap();
        assert_eq!((first.code, first.body), (DQT, &[7][..]));
        let second = markers.next_segment().unwrap();
        assert_eq!((second.code, second.body), (DRI, &[0, 9][..]));
        assert_eq!(markers.next_segment().unwrap().code, EOI);
        assert_eq!(markers.next_segment(), None);
    }

    #[test]
    fn a_segment_that_is_cut_off_ends_the_walk() {
        for tail in [
            &[0xFF, DQT][..],
            &[0xFF, DQT, 0],
            &[0xFF, DQT, 0, 1, 5],
            &[0xFF, DQT, 0, 9, 5],
        ] {
            let file = [&[0xFF, SOI][..], tail].concat();
            let mut markers = Markers::new(&file).unwrap();
            assert_eq!(markers.next_segment(), None, "{tail:?}");
            assert_eq!(markers.next_segment(), None, "{tail:?}");
        }
    }

    #[test]
    fn the_end_of_a_scan_is_found_at_every_distance() {
        for distance in 0..100 {
            let mut data = vec![3; distance];
            data.extend([0xFF, 0, 0xFF, 0xD3, 0xFF, 0xFF, EOI]);
            assert_eq!(end_of_scan(&data, 0), distance + 5);
            assert_eq!(next_marker(&data, 0), Some((distance + 2, 0xD3)));
        }
        assert_eq!(end_of_scan(&[1, 2, 0xFF], 0), 3);
    }
}
