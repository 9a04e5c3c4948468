//! What options mean together and with their operation: which go with which, which contradict each other, and the one
//! form in which requests that say the same in other words are kept.

use crate::{
    operation::{
        Bounds, Fit, Flip, Format, Gravity, Operation, Options, OutputFormat, Rotation, Side, Sigma,
    },
    options::{Given, GivenFit, OptionFault},
};

/// A request of options that were read each by itself. The error names the option at fault.
///
/// - `dpr=` is multiplied into the sides and the blur.
/// - `fit=cover` of a resize is a crop.
/// - Of the turns and flips that come to the same the one with the smaller turn is kept.
pub(crate) fn combine(
    operation: Operation,
    given: Given,
) -> Result<(Operation, Options), (&'static str, OptionFault)> {
    let mut options = given.options;
    let operation = fitted(operation, given.fit, &mut options)?;
    let operation = scaled(operation, given.pixel_ratio, &mut options)?;
    check_place(operation, &options)?;
    check_loss(&options)?;
    Ok((turned(operation, &mut options), options))
}

fn fitted(
    operation: Operation,
    fit: Option<GivenFit>,
    options: &mut Options,
) -> Result<Operation, (&'static str, OptionFault)> {
    let Some(fit) = fit else {
        return Ok(operation);
    };
    let Operation::Resize(bounds) = operation else {
        return Err(("fit", OptionFault::Misplaced));
    };
    match (fit, bounds) {
        (GivenFit::Inside, _) => Ok(operation),
        (GivenFit::Cover, Bounds::Both(width, height)) => Ok(Operation::Crop { width, height }),
        (GivenFit::Fill, Bounds::Both(..)) => {
            options.fit = Fit::Fill;
            Ok(operation)
        }
        (GivenFit::Pad, Bounds::Both(..)) => {
            options.fit = Fit::Pad;
            Ok(operation)
        }
        _ => Err(("fit", OptionFault::NeedsBothSides)),
    }
}

fn scaled(
    operation: Operation,
    pixel_ratio: Option<u8>,
    options: &mut Options,
) -> Result<Operation, (&'static str, OptionFault)> {
    let Some(tenths) = pixel_ratio.filter(|tenths| *tenths != 10) else {
        return Ok(operation);
    };
    let times = |value: u16| {
        // Half of a pixel up, and a side never goes.
        let product = (u32::from(value) * u32::from(tenths) + 5) / 10;
        u16::try_from(product.max(1)).map_err(|_| ("dpr", OptionFault::TooLarge))
    };
    let side = |side: Side| Ok(Side::new(times(side.get())?).unwrap_or(Side::MIN));
    let operation = match operation {
        Operation::Resize(Bounds::Both(width, height)) => {
            Operation::Resize(Bounds::Both(side(width)?, side(height)?))
        }
        Operation::Resize(Bounds::Width(width)) => Operation::Resize(Bounds::Width(side(width)?)),
        Operation::Resize(Bounds::Height(height)) => {
            Operation::Resize(Bounds::Height(side(height)?))
        }
        Operation::Crop { width, height } => Operation::Crop {
            width: side(width)?,
            height: side(height)?,
        },
        Operation::Rotate(_) | Operation::Size | Operation::Info | Operation::Original => {
            return Err(("dpr", OptionFault::Misplaced));
        }
    };
    if let Some(sigma) = options.blur {
        let sigma = Sigma::from_tenths(times(sigma.tenths())?);
        options.blur = Some(sigma.ok_or(("dpr", OptionFault::TooLarge))?);
    }
    Ok(operation)
}

