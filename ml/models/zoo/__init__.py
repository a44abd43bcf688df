"""The zoo: every architecture that the comparison trains, built by name."""

from ml.models.zoo.registry import ARCHITECTURES, Architecture, build_network

__all__ = ["ARCHITECTURES", "Architecture", "build_network"]
