//! What holds for every URL that anyone can write.

use image_url::{Canonical, Target, encoded_name_of};
use proptest::{prelude::*, strategy::ValueTree as _};

/// Values of options, most of them good.
const OPTIONS: &str = "(q=[0-9]{1,3}|f=(jpeg|png|gif|webp|avif|auto)|rot=(0|90|180|270)|flip=(h|v|hv)\
    |g=(center|n|ne|e|se|s|sw|w|nw|smart)|g=fp:[01](\\.[0-9]{1,5})?:0\\.[0-9]{1,4}|fit=(inside|cover|fill|pad)\
    |enlarge=[01]|bg=[0-9a-fA-F]{6}([0-9a-fA-F]{2})?|blur=[0-9]{1,2}(\\.[0-9]{1,2})?|sharpen=[0-9]{1,2}\
    |dpr=[0-4](\\.[0-9]{1,2})?|trim=[0-9]{1,2}|bytes=[0-9]{2,5}[km]?|lossless=[01])";

const GEOMETRY: &str = "(resize/([1-9][0-9]{0,4}x[1-9][0-9]{0,4}|[1-9][0-9]{0,4}|x[1-9][0-9]{0,4})\
    |crop/[1-9][0-9]{0,4}x[1-9][0-9]{0,4}|rotate/(90|180|270))";

/// Up to four options behind a geometry; few enough that many go together.
fn request() -> impl Strategy<Value = String> {
    let options = proptest::collection::vec(OPTIONS, 0..5);
    (GEOMETRY, options, "[a-z0-9а-я ,=%./@]{1,12}").prop_map(|(geometry, options, name)| {
        let segment = [vec![geometry], options].concat().join(",");
        let name = name.replace('%', "%25").replace(' ', "%20");
        format!("/{segment}/{name}")
    })
}

fn parse(raw: &str) -> Option<Canonical> {
    Canonical::parse(Target::parse(raw).ok()?.uri()).ok()
}

fn check(raw: &str) -> Result<bool, TestCaseError> {
    let Some(first) = parse(raw) else {
        return Ok(false);
    };
    let Some(again) = parse(first.path()) else {
        return Err(TestCaseError::fail(format!("{first:?} is not read again")));
    };
    prop_assert_eq!(&again, &first);
    prop_assert_eq!(again.operation(), first.operation());
    prop_assert_eq!(again.options(), first.options());
    prop_assert_eq!(again.name(), first.name());
    // What a purge goes by.
    prop_assert_eq!(encoded_name_of(first.path()), Some(first.encoded_name()));
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_canonical_spelling_is_read_as_it_was_written(raw in request()) {
        check(&raw)?;
    }

    #[test]
    fn any_text_is_read_or_refused(raw in "\\PC{0,80}") {
        check(&raw)?;
        check(&format!("/resize/300x200,{raw}/a"))?;
        check(&format!("/crop/{raw}"))?;
    }
}

#[test]
fn most_of_the_requests_above_are_good_ones() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let good = (0..1000)
        .filter(|_| {
            let raw = request().new_tree(&mut runner).unwrap().current();
            check(&raw).unwrap()
        })
        .count();
    assert!(good > 200, "{good} of 1000");
}
