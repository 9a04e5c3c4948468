//! Baseline and extended sequential scans: each block is decoded, transformed and forgotten, and what its reduced size
//! does not need of it is stepped over.

use crate::{
    Error, Limits,
    bits::BitReader,
    colour::Conversion,
    frame::{Component, Frame},
    header::Opening,
    huffman::{AcTable, DcTable, END_OF_BLOCK},
    idct,
    limits::Budget,
    markers::{self, end_of_scan},
    picture::{Canvas, Picture, Plan},
    plane::{GREY, Plane},
    reduce::{Reduction, Tap},
    restarts::Restarts,
    scan::Scan,
    tables::Tables,
};

/// Decodes the scans of a sequential file.
pub(crate) fn decode(
    jpeg: &[u8],
    opening: Opening<'_>,
    plan: &Plan,
    conversion: Conversion,
    limits: &Limits,
) -> Result<Picture, Error> {
    let Opening {
        mut markers,
        mut tables,
        frame,
        mut scan,
    } = opening;
    tables.complete();
    let mut canvas = Canvas::new(&frame, plan, conversion);
    let mut budget = Budget::new(limits, frame.total_blocks());
    budget.spend(scan.blocks(&frame))?;
    let mut mcus = Mcus::new(&frame, plan, &tables, &scan)?;
    let mut reader = BitReader::new(jpeg, scan.data);

    if scan.parts.len() == frame.components.len() {
        let mut planes = plan.planes(&frame, false);
        let mut restarts = Restarts::new(tables.restart_interval);
        for row in 0..frame.mcus.1 {
            mcus.row(&mut reader, &mut restarts, &mut planes, row);
            canvas.paint_row(&planes, row);
            if row + 1 < frame.mcus.1 {
                planes.iter_mut().for_each(Plane::advance);
            }
        }
        canvas.paint_rest(&planes);
        return Ok(canvas.finish(restarts.damaged));
    }

    // Components that come one after the other meet only when all are there.
    let mut planes = plan.planes(&frame, true);
    let mut arrived = vec![false; frame.components.len()];
    let mut truncated = false;
    let mut scans = 1;
    loop {
        let mut restarts = Restarts::new(tables.restart_interval);
        for row in 0..mcus.rows {
            mcus.row(&mut reader, &mut restarts, &mut planes, row);
        }
        truncated |= restarts.damaged;
        for part in &scan.parts {
            if let Some(arrived) = arrived.get_mut(part.component) {
                *arrived = true;
            }
        }
        if arrived.iter().all(|&arrived| arrived) {
            break;
        }
        markers.seek(end_of_scan(jpeg, reader.position()));
        // One that comes again is decoded again: another component may follow.
        let Some(next) = next_scan(&mut markers, &mut tables, &frame) else {
            truncated = true;
            break;
        };
        scans += 1;
        if scans > limits.max_scans {
            return Err(Error::TooManyScans(limits.max_scans));
        }
        budget.spend(next.blocks(&frame))?;
        let Ok(following) = Mcus::new(&frame, plan, &tables, &next) else {
            truncated = true;
            break;
        };
        mcus = following;
        reader.restart(next.data);
        scan = next;
    }
    canvas.paint_rest(&planes);
    Ok(canvas.finish(truncated))
}

/// The next scan in the file that makes sense here, `None` if the file ends or is damaged before.
fn next_scan(
    markers: &mut markers::Markers<'_>,
    tables: &mut Tables,
    frame: &Frame,
) -> Option<Scan> {
    loop {
        let segment = markers.next_segment()?;
        match segment.code {
            markers::EOI => return None,
            markers::SOS => {
                return Scan::parse(frame, segment.body, segment.end).ok();
            }
            code => tables.apply(code, segment.body).ok()?,
        }
    }
}

/// Blocks of a scan from which on the look-up for several symbols saves more than it costs to make: measured, 15 µs a
/// table and 7 ns a block. The fuzzer's files are smaller than any photograph.
#[allow(unexpected_cfgs)] // set by cargo-fuzz
const WORTH_SKIPPING: u64 = if cfg!(fuzzing) { 24 } else { 5000 };

/// What a scan needs to decode its MCUs.
#[derive(Debug)]
struct Mcus<'p> {
    channels: Vec<Channel<'p>>,
    dc: [Option<DcTable>; 4],
    ac: [Option<AcTable>; 4],
    /// MCUs in a row, and rows.
    columns: usize,
    rows: usize,
}

/// A component in a scan.
#[derive(Debug)]
struct Channel<'p> {
    component: usize,
    dc_table: usize,
    ac_table: usize,
    /// Blocks of an MCU.
    h: usize,
    v: usize,
    reduction: &'p Reduction,
    /// What becomes of the coefficients, in zigzag order.
    taps: [Tap; 64],
    /// The DC coefficient of the block before.
    prediction: i32,
}

