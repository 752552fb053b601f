use nix::libc::{E2BIG, EACCES, EINVAL, ENOMEM, ENOSPC, EPERM};

use super::*;

fn refusal(errno: i32, release: &str, log: &str) -> Refusal {
    let part = "the program `vrrp`".to_owned();
    Refusal {
        object: Object::Xdp,
        part,
        errno,
        release: release.to_owned(),
        log: last_lines(log),
        missing: Vec::new(),
    }
}

#[test]
fn a_release_is_compared_by_its_first_two_numbers() {
    for (release, expected) in [
        ("6.1.0-38-amd64", Some((6, 1))),
        ("5.14.0-503.el9.x86_64", Some((5, 14))),
        ("6.18.44-fc-v657", Some((6, 18))),
        ("7.3+deb14-amd64", Some((7, 3))),
        ("10.0-rc1", Some((10, 0))),
        ("unknown", None),
        ("6", None),
        ("", None),
    ] {
        assert_eq!(version(release), expected, "{release}");
    }
}

#[test]
fn only_eperm_is_a_missing_permission() {
    for (errno, release, expected) in [
        (EPERM, "6.18.44", Cause::Permission),
        (EPERM, "5.10.0-35-amd64", Cause::Permission),
        (EACCES, "6.18.44", Cause::Rejected),
        (EACCES, "6.1.0-38-amd64", Cause::Rejected),
        (EINVAL, "6.8.0-51-generic", Cause::Rejected),
        (E2BIG, "7.3.4", Cause::Rejected),
        (ENOSPC, "6.1.0", Cause::Rejected),
        (EACCES, "unknown", Cause::Rejected),
        (EACCES, "5.15.0-91-generic", Cause::OldKernel),
        (EINVAL, "5.10.0-35-amd64", Cause::OldKernel),
        (EINVAL, "6.0.19", Cause::OldKernel),
        (EINVAL, "4.19.0", Cause::OldKernel),
        (ENOMEM, "6.1.0", Cause::Memory),
        (ENOMEM, "5.10.0", Cause::Memory),
    ] {
        assert_eq!(cause(errno, release), expected, "{errno} on {release}");
    }
}

#[test]
fn the_last_lines_before_the_statistics_are_kept_however_long_the_log() {
    let steps: String = (0..200_000).map(|step| format!("{step}: (bf) r1 = r2\n")).collect();
    let end = "1738: (69) r1 = *(u16 *)(r0 +0)\n\nR0 unbounded memory access, make sure to bounds check any such access\n\
               verification time 900 usec\nstack depth 8+280\nprocessed 9634 insns (limit 1000000) max_states_per_insn 4\n";
    let expected = [
        "199999: (bf) r1 = r2",
        "1738: (69) r1 = *(u16 *)(r0 +0)",
        "R0 unbounded memory access, make sure to bounds check any such access",
    ];
    assert_eq!(last_lines(&format!("{steps}{end}")), expected);
    assert_eq!(last_lines("invalid func unknown#160\n"), ["invalid func unknown#160"]);
    assert_eq!(last_lines(""), [""; 0]);
    assert_eq!(last_lines("processed 0 insns (limit 1000000)\n"), [""; 0]);
}

#[test]
fn the_verifiers_refusal_names_kernel_program_and_last_lines_and_never_a_capability() {
    let text = refusal(EACCES, "6.1.0-38-amd64", "R0 unbounded memory access\n").to_string();
    assert_eq!(
        text,
        "kernel 6.1.0-38-amd64 refuses the program `vrrp` (EACCES: Permission denied); the verifier's log ends: R0 unbounded memory \
         access. The minimum is Linux 6.1, so this kernel should accept it: please report this line; until then set xdp = \"off\". \
         Election, addresses and announcements go on through the sockets; advert filter, ARP answers, steering and fence of the XDP \
         program are missing."
    );
    assert!(!text.contains("CAP_"), "{text}");
}

#[test]
fn an_old_kernel_gets_the_minimum_named_even_without_a_verifier_log() {
    let text = refusal(EINVAL, "5.10.0-35-amd64", "").to_string();
    let begin = "kernel 5.10.0-35-amd64 refuses the program `vrrp` (EINVAL: Invalid argument); the verifier's log is empty. \
                 The minimum is Linux 6.1: upgrade the kernel, or set xdp = \"off\".";
    assert!(text.starts_with(begin), "{text}");
    let text = refusal(EINVAL, "5.15.0-91-generic", "invalid func unknown#160\n").to_string();
    assert!(
        text.contains(
            "the verifier's log ends: invalid func unknown#160. The minimum is Linux 6.1: upgrade"
        ),
        "{text}"
    );
}

#[test]
fn a_missing_permission_names_what_is_missing() {
    let bare = Refusal { missing: missing(1 << 12 | 1 << 39), ..refusal(EPERM, "6.18.44", "") };
    let text = bare.to_string();
    assert!(
        text.starts_with(
            "not permitted to load the program `vrrp` (EPERM, kernel 6.18.44). Give it CAP_PERFMON."
        ),
        "{text}"
    );
    let full = refusal(EPERM, "6.18.44", "").to_string();
    assert!(full.contains("look for a limit of the container"), "{full}");
    assert_eq!(missing(1 << SYS_ADMIN), [""; 0]);
    assert_eq!(missing(0), ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]);
}

#[test]
fn a_verifier_that_is_stricter_without_a_capability_is_still_the_one_that_refused() {
    let strict =
        Refusal { missing: vec!["CAP_PERFMON"], ..refusal(EACCES, "6.18.44", "R1 leaks addr\n") };
    let text = strict.to_string();
    assert!(text.starts_with("kernel 6.18.44 refuses"), "{text}");
    assert!(
        text.contains(
            "Give the process CAP_PERFMON first: without that the verifier accepts less."
        ),
        "{text}"
    );
}

#[test]
fn without_the_socket_programs_only_upstreams_are_missing() {
    let text = Refusal { object: Object::Sockets, ..refusal(EACCES, "6.18.44", "x\n") }.to_string();
    assert!(text.contains("until then remove the upstreams from the configuration"), "{text}");
    assert!(text.ends_with("services go on; connections to upstreams are not steered."), "{text}");
}
