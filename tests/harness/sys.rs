//! The system calls of the lab that have no safe wrapper.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
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

/// Makes `command` start inside the network namespace `netns`, with a host name of its own (a new
/// UTS namespace), so that nginx's `$hostname` and php's `gethostname()` name the lab's host.
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
    // SAFETY: between fork and exec the closure makes three system calls and touches memory made
    // before the fork: no allocation, no lock.
    unsafe { command.pre_exec(enter) };
}

/// Makes `command` start as a member of the cgroup with this `cgroup.procs`.
pub fn join_on_spawn(command: &mut Command, members: File) {
    let join = move || {
        // SAFETY: one byte of a constant; 0 names the writing process.
        match unsafe { libc::write(members.as_raw_fd(), c"0".as_ptr().cast(), 1) } {
            1 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec the closure makes one system call and touches no memory but a
    // constant and a number.
    unsafe { command.pre_exec(join) };
}

/// Binds a packet socket to one interface (0: all) and every protocol.
pub fn bind_packet(socket: &Socket, ifindex: u32) -> io::Result<()> {
    let mut storage = SockAddrStorage::zeroed();
    let length = size_of::<libc::sockaddr_ll>();
    // SAFETY: `sockaddr_ll` is plain data, fits into `sockaddr_storage`, and all-zero is a valid
    // value of it.
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
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut stats).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(stats.tp_drops) } else { Err(io::Error::last_os_error()) }
}

/// Requests real-time scheduling of the calling thread, so that a busy machine does not distort its
/// measurements. Without the permission the thread stays as it is: the probe reports its own
/// stalls.
pub fn prefer_this_thread() {
    let param = libc::sched_param { sched_priority: 1 };
    // SAFETY: `param` outlives the call; 0 names the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const param) };
}