fn check_place(operation: Operation, options: &Options) -> Result<(), (&'static str, OptionFault)> {
    let rotates = matches!(operation, Operation::Rotate(_));
    if rotates && options.turn.is_some() {
        return Err(("rot", OptionFault::Misplaced));
    }
    if rotates && options.enlarge {
        return Err(("enlarge", OptionFault::Misplaced));
    }
    match (operation, options.fit, options.gravity) {
        (_, _, Gravity::Centre) | (Operation::Crop { .. }, _, _) => Ok(()),
        // All of the picture is on the canvas: there is no part to choose.
        (_, Fit::Pad, Gravity::Smart | Gravity::FocalPoint(_)) => {
            Err(("g", OptionFault::Contradicts("fit")))
        }
        (_, Fit::Pad, _) => Ok(()),
        _ => Err(("g", OptionFault::Misplaced)),
    }
}

fn check_loss(options: &Options) -> Result<(), (&'static str, OptionFault)> {
    let contradicts = |key| Err(("lossless", OptionFault::Contradicts(key)));
    if !options.lossless {
        return Ok(());
    }
    match options.format {
        _ if options.quality.is_some() => contradicts("q"),
        _ if options.max_bytes.is_some() => contradicts("bytes"),
        Some(OutputFormat::Named(Format::Jpeg | Format::Gif | Format::Avif)) => contradicts("f"),
        Some(OutputFormat::Named(Format::Png | Format::WebP) | OutputFormat::Auto) | None => Ok(()),
    }
}

/// Turns and flips make eight pictures, which can be said in sixteen ways.
fn turned(operation: Operation, options: &mut Options) -> Operation {
    if let Operation::Rotate(rotation) = operation {
        // A turn has to stay: there is no `/rotate/0/`.
        if let (Some(turn), flip) = least(Some(rotation), options.flip) {
            options.flip = flip;
            return Operation::Rotate(turn);
        }
        return operation;
    }
    (options.turn, options.flip) = least(options.turn, options.flip);
    operation
}

