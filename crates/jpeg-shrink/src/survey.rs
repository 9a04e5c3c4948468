//! Finds all scans of a progressive file without decoding any, and decides which are needed.

use crate::{
    Error, Limits,
    header::Opening,
    limits::Budget,
    markers::{self, end_of_scan},
    picture::Plan,
    scan::Scan,
};

/// All scans of a file, found without decoding any.
#[derive(Debug)]
pub(crate) struct Survey {
    pub scans: Vec<Surveyed>,
    /// Whether the file ends without its end marker, or with a scan header that makes no sense.
    pub cut_off: bool,
    /// For each component: whether to remember which coefficients outside the corner are not zero, because a scan that
    /// refines them has the corner's bits between theirs.
    pub history: Vec<bool>,
}

#[derive(Debug)]
pub(crate) struct Surveyed {
    pub scan: Scan,
    /// Where the marker behind its data is.
    pub end: usize,
    pub needed: bool,
}

impl Survey {
    pub(crate) fn read(
        jpeg: &[u8],
        opening: &Opening<'_>,
        plan: &Plan,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut survey = Self {
            scans: Vec::new(),
            cut_off: false,
            history: vec![false; opening.frame.components.len()],
        };
        let mut markers = opening.markers.clone();
        let mut next = Some(opening.scan.clone());
        while let Some(scan) = next.take() {
            if survey.scans.len() >= limits.max_scans as usize {
                return Err(Error::TooManyScans(limits.max_scans));
            }
            let end = end_of_scan(jpeg, scan.data);
            markers.seek(end);
            survey.scans.push(Surveyed {
                scan,
                end,
                needed: false,
            });
            next = loop {
                match markers.next_segment() {
                    Some(segment) if segment.code == markers::SOS => {
                        let scan = Scan::parse(&opening.frame, segment.body, segment.end);
                        survey.cut_off |= scan.is_err();
                        break scan.ok();
                    }
                    Some(segment) if segment.code == markers::EOI => break None,
                    Some(_) => {}
                    None => {
                        survey.cut_off = true;
                        break None;
                    }
                }
            };
        }
        survey.mark_needed(plan);
        let mut budget = Budget::new(limits, opening.frame.total_blocks());
        // Those that are passed over count too, so that a file which is too much work is so at every size.
        for surveyed in &survey.scans {
            budget.spend(surveyed.scan.blocks(&opening.frame))?;
        }
        Ok(survey)
    }

    /// From the last scan to the first: a scan is needed if its band touches the corner, or touches a band whose
    /// refinement is needed and cannot be read without knowing which of its coefficients are zero.
    fn mark_needed(&mut self, plan: &Plan) {
        let mut reach: Vec<usize> = plan
            .reductions
            .iter()
            .map(|reduction| reduction.last)
            .collect();
        for Surveyed { scan, needed, .. } in self.scans.iter_mut().rev() {
            if scan.first == 0 {
                *needed = true;
                continue;
            }
            let component = scan.parts.first().map_or(0, |part| part.component);
            if let (Some(reach), Some(history)) =
                (reach.get_mut(component), self.history.get_mut(component))
            {
                *needed = scan.first <= *reach;
                if *needed && scan.refines {
                    *reach = (*reach).max(scan.last);
                    *history = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{header::Colour, picture::Scale};

    /// A progressive file of two grey blocks with the given scans, which have no data.
    fn file(scans: &[[u8; 3]]) -> Vec<u8> {
        let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC2, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0];
        for scan in scans {
            jpeg.extend([0xFF, 0xDA, 0, 8, 1, 1, 0]);
            jpeg.extend(scan);
        }
        jpeg.extend([0xFF, 0xD9]);
        jpeg
    }

    fn needed(scans: &[[u8; 3]], scale: Scale) -> (Vec<bool>, bool) {
        let jpeg = file(scans);
        let opening = Opening::read(&jpeg, &Limits::default()).unwrap();
        let plan = Plan::new(&opening.frame, Colour::Grey, scale);
        let survey = Survey::read(&jpeg, &opening, &plan, &Limits::default()).unwrap();
        assert!(!survey.cut_off);
        let needed = survey
            .scans
            .iter()
            .map(|surveyed| surveyed.needed)
            .collect();
        (needed, survey.history[0])
    }

    #[test]
    fn a_scan_is_decoded_if_the_corner_depends_on_it() {
        let bands = [
            [0, 0, 0x01],
            [1, 5, 0x00],
            [6, 20, 0x00],
            [21, 63, 0x00],
            [0, 0, 0x10],
        ];
        assert_eq!(needed(&bands, Scale::Full), (vec![true; 5], false));
        assert_eq!(needed(&bands, Scale::Half), (vec![true; 5], false));
        assert_eq!(
            needed(&bands, Scale::Quarter),
            (vec![true, true, true, false, true], false)
        );
        assert_eq!(
            needed(&bands, Scale::Eighth),
            (vec![true, false, false, false, true], false)
        );
    }

    #[test]
    fn what_a_needed_refinement_depends_on_is_needed_too() {
        // The bits of 1-63 lie between each other, so 40-63 must be known; its own refinement before must be, too.
        let bands = [
            [0, 0, 0x00],
            [1, 39, 0x01],
            [40, 63, 0x02],
            [40, 63, 0x21],
            [1, 63, 0x10],
        ];
        assert_eq!(needed(&bands, Scale::Quarter), (vec![true; 5], true));
        // Without a refinement that touches the corner they are not.
        assert_eq!(
            needed(&bands[..4], Scale::Quarter),
            (vec![true, true, false, false], false)
        );
    }

    #[test]
    fn too_many_scans_and_too_much_work_are_errors() {
        let jpeg = file(&[[0, 0, 0]; 5]);
        let survey = |max_scans, max_passes| {
            let limits = Limits {
                max_scans,
                max_passes,
                ..Limits::default()
            };
            let opening = Opening::read(&jpeg, &limits).unwrap();
            let plan = Plan::new(&opening.frame, Colour::Grey, Scale::Eighth);
            Survey::read(&jpeg, &opening, &plan, &limits).map(|survey| survey.scans.len())
        };
        assert_eq!(survey(5, 5), Ok(5));
        assert_eq!(survey(4, 5), Err(Error::TooManyScans(4)));
        assert_eq!(survey(5, 4), Err(Error::TooMuchWork(4)));
    }
}