/// Takes a write lease on `file` (fcntl(2)): until it is closed, other processes wait to open it.
pub fn lease(file: &File) -> io::Result<()> {
    // Without an owner no process gets the signal of a waiting open, which would end this process.
    for (command, argument) in [(libc::F_SETLEASE, libc::F_WRLCK), (libc::F_SETOWN, 0)] {
        // SAFETY: both commands take a number and touch no memory of ours.
        if unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Stops one thread of another process (ptrace(2)); only the calling thread can continue it.
pub fn stop_thread(tid: i32) -> io::Result<()> {
    trace(libc::PTRACE_SEIZE, tid)?;
    trace(libc::PTRACE_INTERRUPT, tid)?;
    nix::sys::wait::waitpid(
        nix::unistd::Pid::from_raw(tid),
        Some(nix::sys::wait::WaitPidFlag::__WALL),
    )?;
    Ok(())
}

/// Continues a thread that [`stop_thread`] has stopped.
pub fn release_thread(tid: i32) -> io::Result<()> {
    trace(libc::PTRACE_DETACH, tid)
}

fn trace(request: libc::c_uint, tid: i32) -> io::Result<()> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: none of the three requests reads or writes memory of ours.
    let result = unsafe { libc::ptrace(request, tid, nothing, nothing) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Loads an XDP program that passes every frame.
pub fn load_xdp_pass() -> io::Result<OwnedFd> {
    const TYPE_XDP: u32 = 6;
    // r0 = XDP_PASS; exit
    let code = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    load_program(
        &Program {
            kind: TYPE_XDP,
            flags: 0,
            attach: 0,
            license: c"GPL",
            code: &code,
            functions: None,
        },
        0,
        &mut [],
    )
}

/// A loadable BPF program: types, flags and attach types as numbered by the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    pub kind: u32,
    pub flags: u32,
    pub attach: u32,
    pub license: &'a CStr,
    /// Instructions of eight bytes.
    pub code: &'a [u8],
    pub functions: Option<Functions<'a>>,
}

/// A program's functions in its BTF: the verifier checks global ones separately.
#[derive(Debug, Clone, Copy)]
pub struct Functions<'a> {
    pub btf: BorrowedFd<'a>,
    /// Offset and type of each, as in `struct bpf_func_info`.
    pub info: &'a [u8],
    /// Bytes of one record.
    pub record: u32,
}

/// Loads type information (BTF).
pub fn load_btf(btf: &[u8]) -> io::Result<OwnedFd> {
    const BTF_LOAD: libc::c_int = 18;
    let fd = bpf(BTF_LOAD, &[btf.as_ptr() as u64, 0, pair(btf.len() as u32, 0)])?;
    // SAFETY: a successful load returns a new descriptor without another owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Loads a program; the verifier's output at `log_level` goes to `log`, unless that is empty.
pub fn load_program(program: &Program, log_level: u32, log: &mut [u8]) -> io::Result<OwnedFd> {
    const PROG_LOAD: libc::c_int = 5;
    let log_at = if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 };
    let (btf, record, info): (u32, u32, &[u8]) = match &program.functions {
        Some(functions) => {
            (functions.btf.as_raw_fd().cast_unsigned(), functions.record, functions.info)
        }
        None => (0, 0, &[]),
    };
    let attributes = [
        pair(program.kind, (program.code.len() / 8) as u32),
        program.code.as_ptr() as u64,
        program.license.as_ptr() as u64,
        pair(log_level, log.len() as u32),
        log_at,
        pair(0, program.flags),
        // No name.
        0,
        0,
        pair(0, program.attach),
        pair(btf, record),
        if info.is_empty() { 0 } else { info.as_ptr() as u64 },
        pair((info.len() as u32).checked_div(record).unwrap_or(0), 0),
    ];
    let fd = bpf(PROG_LOAD, &attributes)?;
    // SAFETY: a successful load returns a new descriptor without another owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Bytes of machine code and of translated instructions of a loaded program.
pub fn program_sizes(program: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
    // Type, id, a tag of eight bytes, the two sizes; the kernel fills in as much as fits.
    let mut info = [0_u32; 6];
    let attributes = [
        pair(program.as_raw_fd().cast_unsigned(), size_of_val(&info) as u32),
        info.as_mut_ptr() as u64,
    ];
    bpf(OBJ_GET_INFO_BY_FD, &attributes)?;
    Ok((info[4], info[5]))
}

/// A BPF map to create: type and flags as numbered by the kernel, sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Map {
    pub kind: u32,
    pub key: u32,
    pub value: u32,
    pub entries: u32,
    pub flags: u32,
}

pub fn create_map(map: Map) -> io::Result<OwnedFd> {
    const MAP_CREATE: libc::c_int = 0;
    let fd = bpf(
        MAP_CREATE,
        &[pair(map.kind, map.key), pair(map.value, map.entries), pair(map.flags, 0)],
    )?;
    // SAFETY: a successful call returns a new descriptor without another owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Pins a loaded program or a map at `path` (on a BPF file system).
pub fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    const OBJ_PIN: libc::c_int = 6;
    let path = CString::new(path.as_os_str().as_bytes())?;
    bpf(OBJ_PIN, &[path.as_ptr() as u64, pair(object.as_raw_fd().cast_unsigned(), 0)]).map(drop)
}

/// Detaches the program of the link pinned at `path`, as `bpftool link detach` does; the pin stays.
pub fn detach_pinned_link(path: &Path) -> io::Result<()> {
    const OBJ_GET: libc::c_int = 7;
    const LINK_DETACH: libc::c_int = 34;
    let path = CString::new(path.as_os_str().as_bytes())?;
    let link = bpf(OBJ_GET, &[path.as_ptr() as u64, 0])?;
    // SAFETY: a successful call returns a new descriptor without another owner.
    let link = unsafe { OwnedFd::from_raw_fd(link as RawFd) };
    bpf(LINK_DETACH, &[pair(link.as_raw_fd().cast_unsigned(), 0)]).map(drop)
}

/// Two attributes of 32 bits, the first at the lower address.
fn pair(first: u32, second: u32) -> u64 {
    let (first, second) = (u64::from(first), u64::from(second));
    if cfg!(target_endian = "little") { first | second << 32 } else { first << 32 | second }
}

/// bpf(2) with the first words of its attributes; the kernel treats the rest as zero. Pointers in
/// them must be live.
fn bpf(command: libc::c_int, attributes: &[u64]) -> io::Result<libc::c_long> {
    // SAFETY: the size is that of `attributes`; the callers put pointers to live locals into it,
    // with their true lengths.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(attributes))
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Write end of the pipe that the signal handler wakes; -1 until [`wake_on_termination`] has run.
static WAKE_PIPE: AtomicI32 = AtomicI32::new(-1);

/// Makes SIGINT, SIGTERM and SIGHUP write one byte (the signal's number) into `pipe` instead of
/// ending the process.
pub fn wake_on_termination(pipe: OwnedFd) -> nix::Result<()> {
    use std::os::fd::IntoRawFd;
    WAKE_PIPE.store(pipe.into_raw_fd(), Ordering::SeqCst);
    let action =
        SigAction::new(SigHandler::Handler(on_termination), SaFlags::SA_RESTART, SigSet::empty());
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
