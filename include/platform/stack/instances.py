"""What runs: one instance of each service, several of those that are scaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from include.platform.stack.compose import Compose, Service
from include.platform.stack.images import Image, image_of

SCALED = "worker"


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy of a service; its name is its host name."""

    name: str
    service: Service
    image: Image

    @property
    def health_test(self) -> tuple[str, ...] | None:
        """What is asked, None where nothing is."""
        if self.service.health is None:
            return None
        return self.image.health_test or self.service.health.test


def instances(compose: Compose, workers: int) -> dict[str, Instance]:
    """Return every instance by name; workers are numbered from 1."""
    found = {}
    for name, service in compose.services.items():
        image = image_of(service)
        if name != SCALED:
            found[name] = Instance(name, service, image)
            continue
        for number in range(1, workers + 1):
            found[f"{name}-{number}"] = Instance(f"{name}-{number}", service, image)
    return found


def service_instances(found: Mapping[str, Instance], service: str) -> list[str]:
    """Return the names of a service's instances."""
    return [name for name, instance in found.items() if instance.service.name == service]


def visitor(found: Mapping[str, Instance], name: str) -> Instance:
    """Return one more instance that sees what a worker sees, for a command of its own."""
    like = next(item for item in found.values() if item.service.name == SCALED)
    return replace(like, name=name)
