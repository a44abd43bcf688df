"""The comparison from beginning to end; killed at any moment, it goes on where it stood."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ml.comparison.forecast import Forecast, epoch_seconds, seconds_per_picture, spoken
from ml.comparison.latency import Latency, measure_latency
from ml.comparison.machine import Machine
from ml.comparison.page import as_html
from ml.comparison.picture import as_svg
from ml.comparison.plan import Budget, Task, fingerprint, recipe_for
from ml.comparison.report import Comparison, Counts, as_json
from ml.comparison.result import Result, read_result, write_whole
from ml.comparison.rows import Rows
from ml.comparison.table import as_csv, as_markdown
from ml.comparison.training import train_and_measure, trained_network
from ml.models.zoo import ARCHITECTURES
from ml.training.history import Epoch, read_history
from ml.training.loop import HISTORY
from ml.training.provenance import code_version
from ml.training.recipe import Recipe
from ml.training.tracking import RunTracking

PAGE = "comparison.html"


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison: what, by which rows, where.

    Args:
        task: What the networks answer.
        budget: What each of them gets.
        architectures: Names of the zoo, in the order they are trained.
        rows: Pictures of the task.
        out: Folder of this task and budget; a folder in it for each network.
        device: Where networks train. Latency is always that of the CPU.
        say: Called with one line of progress at a time.
        tracking_dir: MLflow's SQLite file and artefacts; None tracks nothing.
    """

    task: Task
    budget: Budget
    architectures: tuple[str, ...]
    rows: Rows
    out: Path
    device: torch.device
    say: Callable[[str], None] = field(default=print)
    tracking_dir: Path | None = None

    def run(self) -> Comparison:
        """Train what is not trained yet; the table is written after each network.

        Raises:
            ConfigurationError: `out` holds trainings of another recipe or other pictures.
        """
        done = self._kept()
        missing = [name for name in self.architectures if name not in done]
        forecast = self.forecast(missing)
        for place, name in enumerate(missing, start=1):
            done[name] = self._train(name, f"[{place}/{len(missing)} {name}]", forecast)
            self._publish(done, {})
        self.say(f"latency of {len(done)} networks, interleaved on one thread")
        networks = {
            name: trained_network(recipe, self.out / name)
            for name, recipe in self._recipes(done).items()
        }
        latency = measure_latency(networks, self.budget.side_px)
        return self._publish(done, latency)

    def forecast(self, architectures: Iterable[str]) -> Forecast:
        """Time a few steps of each network and say what its training will cost."""
        seconds = {}
        for name, recipe in self._recipes(architectures).items():
            per_picture_s = seconds_per_picture(recipe, self.device)
            epoch_s = epoch_seconds(
                per_picture_s, train=len(self.rows.train), validation=len(self.rows.validation)
            )
            epochs = self.budget.epochs - len(read_history(self.out / name / HISTORY))
            seconds[name] = epoch_s * epochs
            self.say(
                f"forecast {name}: {per_picture_s * 1000:.1f} ms a picture, "
                f"{spoken(epoch_s)} an epoch, {spoken(seconds[name])} for the {epochs} left"
            )
        forecast = Forecast(seconds)
        if seconds:
            self.say(f"forecast of {len(seconds)} networks: {spoken(forecast.left_s)}")
        return forecast

    def _recipes(self, architectures: Iterable[str]) -> dict[str, Recipe]:
        return {name: recipe_for(name, self.task, self.budget) for name in architectures}

    def _fingerprint(self, recipe: Recipe) -> str:
        return fingerprint(recipe, self.rows.sha256)

    def _kept(self) -> dict[str, Result]:
        """Return what earlier runs measured in `out`, also of networks not asked for now."""
        found = {}
        for name, recipe in self._recipes(ARCHITECTURES).items():
            result = read_result(self.out / name, self._fingerprint(recipe))
            if result is not None:
                self.say(f"{name} is trained and measured")
                found[name] = result
        return found

    def _train(self, name: str, prefix: str, forecast: Forecast) -> Result:
        recipe = recipe_for(name, self.task, self.budget)
        with self._tracked(recipe) as tracking:
            # After MLflow is ready, which takes seconds once and says nothing of the pace.
            since = time.monotonic()

            def on_epoch(epoch: int, _figures: Epoch) -> None:
                nonlocal since
                now = time.monotonic()
                forecast.took(name, now - since, share=1 / (self.budget.epochs - epoch + 1))
                since = now
                self.say(f"{prefix} all networks: about {spoken(forecast.left_s)} left")

            result = train_and_measure(
                recipe,
                self.rows,
                self.out / name,
                self._fingerprint(recipe),
                device=self.device,
                tracking=tracking,
                report=lambda line: self.say(f"{prefix} {line}"),
                on_epoch=on_epoch,
            )
        forecast.finish(name)
        accuracy = result.figure("accuracy")
        self.say(
            f"{prefix} test accuracy {accuracy.value:.3f} "
            f"[{accuracy.low:.3f}, {accuracy.high:.3f}], n = {len(self.rows.test)}"
        )
        return result

    def _tracked(self, recipe: Recipe) -> AbstractContextManager[RunTracking | None]:
        if self.tracking_dir is None:
            return nullcontext()
        facts = {"split_sha256": self.rows.split_sha256, "rows_sha256": self.rows.sha256}
        return RunTracking(
            recipe,
            self.out / recipe.model.architecture,
            self.tracking_dir,
            facts=facts | code_version(),
            experiment="comparison",
        )

    def _publish(
        self, done: Mapping[str, Result], latency: Mapping[str, Mapping[int, Latency]]
    ) -> Comparison:
        ranked = sorted(done.values(), key=lambda r: r.figure("accuracy").value, reverse=True)
        test = self.rows.test
        comparison = Comparison(
            task=self.task,
            budget=self.budget,
            counts=Counts(
                train=len(self.rows.train),
                train_available=self.rows.train_available,
                test=len(test),
                majority=test.names[int(test.counts().argmax())],
                majority_share=float(test.counts().max() / len(test)),
            ),
            split_sha256=self.rows.split_sha256,
            results=tuple(ranked),
            latency=latency,
            waiting=tuple(name for name in self.architectures if name not in done),
            machine=Machine.here(self.device),
        )
        write_whole(self.out / "comparison.json", as_json(comparison))
        write_whole(self.out / "comparison.csv", as_csv(comparison))
        write_whole(self.out / "comparison.md", as_markdown(comparison))
        picture = as_svg(comparison)
        if picture:
            write_whole(self.out / "comparison.svg", picture)
        write_whole(self.out / PAGE, as_html(comparison))
        return comparison
