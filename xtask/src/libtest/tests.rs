use super::*;

#[test]
fn a_run_is_read_line_by_line() {
    let mut tally = Tally::default();
    let output = "running 4 tests\ntest a::b ... ok\ntest a::c ... noise\nFAILED\ntest d - should panic ... ok\n\
                      test lab::e ... ignored, needs root: makes namespaces\ntest f ... ignored\n\
                      failures:\n\n---- a::c stdout ----\n    indented\n\nfailures:\n    a::c\n\n\
                      test result: FAILED. 2 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.00s\n\
                      test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
    output.lines().for_each(|line| tally.read(line));
    assert_eq!((tally.passed, tally.failed), (7, 1));
    assert_eq!(tally.failures, ["a::c"]);
    let ignored = [("lab::e", "needs root: makes namespaces"), ("f", "")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(tally.ignored, ignored);
}