/// Both flips are half a turn, and half a turn makes of one flip the other.
fn least(turn: Option<Rotation>, flip: Option<Flip>) -> (Option<Rotation>, Option<Flip>) {
    let half_more = |turn| match turn {
        None => Some(Rotation::Half),
        Some(Rotation::Quarter) => Some(Rotation::ThreeQuarters),
        Some(Rotation::Half) => None,
        Some(Rotation::ThreeQuarters) => Some(Rotation::Quarter),
    };
    match (turn, flip) {
        (turn, Some(Flip::Both)) => (half_more(turn), None),
        (Some(Rotation::Half | Rotation::ThreeQuarters), Some(Flip::Horizontal)) => {
            (half_more(turn), Some(Flip::Vertical))
        }
        (Some(Rotation::Half | Rotation::ThreeQuarters), Some(Flip::Vertical)) => {
            (half_more(turn), Some(Flip::Horizontal))
        }
        as_it_is => as_it_is,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Canonical, OptionFault, Target, UrlError};

    fn canonical(path: &str) -> Result<String, UrlError> {
        let target = Target::parse(&format!("/{path}/a")).unwrap();
        let canonical = Canonical::parse(target.uri())?;
        let path = canonical.path();
        Ok(path[1..path.len() - 2].to_owned())
    }

    #[test]
    fn what_says_the_same_in_other_words_is_one_request() {
        for (path, expected) in [
            ("resize/300x200,fit=cover", "crop/300x200"),
            (
                "resize/300x200,g=n,enlarge=1,fit=cover,dpr=2",
                "crop/600x400,g=n,enlarge=1",
            ),
            ("resize/300x200,fit=inside", "resize/300x200"),
            ("resize/300,fit=inside", "resize/300"),
            ("resize/300x200,dpr=1", "resize/300x200"),
            ("resize/300x200,dpr=1.5", "resize/450x300"),
            ("resize/300,dpr=2", "resize/600"),
            ("resize/x3,dpr=0.5", "resize/x2"),
            ("resize/1x1,dpr=0.5", "resize/1x1"),
            ("crop/300x200,dpr=2.625", "crop/780x520"),
            ("resize/300,dpr=2,blur=1.5", "resize/600,blur=3"),
            ("resize/300,dpr=1,g=center,sharpen=0", "resize/300"),
            ("rotate/90,dpr=1,rot=0,enlarge=0,g=center", "rotate/90"),
            ("crop/300x200,g=fp:0.5:0.5", "crop/300x200"),
            ("resize/9,flip=hv", "resize/9,rot=180"),
            ("resize/9,rot=90,flip=hv", "resize/9,rot=270"),
            ("resize/9,rot=180,flip=hv", "resize/9"),
            ("resize/9,rot=270,flip=hv", "resize/9,rot=90"),
            ("resize/9,rot=180,flip=h", "resize/9,flip=v"),
            ("resize/9,rot=180,flip=v", "resize/9,flip=h"),
            ("resize/9,rot=270,flip=h", "resize/9,rot=90,flip=v"),
            ("resize/9,rot=270,flip=v", "resize/9,rot=90,flip=h"),
            ("rotate/90,flip=hv", "rotate/270"),
            ("rotate/270,flip=h", "rotate/90,flip=v"),
        ] {
            assert_eq!(canonical(path).unwrap(), expected, "{path}");
            assert_eq!(canonical(expected).unwrap(), expected);
        }
    }

    #[test]
    fn what_goes_together_stays() {
        for path in [
            "resize/300x200,q=80,f=avif,rot=90,flip=h,bg=ffffff,blur=1,sharpen=5,trim=1,bytes=9000",
            "resize/300x200,g=nw,fit=pad,enlarge=1,bg=00000080",
            "resize/300x200,fit=fill,enlarge=1",
            "resize/300,enlarge=1",
            "resize/300,f=webp,lossless=1",
            "resize/300,f=png,lossless=1",
            "resize/300,f=auto,lossless=1",
            "resize/300,lossless=1",
            "resize/300,q=80,bytes=9000",
            "crop/300x200,g=smart,enlarge=1",
            "crop/300x200,rot=90,g=fp:0.1:0.9",
            "rotate/180,flip=h",
            "rotate/180,flip=hv",
            "rotate/90,q=80,f=auto,bg=ffffff,blur=1,sharpen=5,trim=1",
        ] {
            assert_eq!(canonical(path).unwrap(), path);
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        use OptionFault::{Contradicts, Misplaced, NeedsBothSides, TooLarge};
        for (path, option, fault) in [
            ("crop/300x200,fit=cover", "fit", Misplaced),
            ("crop/300x200,fit=inside", "fit", Misplaced),
            ("rotate/90,fit=fill", "fit", Misplaced),
            ("resize/300,fit=cover", "fit", NeedsBothSides),
            ("resize/300,fit=fill", "fit", NeedsBothSides),
            ("resize/x300,fit=pad", "fit", NeedsBothSides),
            ("resize/300x200,g=n", "g", Misplaced),
            ("resize/300x200,g=smart,fit=fill", "g", Misplaced),
            ("rotate/90,g=n", "g", Misplaced),
            ("resize/9x9,g=smart,fit=pad", "g", Contradicts("fit")),
            ("resize/9x9,g=fp:0:0,fit=pad", "g", Contradicts("fit")),
            ("rotate/90,rot=90", "rot", Misplaced),
            ("rotate/90,enlarge=1", "enlarge", Misplaced),
            ("rotate/90,dpr=2", "dpr", Misplaced),
            ("resize/40000,dpr=2", "dpr", TooLarge),
            ("resize/1x16384,dpr=4", "dpr", TooLarge),
            ("resize/9,blur=60,dpr=2", "dpr", TooLarge),
            ("resize/9,lossless=1,q=80", "lossless", Contradicts("q")),
            (
                "resize/9,lossless=1,bytes=1k",
                "lossless",
                Contradicts("bytes"),
            ),
            ("resize/9,lossless=1,f=jpeg", "lossless", Contradicts("f")),
            ("resize/9,lossless=1,f=gif", "lossless", Contradicts("f")),
            ("resize/9,lossless=1,f=avif", "lossless", Contradicts("f")),
        ] {
            let option = option.to_owned();
            assert_eq!(
                canonical(path).unwrap_err(),
                UrlError::BadOption { option, fault },
                "{path}"
            );
        }
    }
}
