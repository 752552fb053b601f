//! The `vrrp-agent` binary; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    vrrp_agent::main()
}
