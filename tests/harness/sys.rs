//! The few system calls the lab needs that have no safe wrapper.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use socket2::{SockAddr, SockAddrStorage, Socket};

/// Every Ethernet protocol, in the byte order `socket` and `bind` want.
pub const ETH_P_ALL_BE: u16 = (libc::ETH_P_ALL as u16).to_be();

/// Lets `command` start inside the network namespace `netns`, with a host name of its own (a new UTS namespace), so
/// that nginx's `$hostname` and php's `gethostname()` tell the lab's hosts apart.
pub fn enter_on_spawn(command: &mut Command, netns: File, hostname: &str) {
    let hostname = hostname.to_owned();
    let enter = move || {
        setns(&netns, CloneFlags::CLONE_NEWNET)?;
        unshare(CloneFlags::CLONE_NEWUTS)?;
        // SAFETY: pointer and length describe `hostname`, which lives as long as the closure.
        match unsafe { libc::sethostname(hostname.as_ptr().cast(), hostname.len()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec the closure makes three system calls and touches memory made before the fork: no
    // allocation, no lock.
    unsafe { command.pre_exec(enter) };
}

/// Lets `command` start as a member of the cgroup whose `cgroup.procs` this is.
pub fn join_on_spawn(command: &mut Command, members: File) {
    let join = move || {
        // SAFETY: one byte of a constant; 0 stands for the writing process.
        match unsafe { libc::write(members.as_raw_fd(), c"0".as_ptr().cast(), 1) } {
            1 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec the closure makes one system call and touches no memory but a constant and a number.
    unsafe { command.pre_exec(join) };
}

/// Binds a packet socket to one interface (0: all) and every protocol.
pub fn bind_packet(socket: &Socket, ifindex: u32) -> io::Result<()> {
    let mut storage = SockAddrStorage::zeroed();
    let length = size_of::<libc::sockaddr_ll>();
    // SAFETY: `sockaddr_ll` is plain data, fits into `sockaddr_storage`, and all-zero is a valid value of it.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ETH_P_ALL_BE;
    address.sll_ifindex = ifindex.cast_signed();
    // SAFETY: the first `length` bytes of the storage are the `sockaddr_ll` just filled in.
    let address = unsafe { SockAddr::new(storage, length as libc::socklen_t) };
    socket.bind(&address)
}

/// Frames a packet socket lost since the last call because its buffer was full.
pub fn packet_drops(socket: &impl AsRawFd) -> io::Result<u32> {
    let mut stats = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the option writes at most `length` bytes, the size of `stats`.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, (&raw mut stats).cast(), &raw mut length)
    };
    if result == 0 { Ok(stats.tp_drops) } else { Err(io::Error::last_os_error()) }
}

/// Asks for real-time scheduling of the calling thread, so that a busy machine does not blur what it measures.
/// Without the permission the thread stays as it is: the probe reports its own stalls anyway.
pub fn prefer_this_thread() {
    let param = libc::sched_param { sched_priority: 1 };
    // SAFETY: `param` outlives the call; 0 names the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const param) };
}

/// Takes a write lease on `file` (fcntl(2)): until it is closed, others wait to open it.
pub fn lease(file: &File) -> io::Result<()> {
    // Without an owner nobody gets the signal that somebody waits, which would end this process.
    for (command, argument) in [(libc::F_SETLEASE, libc::F_WRLCK), (libc::F_SETOWN, 0)] {
        // SAFETY: both commands take a number and touch no memory of ours.
        if unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Stops one thread of another process (ptrace(2)); the calling thread alone can let it go on.
pub fn stop_thread(tid: i32) -> io::Result<()> {
    trace(libc::PTRACE_SEIZE, tid)?;
    trace(libc::PTRACE_INTERRUPT, tid)?;
    nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(tid), Some(nix::sys::wait::WaitPidFlag::__WALL))?;
    Ok(())
}

/// Lets a thread go on that [`stop_thread`] has stopped.
pub fn release_thread(tid: i32) -> io::Result<()> {
    trace(libc::PTRACE_DETACH, tid)
}

fn trace(request: libc::c_uint, tid: i32) -> io::Result<()> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: none of the three requests reads or writes memory of ours.
    let result = unsafe { libc::ptrace(request, tid, nothing, nothing) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Loads an XDP program that passes every frame, and pins it at `path` (on a BPF file system).
pub fn pin_xdp_pass(path: &Path) -> io::Result<()> {
    const PROG_LOAD: libc::c_int = 5;
    const OBJ_PIN: libc::c_int = 6;
    const TYPE_XDP: u64 = 6;
    // r0 = XDP_PASS; exit
    let code: [u8; 16] = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let instructions = (code.len() / 8) as u64;
    // Program type and instruction count share the first word, in the order of the host.
    let first = if cfg!(target_endian = "little") { TYPE_XDP | instructions << 32 } else { TYPE_XDP << 32 | instructions };
    let load = [first, code.as_ptr() as u64, c"GPL".as_ptr() as u64, 0, 0, 0];
    let program = bpf(PROG_LOAD, &load)?;
    // SAFETY: a successful load returns a new descriptor that nobody else owns.
    let program = unsafe { OwnedFd::from_raw_fd(program as RawFd) };
    let path = CString::new(path.as_os_str().as_bytes())?;
    let fd = program.as_raw_fd() as u64;
    let pin = [path.as_ptr() as u64, if cfg!(target_endian = "little") { fd } else { fd << 32 }];
    bpf(OBJ_PIN, &pin).map(drop)
}

/// Detaches the program of the link pinned at `path`, as `bpftool link detach` does; the pin stays.
pub fn detach_pinned_link(path: &Path) -> io::Result<()> {
    const OBJ_GET: libc::c_int = 7;
    const LINK_DETACH: libc::c_int = 34;
    let path = CString::new(path.as_os_str().as_bytes())?;
    let link = bpf(OBJ_GET, &[path.as_ptr() as u64, 0])?;
    // SAFETY: a successful call returns a new descriptor that nobody else owns.
    let link = unsafe { OwnedFd::from_raw_fd(link as RawFd) };
    let fd = link.as_raw_fd() as u64;
    bpf(LINK_DETACH, &[if cfg!(target_endian = "little") { fd } else { fd << 32 }]).map(drop)
}

/// bpf(2) with the first words of its attributes; the kernel takes the rest as zero. Pointers in them must be live.
fn bpf(command: libc::c_int, attributes: &[u64]) -> io::Result<libc::c_long> {
    // SAFETY: the size is that of `attributes`; the callers put pointers to live locals into it, with their true lengths.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(attributes)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Write end of the pipe that the signal handler wakes; -1 until [`wake_on_termination`] has run.
static WAKE_PIPE: AtomicI32 = AtomicI32::new(-1);

/// Makes SIGINT, SIGTERM and SIGHUP write one byte (the signal's number) into `pipe` instead of ending the process.
pub fn wake_on_termination(pipe: OwnedFd) -> nix::Result<()> {
    use std::os::fd::IntoRawFd;
    WAKE_PIPE.store(pipe.into_raw_fd(), Ordering::SeqCst);
    let action = SigAction::new(SigHandler::Handler(on_termination), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler only loads an atomic and calls write(2): both are async-signal-safe.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(())
}

extern "C" fn on_termination(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: one byte is read from a live local; write(2) may be called in a signal handler.
    unsafe { libc::write(WAKE_PIPE.load(Ordering::SeqCst), (&raw const byte).cast(), 1) };
}
