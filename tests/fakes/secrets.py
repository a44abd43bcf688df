"""Secrets as a worker of the platform has them in its environment, and how they are looked for."""

from __future__ import annotations

from pathlib import Path

WORD = "geheim-0815"
"""Part of every secret."""
SECRETS = {
    "FEX_STORAGE__LEDGER_URL": f"postgresql://fex:{WORD}@h/d",
    "FEX_LABELS__PSEUDONYM_KEY": f"{WORD}-pseudonyms",
    "AIRFLOW__CORE__FERNET_KEY": WORD,
    "AIRFLOW__API_AUTH__JWT_SECRET": WORD,
    "AIRFLOW__API__SECRET_KEY": WORD,
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql://a:{WORD}@h/d",
    "AIRFLOW__CELERY__BROKER_URL": f"redis://:{WORD}@h/0",
    "AIRFLOW_CONN_ANYTHING": f"http://u:{WORD}@h",
    "MLFLOW_TRACKING_PASSWORD": WORD,
    "_SOMEBODY_ELSES_TOKEN": WORD,
}


def tells_a_secret(pid: int) -> list[str]:
    """Return where a process of this machine shows one: its environment, its command line."""
    found = []
    for place in ("environ", "cmdline"):
        for item in Path(f"/proc/{pid}/{place}").read_bytes().split(b"\0"):
            if WORD.encode() in item:
                found.append(f"{place}: {item.decode(errors='replace')}")
    return found
