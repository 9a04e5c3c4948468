//! Progressive files (ITU-T T.81, annex G): only the scans that the wanted corner of the blocks depends on are decoded,
//! and only that corner is kept.

use crate::{
    Error, Limits,
    bands::ac_scan,
    bits::BitReader,
    coefficients::Coefficients,
    colour::Conversion,
    frame::Frame,
    header::Opening,
    huffman::{BandTable, DcTable},
    markers::{self, Markers},
    picture::{Canvas, Picture, Plan},
    plane::Plane,
    restarts::Restarts,
    scan::{Part, Scan},
    survey::Survey,
    tables::Tables,
};

/// Decodes the scans of a progressive file.
pub(crate) fn decode(
    jpeg: &[u8],
    opening: Opening<'_>,
    plan: &Plan,
    conversion: Conversion,
    limits: &Limits,
) -> Result<Picture, Error> {
    let survey = Survey::read(jpeg, &opening, plan, limits)?;
    let Opening {
        mut markers,
        mut tables,
        frame,
        ..
    } = opening;
    let mut components: Vec<Coefficients<'_>> = frame
        .components
        .iter()
        .zip(&plan.reductions)
        .zip(&survey.history)
        .map(|((component, reduction), &history)| {
            let wide = frame.mcus.0 * component.h;
            Coefficients::new(reduction, wide, wide * frame.mcus.1 * component.v, history)
        })
        .collect();
    let mut truncated = survey.cut_off;
    let last = survey.scans.len().saturating_sub(1);
    for (index, surveyed) in survey.scans.iter().enumerate() {
        let scan = &surveyed.scan;
        for part in &scan.parts {
            if let (Some(of), Some(component)) = (
                components.get_mut(part.component),
                frame.components.get(part.component),
            ) {
                let quantiser = tables
                    .quantisers
                    .get(component.quantiser)
                    .and_then(Option::as_deref);
                if quantiser.is_none() && index == 0 {
                    return Err(Error::Corrupt("table missing"));
                }
                truncated |= quantiser.is_none();
                of.latch(quantiser);
            }
        }
        if surveyed.needed {
            match decode_scan(jpeg, &frame, &tables, scan, &mut components) {
                Ok(damaged) => truncated |= damaged,
                Err(_) => truncated = true,
            }
        }
        if index < last {
            markers.seek(surveyed.end);
            if !next_scan_header(&mut markers, |code, body| tables.apply(code, body).is_ok()) {
                truncated = true;
                break;
            }
        }
    }

    let mut canvas = Canvas::new(&frame, plan, conversion);
    let mut planes = plan.planes(&frame, false);
    for row in 0..frame.mcus.1 {
        for ((of, component), plane) in components.iter().zip(&frame.components).zip(&mut planes) {
            for line in row * component.v..(row + 1) * component.v {
                of.render(line, plane);
            }
        }
        canvas.paint_row(&planes, row);
        if row + 1 < frame.mcus.1 {
            planes.iter_mut().for_each(Plane::advance);
        }
    }
    canvas.paint_rest(&planes);
    Ok(canvas.finish(truncated))
}

/// Walks to behind the next scan header, giving the segments before it to `apply`. False if there is none, or if
/// `apply` is false.
fn next_scan_header(markers: &mut Markers<'_>, mut apply: impl FnMut(u8, &[u8]) -> bool) -> bool {
    loop {
        match markers.next_segment() {
            Some(segment) if segment.code == markers::SOS => return true,
            Some(segment) if segment.code != markers::EOI => {
                if !apply(segment.code, segment.body) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Decodes one scan. Returns whether some of it had no data or damaged ones; an error if it cannot be begun.
fn decode_scan(
    jpeg: &[u8],
    frame: &Frame,
    tables: &Tables,
    scan: &Scan,
    components: &mut [Coefficients<'_>],
) -> Result<bool, Error> {
    let mut reader = BitReader::new(jpeg, scan.data);
    let mut restarts = Restarts::new(tables.restart_interval);
    if scan.first == 0 {
        dc_scan(&mut reader, &mut restarts, frame, tables, scan, components)?;
    } else if let [part] = scan.parts.as_slice() {
        let missing = Error::Corrupt("table missing");
        let table = BandTable::new(
            tables
                .ac
                .get(part.ac_table)
                .and_then(Option::as_ref)
                .ok_or(missing)?,
        );
        let component = frame.components.get(part.component).ok_or(missing)?;
        let coefficients = components.get_mut(part.component).ok_or(missing)?;
        ac_scan(
            &mut reader,
            &mut restarts,
            component.blocks,
            &table,
            scan,
            coefficients,
        );
    }
    Ok(restarts.damaged)
}

/// A scan of DC coefficients, the first or one that adds a bit.
fn dc_scan(
    reader: &mut BitReader<'_>,
    restarts: &mut Restarts,
    frame: &Frame,
    tables: &Tables,
    scan: &Scan,
    components: &mut [Coefficients<'_>],
) -> Result<(), Error> {
    let mut dc = [const { None }; 4];
    let (mut columns, mut rows) = frame.mcus;
    let mut units = Vec::with_capacity(scan.parts.len());
    for part in &scan.parts {
        let missing = Error::Corrupt("table missing");
        let component = frame.components.get(part.component).ok_or(missing)?;
        if let (false, Some(to), Some(from)) = (
            scan.refines,
            dc.get_mut(part.dc_table),
            tables.dc.get(part.dc_table),
        ) {
            *to = Some(DcTable::new(from.as_ref().ok_or(missing)?)?);
        }
        let alone = scan.parts.len() == 1;
        if alone {
            (columns, rows) = component.blocks;
        }
        let (h, v) = if alone {
            (1, 1)
        } else {
            (component.h, component.v)
        };
        units.push((*part, h, v));
    }
    let mut predictions = [0_i32; 4];
    for row in 0..rows {
        for column in 0..columns {
            if restarts.before_mcu(reader) {
                predictions = [0; 4];
            }
            if !restarts.alive() {
                if restarts.left() == usize::MAX {
                    return Ok(());
                }
                continue;
            }
            let read = dc_mcu(
                reader,
                scan,
                &units,
                (column, row),
                &dc,
                &mut predictions,
                components,
            );
            if read.is_none() || reader.overrun() {
                restarts.give_up();
            }
        }
    }
    Ok(())
}

#[inline(always)]
fn dc_mcu(
    reader: &mut BitReader<'_>,
    scan: &Scan,
    units: &[(Part, usize, usize)],
    (column, row): (usize, usize),
    dc: &[Option<DcTable>; 4],
    predictions: &mut [i32; 4],
    components: &mut [Coefficients<'_>],
) -> Option<()> {
    for ((part, h, v), prediction) in units.iter().zip(predictions) {
        let of = components.get_mut(part.component)?;
        for y in row * v..(row + 1) * v {
            for x in column * h..(column + 1) * h {
                let first = y * of.wide + x;
                let value = of.values.get_mut(first * of.kept)?;
                reader.ensure(32);
                if scan.refines {
                    *value |= i16::from(reader.bit()) << scan.shift;
                } else {
                    let table = dc.get(part.dc_table)?.as_ref()?;
                    *prediction = prediction.wrapping_add(table.difference(reader)?);
                    *value = (*prediction << scan.shift) as i16;
                }
            }
        }
    }
    Some(())
}