impl<'p> Mcus<'p> {
    fn new(frame: &Frame, plan: &'p Plan, tables: &Tables, scan: &Scan) -> Result<Self, Error> {
        let mut dc = [const { None }; 4];
        let mut ac = [const { None }; 4];
        let mut channels = Vec::with_capacity(scan.parts.len());
        let missing = Error::Corrupt("table missing");
        let (mut columns, mut rows) = frame.mcus;
        let skips = plan.reductions.iter().any(|reduction| reduction.last < 63);
        let skipping = skips && scan.blocks(frame) >= WORTH_SKIPPING;
        for part in &scan.parts {
            let component: &Component = frame.components.get(part.component).ok_or(missing)?;
            let reduction = plan.reductions.get(part.component).ok_or(missing)?;
            let quantiser = tables
                .quantisers
                .get(component.quantiser)
                .and_then(Option::as_ref)
                .ok_or(missing)?;
            if let (Some(to @ None), Some(from)) =
                (dc.get_mut(part.dc_table), tables.dc.get(part.dc_table))
            {
                *to = Some(DcTable::new(from.as_ref().ok_or(missing)?)?);
            }
            if let (Some(to @ None), Some(from)) =
                (ac.get_mut(part.ac_table), tables.ac.get(part.ac_table))
            {
                *to = Some(AcTable::new(from.as_ref().ok_or(missing)?, skipping));
            }
            // A scan of one component has its blocks line by line, without those that only fill up MCUs.
            let alone = scan.parts.len() == 1;
            if alone {
                (columns, rows) = component.blocks;
            }
            channels.push(Channel {
                component: part.component,
                dc_table: part.dc_table,
                ac_table: part.ac_table,
                h: if alone { 1 } else { component.h },
                v: if alone { 1 } else { component.v },
                reduction,
                taps: reduction.taps(quantiser),
                prediction: 0,
            });
        }
        Ok(Self {
            channels,
            dc,
            ac,
            columns,
            rows,
        })
    }

    /// Decodes row `row` of MCUs into the planes. MCUs without data become grey.
    fn row(
        &mut self,
        reader: &mut BitReader<'_>,
        restarts: &mut Restarts,
        planes: &mut [Plane],
        row: usize,
    ) {
        for column in 0..self.columns {
            if restarts.before_mcu(reader) {
                for channel in &mut self.channels {
                    channel.prediction = 0;
                }
            }
            if restarts.alive()
                && (self.mcu(reader, planes, column, row).is_none() || reader.overrun())
            {
                restarts.give_up();
            }
            if !restarts.alive() {
                self.grey(planes, column, row);
            }
        }
    }

    #[inline(always)]
    fn mcu(
        &mut self,
        reader: &mut BitReader<'_>,
        planes: &mut [Plane],
        column: usize,
        row: usize,
    ) -> Option<()> {
        for channel in &mut self.channels {
            let plane = planes.get_mut(channel.component)?;
            let dc = self.dc.get(channel.dc_table)?.as_ref()?;
            let ac = self.ac.get(channel.ac_table)?.as_ref()?;
            let (width, height) = (channel.reduction.width, channel.reduction.height);
            let stride = plane.stride();
            for v in 0..channel.v {
                let line = plane.from(column * channel.h * width, (row * channel.v + v) * height);
                for h in 0..channel.h {
                    channel.block(reader, dc, ac, line.get_mut(h * width..)?, stride)?;
                }
            }
        }
        Some(())
    }

    #[cold]
    fn grey(&self, planes: &mut [Plane], column: usize, row: usize) {
        for channel in &self.channels {
            if let Some(plane) = planes.get_mut(channel.component) {
                let (width, height) = (
                    channel.reduction.width * channel.h,
                    channel.reduction.height * channel.v,
                );
                let stride = plane.stride();
                idct::fill(
                    plane.from(column * width, row * height),
                    stride,
                    width,
                    height,
                    GREY,
                );
            }
        }
    }
}

impl Channel<'_> {
    /// Decodes one block into the front of `samples`. `None`: the data make no sense.
    #[inline(always)]
    fn block(
        &mut self,
        reader: &mut BitReader<'_>,
        dc: &DcTable,
        ac: &AcTable,
        samples: &mut [u8],
        stride: usize,
    ) -> Option<()> {
        reader.refill();
        self.prediction = self.prediction.wrapping_add(dc.difference(reader)?);
        let mean = self.prediction as f32 * self.taps[0].factor;
        macro_rules! sides {
            ($($w:literal x $h:literal),*) => {
                match (self.reduction.width, self.reduction.height) {
                    $(($w, $h) => self.reduced::<$w, $h>(reader, ac, mean, samples, stride),)*
                    _ => None,
                }
            };
        }
        if self.reduction.last == 0 {
            ac.skip_block(reader, 1)?;
            if let Some(sample) = samples.first_mut() {
                *sample = idct::flat(mean);
            }
            return Some(());
        }
        sides!(1 x 2, 1 x 4, 1 x 8, 2 x 1, 2 x 2, 2 x 4, 2 x 8, 4 x 1, 4 x 2, 4 x 4, 4 x 8, 8 x 1, 8 x 2, 8 x 4, 8 x 8)
    }

    /// The AC coefficients of a block that is reduced to `W`x`H`, and its samples.
    fn reduced<const W: usize, const H: usize>(
        &self,
        reader: &mut BitReader<'_>,
        ac: &AcTable,
        mean: f32,
        samples: &mut [u8],
        stride: usize,
    ) -> Option<()> {
        let last = self.reduction.last as u32;
        let first = ac.step(reader)?;
        if first.advance == END_OF_BLOCK {
            idct::fill(samples, stride, W, H, idct::flat(mean));
            return Some(());
        }
        let mut block = [[0.0; H]; W];
        let coefficients = block.as_flattened_mut();
        coefficients[0] = mean;
        let (mut step, mut next) = (first, 1);
        loop {
            next += step.advance;
            if next > 64 {
                if next < END_OF_BLOCK {
                    return None;
                }
                break;
            }
            // Positions that are not used have a factor of 0.
            let tap = self.taps[(next - 1) as usize & 63];
            coefficients[tap.place as usize & (W * H - 1)] += step.value as f32 * tap.factor;
            if next > last {
                if next < 64 {
                    ac.skip_block(reader, next)?;
                }
                break;
            }
            step = ac.step(reader)?;
        }
        idct::inverse(&block, samples, stride);
        Some(())
    }
}
