use super::*;

#[test]
fn a_local_shortage_is_distinguished_from_a_response_of_the_peer() {
    let of = |errno: Errno| is_shortage(&io::Error::from(errno));
    for errno in [
        Errno::EMFILE,
        Errno::ENFILE,
        Errno::ENOBUFS,
        Errno::ENOMEM,
        Errno::EADDRNOTAVAIL,
        Errno::EAGAIN,
    ] {
        assert!(of(errno), "{errno}");
    }
    for errno in [
        Errno::ECONNREFUSED,
        Errno::ETIMEDOUT,
        Errno::EHOSTUNREACH,
        Errno::ECONNRESET,
        Errno::ENOENT,
        Errno::EACCES,
    ] {
        assert!(!of(errno), "{errno}");
    }
    assert!(!is_shortage(&io::Error::other("cut off")));
}

#[test]
fn a_shortage_is_found_below_other_errors() {
    let below = |errno: Errno| io::Error::other(io::Error::from(errno));
    assert!(is_caused_by_shortage(&below(Errno::ENOBUFS)));
    assert!(!is_caused_by_shortage(&below(Errno::ECONNREFUSED)));
}

#[test]
fn the_descriptor_limit_only_goes_up() {
    let (before, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let now = raise_descriptor_limit().unwrap();
    assert!(now >= before && now <= hard);
    assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0, now);
}
