//! Case R-31: what of a relay can be reached: one UDP port, no core dump, no memory for other processes, few system
//! calls.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use caucus_tests::attack::Siege;

/// Inodes of the sockets that a process has open.
fn sockets(pid: u32) -> BTreeSet<String> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).expect("its files");
    folder
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect()
}

/// Of these sockets, those in one of the kernel's tables.
fn in_table(table: &str, inodes: &BTreeSet<String>) -> usize {
    let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
    text.lines()
        .skip(1)
        .filter(|line| line.split_whitespace().any(|word| inodes.contains(word)))
        .count()
}

#[test]
fn a_relay_is_one_udp_port_and_leaves_no_core_and_no_memory_to_look_at() {
    let siege = Siege::with("");
    let ((), toll) = siege.endure(|| {
        let pid = siege.pid();
        let inodes = sockets(pid);
        let tables = ["udp", "udp6", "tcp", "tcp6", "raw", "raw6", "packet", "netlink"];
        let open: Vec<_> = tables.iter().map(|table| in_table(table, &inodes)).collect();
        assert_eq!(open, [1, 0, 0, 0, 0, 0, 0, 0], "{tables:?}");
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("its limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        let words: Vec<_> = core.expect("a line").split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{words:?}");
        // Who may not be dumped belongs to root as far as /proc is concerned, and gives nothing to its own user.
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        assert!(status.contains("CoreDumping:\t0"), "{status}");
        if let Some(user) = nobody() {
            let script = format!("head -c 1 /proc/{pid}/mem; cat /proc/{pid}/maps /proc/{pid}/environ");
            let read = Command::new("setpriv")
                .args(["--reuid", &user, "--clear-groups", "sh", "-c", &script])
                .output()
                .expect("setpriv");
            assert!(
                read.stdout.is_empty(),
                "{}",
                String::from_utf8_lossy(&read.stdout)
            );
        }
    });
    toll.is_bearable(128.0);
    // An abort leaves nothing behind.
    let pid = siege.pid().to_string();
    let killed = Command::new("kill").args(["-ABRT", &pid]).status();
    assert!(killed.expect("kill").success());
    std::thread::sleep(std::time::Duration::from_millis(500));
    let left: Vec<_> = fs::read_dir(siege.folder())
        .expect("the folder")
        .chain(fs::read_dir(".").expect("here"))
        .flatten()
        .filter(|file| file.file_name().to_string_lossy().starts_with("core"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A user that is nobody, where this process may become it.
fn nobody() -> Option<String> {
    let root = rustix::process::geteuid().is_root();
    let there = Path::new("/usr/bin/setpriv").exists();
    (root && there).then(|| "65534".to_owned())
}

/// What a relay calls of the system; whatever else appears has to be thought about.
const CALLS: &str = "accept4 access arch_prctl bind brk capget clock_nanosleep clone clone3 close connect dup dup2 \
    epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 execve exit exit_group fallocate fchmod fcntl fdatasync \
    flock fstat fsync ftruncate futex getcwd getdents64 getpid getppid getrandom getrlimit getsockname getsockopt \
    gettid getuid geteuid ioctl kill listen lseek lstat madvise membarrier mkdir mkdirat mmap mprotect mremap munmap \
    newfstatat open openat pipe2 poll prctl pread64 prlimit64 pwrite64 read readlink readlinkat recvfrom recvmmsg \
    recvmsg rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigprocmask rt_sigreturn \
    sched_getaffinity sched_yield sendmmsg sendmsg sendto set_robust_list set_tid_address setrlimit setsockopt \
    sigaltstack socket socketpair stat statfs statx sync_file_range sysinfo tgkill uname unlink unlinkat utimensat \
    write writev";

#[test]
fn a_relay_at_work_makes_only_the_system_calls_that_are_listed() {
    let have = Command::new("strace").arg("-V").output().is_ok();
    if !have {
        println!("skipped: strace is missing (tests/run installs it)");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let counts = folder.path().join("calls");
    let text = counts.to_str().expect("a path");
    let mut siege = Siege::through("", &["strace", "-f", "-c", "-o", text]);
    let ((), _) = siege.endure(|| std::thread::sleep(std::time::Duration::from_secs(2)));
    // strace passes the end on and writes its table.
    siege.relay.interrupt_child();
    let table = fs::read_to_string(&counts).expect("the table");
    let allowed: BTreeSet<_> = CALLS.split_whitespace().collect();
    let seen: BTreeSet<_> = table
        .lines()
        .filter(|line| {
            line.split_whitespace()
                .next()
                .is_some_and(|word| word.parse::<f64>().is_ok())
        })
        .filter_map(|line| line.split_whitespace().last())
        .filter(|call| *call != "total")
        .collect();
    println!("R-31: {} system calls: {seen:?}", seen.len());
    assert!(seen.contains("recvmsg") || seen.contains("recvmmsg"), "{table}");
    let strange: Vec<_> = seen.difference(&allowed).collect();
    assert!(strange.is_empty(), "{strange:?}");
}
