use super::*;

#[test]
fn the_result_of_a_run_is_parsed_from_the_output_of_libfuzzer() {
    let text = "INFO: seed corpus: files: 3\n#4\tINITED cov: 12 ft: 13 corp: 3/9b\n#900\tNEW    cov: 15 ft: 20 corp: 4/9b\n\
                    #5000\tDONE   cov: 15 ft: 21 corp: 4/9b\nstat::number_of_executed_units: 5000\n";
    assert_eq!(Report::read(text), Report { executions: 5000, edges: (12, 15), artifact: None });
    let crash = "#2\tINITED cov: 3 ft: 3\nartifact_prefix='x/'; Test unit written to x/crash-ab\n";
    assert_eq!(
        Report::read(crash),
        Report { executions: 0, edges: (3, 3), artifact: Some("x/crash-ab".into()) }
    );
}
