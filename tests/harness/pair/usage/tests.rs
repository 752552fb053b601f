use super::*;

#[test]
fn the_process_tables_are_read() {
    assert_eq!(cpu_ticks("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20"), Some(300));
    let rollup = "00400000-7ffe rollup\nRss:    1536 kB\nPss:     700 kB\nPss_Dirty: 3 kB\n";
    assert_eq!((kilobytes(rollup, "Rss:"), kilobytes(rollup, "Pss:")), (1536, 700));
}

#[test]
fn this_process_uses_memory() {
    let usage = Usage::of(&[std::process::id().cast_signed()]).expect("we are there");
    assert!(usage.rss >= usage.pss && usage.pss > 0);
}
