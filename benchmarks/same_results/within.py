"""What runs inside a build: its own commands, its own code, on what both builds are given.

`python within.py videos FOLDER OUT` and `python within.py comparison OUT`, with the build's own
Python and its root as PYTHONPATH. Only names that every build since 78251cd has are used here.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PUBLISHED, LAKE = "published", "lake"


def videos(folder: Path, out: Path) -> int:
    """Analyse a folder by `include.pipeline.analyze`; results and the lake behind them stay."""
    from include.pipeline import analyze

    @contextmanager
    def kept(prefix: str = "") -> Iterator[str]:
        home = out / prefix
        home.mkdir(parents=True)
        yield str(home)
        (home / LAKE).rename(out / LAKE)
        shutil.rmtree(home)

    # The lake of `analyze` is made for one run and thrown away: here it is read afterwards.
    vars(analyze)["TemporaryDirectory"] = kept
    return analyze.main([str(folder), str(out / PUBLISHED)])


def comparison(out: Path) -> int:
    """Write table, picture and page of a comparison of networks, of figures given here."""
    from include.contracts.errors import ConfigurationError
    from ml.comparison.latency import Latency
    from ml.comparison.machine import Machine
    from ml.comparison.page import as_html
    from ml.comparison.picture import as_svg
    from ml.comparison.plan import TASKS, Budget
    from ml.comparison.report import Comparison, Counts, as_json
    from ml.comparison.result import Result
    from ml.comparison.table import as_csv, as_markdown
    from ml.models.zoo import ARCHITECTURES

    def result(place: int, name: str) -> Result:
        middle = {"accuracy": 0.84, "macro_f1": 0.71, "log_loss": 0.52}
        figures = {
            figure: {
                "value": value - place / 61,
                "low": value - place / 61 - 0.0137,
                "high": value - place / 61 + 0.0119,
                "n": 3184,
            }
            for figure, value in middle.items()
        }
        return Result(
            name, "f" * 64, 10**6 + place, 10**8 + place, 610.4 + place, place + 1,
            {"figures": figures, "n": 3184},
        )  # fmt: skip

    names = list(ARCHITECTURES)
    found = Comparison(
        task=TASKS["seven"],
        budget=Budget(5, 48, 2000),
        counts=Counts(2000, 25_000, 3184, "neutral", 0.3712),
        split_sha256="5" * 64,
        results=tuple(result(place, name) for place, name in enumerate(names[:-1])),
        latency={
            name: {
                batch: Latency(
                    batch * (1.5 + place), batch * (1.4 + place), batch * 1.7 + place, 20
                )
                for batch in (1, 32)
            }
            for place, name in enumerate(names[:-1])
        },
        waiting=(names[-1],),
        machine=Machine("a processor", 2, 2, None, "2.13.0", 1.2),
    )
    picture = as_svg(found)
    if not picture:
        raise ConfigurationError("comparison", "these figures are enough for a picture")
    texts = {
        "comparison.json": as_json(found),
        "comparison.csv": as_csv(found),
        "comparison.md": as_markdown(found),
        "comparison.svg": picture,
        "comparison.html": as_html(found),
    }
    out.mkdir(parents=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "videos":
        sys.exit(videos(Path(sys.argv[2]), Path(sys.argv[3])))
    sys.exit(comparison(Path(sys.argv[2])))
