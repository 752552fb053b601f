//! The Debian packages that the machine must have, in groups.

/// Packages that are needed for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Building the XDP object.
    Bpf,
    /// The lab: namespaces with real daemons, and tools to observe them.
    Lab,
    /// Other kernels in virtual machines.
    Vm,
    /// The agent for 64-bit ARM, and kernels of that architecture.
    Arm,
}

pub struct Package {
    pub group: Group,
    pub name: &'static str,
    /// Packages that serve the same purpose.
    pub instead: &'static [&'static str],
    pub purpose: &'static str,
    /// The unit that the package would start, if any: prefix and suffix of its file name.
    pub unit: Option<(&'static str, &'static str)>,
}

const fn package(group: Group, name: &'static str, purpose: &'static str) -> Package {
    Package { group, name, instead: &[], purpose, unit: None }
}

/// Without these the group does not work.
pub const NEEDED: &[Package] = &[
    package(Group::Bpf, "rustc-web", "the compiler with a BPF target"),
    package(Group::Bpf, "libstd-rust-web-dev-bpf", "core for the BPF target"),
    package(Group::Bpf, "llvm-22-dev", "what bpf-linker is built on"),
    package(Group::Bpf, "libpolly-22-dev", "what bpf-linker is built on"),
    package(Group::Bpf, "libzstd-dev", "what bpf-linker is built on"),
    package(Group::Bpf, "zlib1g-dev", "what bpf-linker is built on"),
    package(Group::Bpf, "g++", "builds bpf-linker and libFuzzer"),
    package(Group::Lab, "iproute2", "namespaces, links, addresses"),
    package(Group::Lab, "ethtool", "offloads of the lab's links"),
    package(Group::Lab, "tcpdump", "captures"),
    package(Group::Lab, "procps", "process tables, sysctl"),
    package(Group::Lab, "nftables", "faults on the lab's links"),
    package(Group::Lab, "curl", "HTTP by hand"),
    package(Group::Lab, "wrk", "HTTP load"),
    Package {
        instead: &["nginx", "nginx-core", "nginx-full", "nginx-extras"],
        unit: Some(("nginx", ".service")),
        ..package(Group::Lab, "nginx-light", "the service behind the virtual addresses")
    },
    Package {
        unit: Some(("php", "-fpm.service")),
        ..package(Group::Lab, "php-fpm", "FastCGI backends")
    },
    package(Group::Lab, "php-memcached", "PHP sessions in memcached"),
    Package {
        unit: Some(("memcached", ".service")),
        ..package(Group::Lab, "memcached", "PHP sessions")
    },
    package(Group::Lab, "libfcgi-bin", "FastCGI by hand"),
    package(Group::Lab, "dnsmasq-base", "one name for both virtual addresses"),
    Package {
        unit: Some(("keepalived", ".service")),
        ..package(Group::Lab, "keepalived", "the peer for interoperability")
    },
    Package {
        unit: Some(("frr", ".service")),
        ..package(Group::Lab, "frr", "the other peer for interoperability")
    },
    package(Group::Vm, "qemu-system-x86", "runs other kernels"),
    package(Group::Vm, "busybox-static", "the shell of a guest"),
    package(Group::Vm, "kmod", "modules of other kernels"),
    package(Group::Vm, "iproute2", "namespaces, links, addresses"),
    package(Group::Vm, "ethtool", "offloads of links"),
    package(Group::Vm, "ipvsadm", "the kernel's own balancer, for comparison"),
    package(Group::Vm, "binutils", "finds the libraries of a guest's programs"),
    package(Group::Vm, "xz-utils", "unpacks modules"),
    package(Group::Vm, "debian-archive-keyring", "checks the packages of kernels"),
    package(Group::Arm, "qemu-system-arm", "runs ARM kernels"),
    package(Group::Arm, "gcc-aarch64-linux-gnu", "links for 64-bit ARM"),
    package(Group::Arm, "libc6-dev-arm64-cross", "the C library to link with"),
];

/// Installed if the distribution has them; nothing fails without them.
pub const WELCOME: &[Package] =
    &[package(Group::Bpf, "bpftool", "looks into the kernel's programs and maps")];

/// The needed packages of a group.
pub fn needed(group: Group) -> impl Iterator<Item = &'static Package> {
    NEEDED.iter().filter(move |package| package.group == group)
}
