"""The environment of a job's process: what libraries need and the store's credentials, no more.

A task has the database's password, Airflow's keys and the key of the pseudonyms around it. A
job runs the code of a model package and needs none of them: how it reaches the lake stands in
its folder, and the lake's credentials are the one secret that it works with.
"""

from __future__ import annotations

from collections.abc import Mapping

from include.contracts.quiet import QUIET

_SHARED_MACHINE = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads of OpenMP that spin while they wait take the processor from whoever they wait for as
soon as a machine is shared, here with Airflow: they halve the pace of a training of two."""

_NAMES = frozenset(
    {
        # Which engine answers, where a person chose one.
        "FEX_MODEL_ENGINE",
        # Marks of the platform's own processes: what is left of a killed one is found by them.
        "FEX_PLATFORM_COMPONENT",
        "FEX_PLATFORM_ID",
        "HOME",
        "LANG",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "MALLOC_ARENA_MAX",
        "NO_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "PATH",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TEMP",
        "TMP",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
        "XDG_CACHE_HOME",
    }
)
_PREFIXES = (
    "AWS_",
    "CUDA_",
    "KMP_",
    "LC_",
    "MKL_",
    "NVIDIA_",
    "OMP_",
    "OPENBLAS_",
    "PYTHON",
    "TORCH",
)


def job_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a job gets of its parent's environment.

    Args:
        environ: The parent's variables.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() in _NAMES or name.startswith(_PREFIXES)
    }
    return {**_SHARED_MACHINE, **kept, **QUIET}
