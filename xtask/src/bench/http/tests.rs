use super::*;

#[test]
fn the_output_of_wrk_is_parsed() {
    let text = "Running 3s test @ http://192.168.1.249/\n  Thread Stats   Avg      Stdev     Max   +/- Stdev\n    \
                    Latency     1.20ms  500.00us   9.00ms   70.00%\n  Latency Distribution\n     50%  512.00us\n     \
                    75%    1.00ms\n     90%    1.50ms\n     99%    1.20s \n  100 requests in 3.00s, 10KB read\n\
                    Requests/sec:  12345.67\nTransfer/sec:      1.00MB\n";
    assert_eq!(parse(text), Some(Seen { per_second: 12_345.67, p50_ms: 0.512, p99_ms: 1_200.0 }));
    assert_eq!(parse_millis("12m"), None);
}
