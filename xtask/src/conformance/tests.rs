use super::*;

#[test]
fn a_line_of_the_harness_gives_name_and_outcome() {
    assert_eq!(outcome("test a::b::vc001_x ... ok"), Some(("vc001_x".to_owned(), true)));
    assert_eq!(outcome("test y ... FAILED"), Some(("y".to_owned(), false)));
    assert_eq!(outcome("test z ... ignored, needs root: x"), None);
    assert_eq!(outcome("test result: ok. 3 passed"), None);
    assert_eq!((number_of("VC-017 one over: verdict"), number_of("a VC-017")), (Some(17), None));
}

#[test]
fn a_failed_row_or_test_fails_its_case() {
    let line = r#"{"number":7,"title":"t","level":"row","lacks":null,"rows":2,"wrong_rows":[],
                       "tests":[{"name":"vc007_a","package":"p","target":"lib","root":false}]}"#;
    let cases = [case(line).expect("an entry")];
    let passed = Outcomes::from([("vc007_a".to_owned(), true)]);
    assert_eq!(print(&cases, &passed, &None), 0);
    assert_eq!(print(&cases, &passed, &Some(BTreeSet::from([7]))), 1);
    assert_eq!(print(&cases, &Outcomes::from([("vc007_a".to_owned(), false)]), &None), 1);
    assert!(case("{\"title\":\"t\"}").is_err());
}
