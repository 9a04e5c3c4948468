//! The five filters of PNG undone (§9.2), each for every size of a pixel, so that the loops have fixed steps.

/// Undoes a filter in place. Returns whether there is such a filter.
pub(super) fn unfilter(filter: u8, step: usize, row: &mut [u8], above: &[u8]) -> bool {
    match step {
        1 => of_step::<1>(filter, row, above),
        2 => of_step::<2>(filter, row, above),
        3 => of_step::<3>(filter, row, above),
        4 => of_step::<4>(filter, row, above),
        6 => of_step::<6>(filter, row, above),
        _ => of_step::<8>(filter, row, above),
    }
}

fn of_step<const N: usize>(filter: u8, row: &mut [u8], above: &[u8]) -> bool {
    match filter {
        0 => {}
        1 => sub::<N>(row),
        2 => up(row, above),
        3 => average::<N>(row, above),
        4 => paeth::<N>(row, above),
        _ => return false,
    }
    true
}

fn sub<const N: usize>(row: &mut [u8]) {
    let mut left = [0_u8; N];
    for pixel in row.as_chunks_mut::<N>().0 {
        for (sample, left) in pixel.iter_mut().zip(left) {
            *sample = sample.wrapping_add(left);
        }
        left = *pixel;
    }
}

fn up(row: &mut [u8], above: &[u8]) {
    for (sample, above) in row.iter_mut().zip(above) {
        *sample = sample.wrapping_add(*above);
    }
}

fn average<const N: usize>(row: &mut [u8], above: &[u8]) {
    let mut left = [0_u8; N];
    for (pixel, above) in row
        .as_chunks_mut::<N>()
        .0
        .iter_mut()
        .zip(above.as_chunks::<N>().0)
    {
        for ((sample, left), above) in pixel.iter_mut().zip(left).zip(above) {
            *sample = sample.wrapping_add(left.midpoint(*above));
        }
        left = *pixel;
    }
}

fn paeth<const N: usize>(row: &mut [u8], above: &[u8]) {
    let (mut left, mut corner) = ([0; N], [0; N]);
    for (pixel, above) in row
        .as_chunks_mut::<N>()
        .0
        .iter_mut()
        .zip(above.as_chunks::<N>().0)
    {
        for (((sample, left), above), corner) in pixel.iter_mut().zip(left).zip(above).zip(corner) {
            *sample = sample.wrapping_add(predict(left, *above, corner));
        }
        left = *pixel;
        corner = *above;
    }
}

/// Whichever of the three neighbours is nearest to left + above − corner.
fn predict(left: u8, above: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(above), i16::from(corner));
    let (to_left, to_above) = ((b - c).abs(), (a - c).abs());
    let to_corner = (a + b - c - c).abs();
    if to_left <= to_above && to_left <= to_corner {
        left
    } else if to_above <= to_corner {
        above
    } else {
        corner
    }
}
