use super::*;

#[test]
fn the_verifiers_statistics_are_read() {
    let log = "verification time 1234 usec\nstack depth 32+312+0\nprocessed 4711 insns (limit 1000000) max_states_per_insn 4\n";
    assert_eq!(statistics(log), Some((4711, vec![32, 312, 0])));
    let newer = "stack depth max 416\nprocessed 4711 insns (limit 1000000) max_states_per_insn 4\n";
    assert_eq!(statistics(newer), Some((4711, vec![416])));
    assert_eq!(statistics("R0 !read_ok"), None);
}
