//! What the kernel program may let the stack forward where NAT is used.

use std::collections::BTreeMap;

use vrrp_common::maps::InterfaceConf;

use super::Problems;
use crate::net::nat_sysctls::answers_only;
use crate::net::sysctl::Sysctl;
use vrrp_model::Config;
use vrrp_steering::desired::Desired;

/// The interfaces as the kernel program must know them: where the host forwards for NAT's sake
/// alone, nothing but answers is forwarded, unless the configuration asks for more.
pub fn restrict(
    config: &Config,
    desired: &Desired,
    problems: &mut Problems,
) -> BTreeMap<u32, InterfaceConf> {
    let mut interfaces = desired.interfaces.clone();
    if config.nat_forward_other || interfaces.values().all(|interface| interface.nat == 0) {
        return interfaces;
    }
    let only = answers_only(&Sysctl::default());
    problems.note("settings of the host for NAT", only.as_ref().map(|_| ()));
    let only = only.unwrap_or_default();
    for interface in interfaces.values_mut().filter(|interface| interface.nat != 0) {
        interface.nat |= only;
    }
    interfaces
}
