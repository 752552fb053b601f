use super::*;
use crate::vm_test::kernels::{Arch, Label};

fn verdict() -> Verdict {
    let (image, modules) = (PathBuf::new(), PathBuf::new());
    let kernel =
        Kernel { label: Label::V6_1, arch: Arch::X86, release: "6.1".to_owned(), image, modules };
    Verdict::new(&kernel, &["loads", "rows", "modes"])
}

#[test]
fn checks_and_tests_are_counted_in_their_part() {
    let mut seen = verdict();
    let lines = "noise\nvm: part loads\nvm: ok vrrp: 194261 instructions\nvm: FAILED connect4: refused: why\nvm: part rows\n\
                     test a ... ok\ntest result: ok. 4 passed; 0 failed; 0 ignored; 0 measured\nvm: skipped alike: no object\n\
                     vm: part modes\nvm: ok nat: 20 answers\nvm: end";
    lines.lines().for_each(|line| seen.read(line));
    assert!(seen.ended());
    assert_eq!(seen.count(), (6, 1, 1));
    assert_eq!(seen.parts[0].failures().collect::<Vec<_>>(), ["connect4: refused: why"]);
    assert_eq!(seen.parts.iter().map(Part::cell).collect::<Vec<_>>(), ["**1/2**", "4/4", "1/1"]);
}

#[test]
fn what_a_guest_did_not_come_to_has_failed() {
    let mut seen = verdict();
    "vm: part loads\nvm: ok vrrp: loaded\nvm: part rows".lines().for_each(|line| seen.read(line));
    seen.broke("no end in time");
    assert_eq!(seen.count(), (1, 2, 0));
    let failures: Vec<String> = seen.parts.iter().flat_map(Part::failures).collect();
    assert_eq!(failures, ["rows: no end in time", "modes: was not run: no end in time"]);
}
