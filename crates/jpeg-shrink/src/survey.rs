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
        for surveyed in survey.scans.iter().filter(|surveyed| surveyed.needed) {
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
