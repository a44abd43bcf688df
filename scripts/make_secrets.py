"""Generate the secrets of docker-compose.yaml into docker/secrets/; existing ones stay.

Run `python3 scripts/make_secrets.py` once before `docker compose up`, or with another folder
for a stack of its own. The files are bind-mounted, so their mode is what the containers' users
see: readable, in a folder that only the owner of the checkout may enter.
"""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

DEFAULT_FOLDER = Path(__file__).resolve().parent.parent / "docker" / "secrets"
DATABASES = ("airflow", "ledger", "mlflow", "mlflow_auth")
USERS = ("admin", "operator", "marketer", "auditor", "approver")


def main(folder: Path) -> None:
    """Write what is missing in the folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    ensure = partial(keep_or_make, folder)
    for name in ("postgres_password", "redis_password", "mlflow_password"):
        ensure(name, token)
    for user in USERS:
        ensure(f"{user}_password", token)
    for database in DATABASES:
        password = ensure(f"postgres_{database}_password", token)
        url = f"postgresql+psycopg2://{database}:{password}@postgres:5432/{database}"
        ensure(f"{database}_url", lambda url=url: url)
    airflow = (folder / "airflow_url").read_text()
    redis = (folder / "redis_password").read_text()
    ensure("celery_broker_url", lambda: f"redis://:{redis}@redis:6379/0")
    # The driver is named: SQLAlchemy takes a bare postgresql:// for psycopg 3.
    ensure("celery_result_backend", lambda: "db+" + airflow)
    ensure("fernet_key", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    ensure("jwt_secret", lambda: secrets.token_urlsafe(64))
    ensure("api_secret_key", lambda: secrets.token_hex(32))
    ensure("pseudonym_key", lambda: secrets.token_hex(32))
    ensure("mlflow_secret_key", lambda: secrets.token_hex(32))
    ensure("store_root_user", lambda: "root-" + secrets.token_hex(6))
    ensure("store_root_password", token)
    user = ensure("store_app_user", lambda: "fex-" + secrets.token_hex(6))
    password = ensure("store_app_password", token)
    ensure(
        "aws_credentials",
        lambda: f"[default]\naws_access_key_id = {user}\naws_secret_access_key = {password}\n",
    )
    print(f"secrets are in {folder}; users of Airflow: {', '.join(USERS)}, see NAME_password")


def token() -> str:
    """Return a password of letters and digits: it also has to fit into a URL."""
    return secrets.token_hex(24)


def keep_or_make(folder: Path, name: str, make: Callable[[], str]) -> str:
    """Return a secret, generating it when it is missing."""
    path = folder / name
    if not path.exists():
        path.write_text(make())
    path.chmod(0o444)
    return path.read_text()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else DEFAULT_FOLDER)
