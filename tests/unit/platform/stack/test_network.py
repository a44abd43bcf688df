"""Who is where in the stack's network."""

from __future__ import annotations

from include.platform.stack.network import Plan


def test_names_of_shared_services_are_one_address_and_workers_have_their_own() -> None:
    plan = Plan(("redis", "worker", "worker-1", "worker-2"), ("worker-1", "worker-2"))
    found = dict(reversed(line.split()) for line in plan.hosts())
    assert found["localhost"] == "127.0.0.1"
    assert len({found["redis"], found["worker-1"], found["worker-2"]}) == 3
    assert found["worker"] == found["redis"]
    ports = [place.port for name in plan.apart if (place := plan.place(name))]
    assert len(set(ports)) == 2
    assert plan.place("redis") is None


def test_without_workers_everybody_is_this_machine() -> None:
    plan = Plan(("redis", "store"), ())
    assert {line.split()[0] for line in plan.hosts()} == {"127.0.0.1"}
