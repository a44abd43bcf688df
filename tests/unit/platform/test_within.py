"""Commands of an operator look at the platform of this checkout, not at an image's places."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from include.ledger.audit_tables import Deed
from include.ledger.ledger import Ledger
from include.platform.layout import PROJECT_ROOT, Layout

ON_DATA = ("audit_log", "bias_audit", "erasure", "registry", "sign_model")


def within(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the Makefile does, with nothing of the caller's settings."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("FEX_")}
    return subprocess.run(
        [sys.executable, "-m", "include.platform.within", *words],
        cwd=PROJECT_ROOT,
        env={**inherited, "FEX_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_audit_log_of_this_home_is_read(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    layout.create()
    ledger = Ledger.open(f"sqlite:///{layout.ledger}")
    ledger.audit.append(Deed.SETTINGS, who="somebody", what="a setting", detail={})
    read = within(layout.home, "include.pipeline.audit_log", "list")
    assert read.returncode == 0, read.stderr
    assert "somebody" in read.stdout
    assert "holds: 1 entries" in within(layout.home, "include.pipeline.audit_log", "verify").stdout


def test_a_status_is_passed_on_and_no_module_is_refused(tmp_path: Path) -> None:
    assert within(tmp_path / "home").returncode == 2
    home = tmp_path / "home"
    wrong = within(home, "include.pipeline.registry", "promote", "77")
    assert wrong.returncode == 2, wrong.stderr
    assert "77" in wrong.stderr or "approved-by" in wrong.stderr


def test_the_makefile_runs_each_of_them_so() -> None:
    recipes = (PROJECT_ROOT / "Makefile").read_text()
    for module in ON_DATA:
        assert re.search(rf"\$\(WITHIN\) include\.pipeline\.{module}\b", recipes), module
        assert not re.search(rf"\$\(RUN\) -m include\.pipeline\.{module}\b", recipes), module
