use super::*;

#[test]
fn the_median_of_an_even_number_lies_between() {
    assert_eq!(
        Spread::of([4.0, 1.0, 2.0, 3.0]),
        Some(Spread { median: 2.5, least: 1.0, most: 4.0 })
    );
    assert_eq!(Spread::text(Spread::of([120.4, 3.04, 5.0])), "5.0 (3.0..120)");
    assert_eq!(Spread::of([]), None);
}

#[test]
fn a_ratio_shows_which_side_was_below_the_resolution() {
    assert_eq!(ratio(Some(2.0), Some(50.0), 1.0), "25x");
    assert_eq!(ratio(Some(0.0), Some(620.0), 1.0), ">620x");
    assert_eq!(ratio(Some(4.0), Some(0.2), 1.0), "<0.2x");
    assert_eq!(ratio(Some(0.0), Some(0.9), 1.0), "both none");
    assert_eq!(ratio(None, Some(1.0), 1.0), "-");
}
