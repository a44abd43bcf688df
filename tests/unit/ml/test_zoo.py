from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.models.zoo import ARCHITECTURES, build_network


def keras_count(network: nn.Module) -> int:
    """Parameters as Keras counts them: the norms' moving averages included."""
    averages = sum(b.numel() for b in network.buffers() if b.is_floating_point())
    return sum(p.numel() for p in network.parameters()) + averages


def without_classifier(network: nn.Module) -> int:
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    return keras_count(network) - sum(p.numel() for p in last.parameters())


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("side", [32, 64])
def test_every_network_takes_small_pictures(name, side):
    # In training mode: the norms of an untrained network have seen nothing yet.
    network = build_network(name, classes=4, dropout=0.0).train()
    pictures = torch.randn(2, 3, side, side).to(memory_format=torch.channels_last)
    with torch.no_grad():
        logits = network(pictures)
    assert logits.shape == (2, 4)
    assert bool(torch.isfinite(logits).all())
    assert not torch.allclose(logits[0], logits[1], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("baseline_cnn", 684_036),
        ("rgb_cnn", 2_765_316),
        ("complex_cnn_5", 1_839_876),
        ("complex_cnn_6", 3_412_100),
    ],
)
def test_plain_cnns_have_the_parameters_the_capstone_reports(name, reported):
    assert keras_count(build_network(name, classes=4)) == reported


@pytest.mark.parametrize(
    ("name", "published"),
    [("vgg16", 14_714_688), ("resnet50_v2", 23_564_800), ("efficientnet_v2_b2", 8_769_374)],
)
def test_networks_without_their_classifier_have_the_published_parameters(name, published):
    assert without_classifier(build_network(name, classes=4)) == published


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_parameter_learns(name):
    torch.manual_seed(0)
    network = build_network(name, classes=7).train()
    network(torch.randn(4, 3, 48, 48)).logsumexp(dim=1).square().sum().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # A norm before a norm, or a bias before one, may cancel out; whole layers may not.
    assert not [name for name in still if name.endswith("weight")]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_starts_as_unsure_as_guessing(name):
    torch.manual_seed(0)
    network = build_network(name, classes=4, dropout=0.0).train()
    labels = torch.arange(16) % 4
    with torch.no_grad():
        loss = nn.functional.cross_entropy(network(torch.randn(16, 3, 48, 48)), labels)
    assert float(loss) < 1.5 * math.log(4)


@pytest.mark.parametrize("name", ["baseline_cnn", "complex_cnn_5", "complex_cnn_6"])
def test_grey_networks_look_at_one_channel(name):
    network = build_network(name, classes=4).eval()
    pictures = torch.randn(2, 3, 48, 48)
    changed = pictures.clone()
    changed[:, 1:] = 0
    with torch.inference_mode():
        assert torch.equal(network(pictures), network(changed))


def test_noise_is_for_training_only():
    network = build_network("complex_cnn_6", classes=4, dropout=0.0)
    pictures = torch.randn(4, 3, 48, 48)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.momentum = 0.0
    with torch.no_grad():
        network.train()
        assert not torch.equal(network(pictures), network(pictures))
        network.eval()
        assert torch.equal(network(pictures), network(pictures))


def test_dropout_reaches_the_network():
    for name in ARCHITECTURES:
        network = build_network(name, classes=4, dropout=0.37)
        shares = {module.p for module in network.modules() if isinstance(module, nn.Dropout)}
        assert 0.37 in shares, name


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"'resnet19' is not one of .*resnet18"):
        build_network("resnet19", classes=7)


def test_width_is_refused_where_no_multiplier_is_defined():
    assert keras_count(build_network("mobilenet_v2", classes=7, width=0.25)) < 400_000
    with pytest.raises(ConfigurationError, match=r"model\.width: vgg16"):
        build_network("vgg16", classes=7, width=0.5)
