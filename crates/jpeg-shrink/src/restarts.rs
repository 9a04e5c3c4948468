//! Restart markers (ITU-T T.81, E.2.4): where a scan begins anew, and how it is found again after damage.

use crate::{
    bits::BitReader,
    markers::{is_restart, next_marker},
};

/// Counts the MCUs of a scan and steps over its restart markers.
#[derive(Debug)]
pub(crate) struct Restarts {
    interval: usize,
    left: usize,
    next: u8,
    /// Whether data are there for the MCUs up to the next restart marker.
    alive: bool,
    /// Whether some MCUs had no data, or damaged ones.
    pub damaged: bool,
}

impl Restarts {
    /// `interval` MCUs between markers; 0 if there are none.
    pub(crate) fn new(interval: usize) -> Self {
        Self {
            interval,
            left: interval,
            next: 0,
            alive: true,
            damaged: false,
        }
    }

    /// Before each MCU: goes on to the next interval if this one is over. Returns whether it did, so that the state
    /// of the entropy decoder is to be reset.
    #[inline(always)]
    pub(crate) fn before_mcu(&mut self, reader: &mut BitReader<'_>) -> bool {
        if self.interval == 0 {
            return false;
        }
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.left = self.interval - 1;
        self.find(reader);
        true
    }

    /// Whether the MCU at hand has data.
    #[inline(always)]
    pub(crate) fn alive(&self) -> bool {
        self.alive
    }

    /// The data up to the next restart marker are no good.
    #[cold]
    pub(crate) fn give_up(&mut self) {
        self.alive = false;
        self.damaged = true;
    }

    /// MCUs that are left before the next restart marker.
    pub(crate) fn left(&self) -> usize {
        if self.interval == 0 {
            usize::MAX
        } else {
            self.left
        }
    }

    /// Leaves out `mcus` MCUs, at most as many as [`Self::left`] says.
    pub(crate) fn skip(&mut self, mcus: usize) {
        self.left = self.left.saturating_sub(mcus);
    }

    /// Finds the marker that was due, with libjpeg's rule for others (`jpeg_resync_to_restart`): one that is due soon
    /// means that data were lost, so it waits for its turn; one that was due before is passed over; any other is
    /// taken for the wanted one.
    fn find(&mut self, reader: &mut BitReader<'_>) {
        let due = self.next;
        self.next = (due + 1) & 7;
        let mut from = reader.position();
        loop {
            let Some((at, code)) = next_marker(reader.data(), from) else {
                reader.restart(reader.data().len());
                return self.give_up();
            };
            if code < 0xC0 {
                // No marker of any JPEG.
                self.damaged = true;
                from = at + 2;
                continue;
            }
            if !is_restart(code) {
                reader.restart(at);
                return self.give_up();
            }
            match code.wrapping_sub(due) & 7 {
                1 | 2 => {
                    reader.restart(at);
                    return self.give_up();
                }
                6 | 7 => {
                    self.damaged = true;
                    from = at + 2;
                }
                ahead => {
                    self.damaged |= ahead != 0;
                    self.alive = true;
                    return reader.restart(at + 2);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the intervals of one MCU, each a byte of data, find their data.
    fn found(data: &[u8], intervals: usize) -> Vec<Option<u8>> {
        let mut reader = BitReader::new(data, 0);
        let mut restarts = Restarts::new(1);
        (0..intervals)
            .map(|_| {
                restarts.before_mcu(&mut reader);
                restarts.alive().then(|| {
                    reader.refill();
                    reader.take(8) as u8
                })
            })
            .collect()
    }

    #[test]
    fn intervals_follow_each_other() {
        let data = [
            1, 0xFF, 0xD0, 2, 0xFF, 0xFF, 0xD1, 3, 9, 9, 0xFF, 0xD2, 4, 0xFF, 0xD9,
        ];
        assert_eq!(
            found(&data, 6),
            [Some(1), Some(2), Some(3), Some(4), None, None]
        );
    }

    #[test]
    fn a_lost_interval_costs_itself_only() {
        let data = [1, 0xFF, 0xD1, 3, 0xFF, 0xD2, 4];
        assert_eq!(found(&data, 4), [Some(1), None, Some(3), Some(4)]);
    }

    #[test]
    fn a_number_that_is_far_off_and_what_is_no_marker_are_taken_as_meant() {
        let far = [1, 0xFF, 0xD4, 2, 0xFF, 0xD1, 3];
        assert_eq!(found(&far, 3), [Some(1), Some(2), Some(3)]);
        let stray = [1, 0xFF, 0x17, 9, 0xFF, 0xD0, 2, 0xFF, 0xD1, 3];
        assert_eq!(found(&stray, 3), [Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn a_repeated_interval_is_passed_over() {
        let data = [1, 0xFF, 0xD0, 2, 0xFF, 0xD0, 2, 0xFF, 0xD1, 3];
        assert_eq!(found(&data, 3), [Some(1), Some(2), Some(3)]);
    }
}
