use super::{Missing, effective_has, enter, try_out};
use vrrp_model::ElectionThread;

const NOTHING: ElectionThread =
    ElectionThread { realtime_priority: 0, cpus: Vec::new(), lock_memory: false };

#[test]
fn effective_capabilities_are_read_from_the_status_text() {
    let status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t0000000000004000\n";
    assert!(effective_has(status, 14));
    assert!(!effective_has(status, 13));
    assert!(!effective_has("Name:\tx\n", 14));
    assert!(!effective_has("CapEff:\tnonsense\n", 14));
}

#[test]
fn without_a_request_no_privilege_is_denied() {
    assert_eq!(try_out(&NOTHING), []);
}

#[test]
fn a_refused_priority_is_reported_and_not_fatal() {
    let degraded = try_out(&ElectionThread { realtime_priority: 200, ..NOTHING });
    assert_eq!(degraded.len(), 1, "{degraded:?}");
    assert_eq!(degraded[0].what, Missing::RealtimeScheduling);
    let text = degraded[0].to_string();
    assert!(text.starts_with("no real-time scheduling: ") && text.contains("; runs at "), "{text}");
}

#[test]
fn a_cpu_that_is_not_there_is_reported_and_not_fatal() {
    let degraded = try_out(&ElectionThread { cpus: vec![1023], ..NOTHING });
    assert_eq!(degraded.iter().map(|d| d.what).collect::<Vec<_>>(), [Missing::CpuAffinity]);
    let degraded = try_out(&ElectionThread { cpus: vec![9999], ..NOTHING });
    assert_eq!(degraded.iter().map(|d| d.what).collect::<Vec<_>>(), [Missing::CpuAffinity]);
}

#[test]
fn the_thread_is_bound_to_the_cpus_asked_for() {
    let allowed =
        || nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).expect("an affinity");
    let count = |set: &nix::sched::CpuSet| {
        (0..nix::sched::CpuSet::count())
            .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
            .collect::<Vec<_>>()
    };
    let first = count(&allowed())[0];
    let bound = std::thread::spawn(move || {
        let refused =
            enter(&ElectionThread { cpus: vec![u16::try_from(first).expect("a CPU")], ..NOTHING });
        assert_eq!(refused, []);
        count(&allowed())
    });
    assert_eq!(bound.join().expect("the thread ends"), [first]);
}

#[test]
#[ignore = "needs root: real-time scheduling"]
fn root_gets_everything() {
    let (degraded, policy) = std::thread::spawn(|| {
        let degraded =
            enter(&ElectionThread { realtime_priority: 1, lock_memory: true, ..NOTHING });
        // SAFETY: no pointer; 0 is the calling thread.
        (degraded, unsafe { libc::sched_getscheduler(0) })
    })
    .join()
    .expect("the thread ends");
    assert_eq!(degraded, []);
    assert_eq!(policy & !libc::SCHED_RESET_ON_FORK, libc::SCHED_FIFO);
}
