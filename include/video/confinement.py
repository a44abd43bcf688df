"""What the decoding child gives up before it reads its first untrusted byte.

The child holds three open descriptors: the recording (read only), the pipe to
its parent, and an error log of bounded size. `lock_down` then takes away
everything else: an allow list of system calls (no open, no socket, no new
process or thread, no signal to others), no new privileges, no core dump, a
bound on address space. A parser that is taken over can read the recording,
compute, and write to the pipe.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
ERROR_LOG_BYTES = 1 << 20

_ALLOWED_CALLS = (
    *("read", "readv", "pread64", "write", "writev", "lseek", "close", "fstat"),
    *("mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "membarrier"),
    *("futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall"),
    *("clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "getrusage", "times"),
    *("getrandom", "getpid", "gettid", "exit", "exit_group"),
)
"""Whatever is not here answers EPERM."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """Bounds the child puts on itself.

    `memory_bytes` is how far its address space may grow beyond what it holds
    when it locks down (libraries and the network are loaded by then).
    """

    cpu_s: int
    memory_bytes: int
    file_bytes: int = ERROR_LOG_BYTES
    """Size to which a descriptor it holds may be written; by default the log alone needs some."""


def limit_resources(limits: ChildLimits) -> None:
    """Bound CPU time, files and core dumps, and die with the parent. Called first."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes, limits.file_bytes))


def load_filter_library() -> ModuleType | None:
    """Load pyseccomp while files can still be opened; None where libseccomp is missing."""
    try:
        return importlib.import_module("pyseccomp")
    except (ImportError, RuntimeError):  # RuntimeError: the shared library is missing.
        return None


def lock_down(limits: ChildLimits, filter_library: ModuleType | None) -> bool:
    """Give up everything that reading, computing and answering do not need.

    Everything to be imported, opened or started must have been by now.

    Args:
        limits: The bound on memory.
        filter_library: What `load_filter_library` returned.

    Returns:
        False where libseccomp is missing or the kernel refuses the filter: the
        resource bounds and no-new-privileges then stand alone.
    """
    grown = _address_space_bytes() + limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (grown, grown))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if filter_library is None:
        return False
    try:
        rules = filter_library.SyscallFilter(filter_library.ERRNO(errno.EPERM))
        for name in _ALLOWED_CALLS:
            rules.add_rule(filter_library.ALLOW, name)
        # abort() signals its own process; no other may be signalled.
        own = filter_library.Arg(0, filter_library.EQ, os.getpid())
        rules.add_rule(filter_library.ALLOW, "tgkill", own)
        rules.load()
    except OSError:
        return False
    return True


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
