"""Where times were taken: without it a time says nothing."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

_CPU_FACTS = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine at one moment.

    Attributes:
        cpu: Its name.
        cores: How many this process may use.
        threads: How many torch uses.
        accelerator: Name of the GPU that trains, None on a CPU.
        torch_version: As installed.
        load: Processes that wanted to run, mean of the last minute.
    """

    cpu: str
    cores: int
    threads: int
    accelerator: str | None
    torch_version: str
    load: float

    @property
    def trainer(self) -> str:
        """What networks train on, for people."""
        threads = f"{self.threads} CPU thread{'s' if self.threads > 1 else ''}"
        return self.accelerator or threads

    @classmethod
    def here(cls, device: torch.device) -> Machine:
        """Describe this machine now; `device` trains."""
        return cls(
            cpu=_cpu_name(),
            cores=len(os.sched_getaffinity(0)),
            threads=torch.get_num_threads(),
            accelerator=torch.cuda.get_device_name(device) if device.type == "cuda" else None,
            torch_version=torch.__version__,
            load=round(os.getloadavg()[0], 1),
        )


def _cpu_name() -> str:
    try:
        lines = _CPU_FACTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
