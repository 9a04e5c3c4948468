//! Chroma at the size of luma: of the four samples around a pixel, each counts by how near it is, 9, 3, 3 and 1
//! sixteenths ("fancy upsampling" in libwebp).

/// Makes a line of luma's width of the nearest line of chroma and the second nearest. `sums` is room for work.
pub(crate) fn line(near: &[u8], far: &[u8], sums: &mut [u16], line: &mut [u8]) {
    // Each sample with those above and below; at the ends the last one twice.
    let [_, middle @ .., _] = &mut *sums else {
        return;
    };
    for ((sum, &near), &far) in middle.iter_mut().zip(near).zip(far) {
        *sum = 3 * u16::from(near) + u16::from(far);
    }
    if let [before, first, ..] = sums {
        *before = *first;
    }
    if let [.., last, behind] = sums {
        *behind = *last;
    }
    let before = sums.iter();
    let middle = sums.iter().skip(1);
    let behind = sums.iter().skip(2);
    for (pair, ((&before, &middle), &behind)) in line
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(before.zip(middle).zip(behind))
    {
        *pair = [before, behind].map(|other| ((3 * middle + other + 8) >> 4) as u8);
    }
}
