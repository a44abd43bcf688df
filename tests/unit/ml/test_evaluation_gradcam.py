from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ml.evaluation.gradcam import MIN_CELLS, explained_layer, grad_cam


class _Two(nn.Module):
    """Two channels copied from the input; logit k is the mean of channel k."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(3, 2, 1, bias=False)
        with torch.no_grad():
            self.features.weight[:] = 0
            self.features.weight[0, 0] = 1
            self.features.weight[1, 1] = 1

    def forward(self, batch):
        return self.features(batch).mean(dim=(2, 3))


def test_the_map_is_the_channel_that_the_class_reads():
    batch = torch.zeros(2, 3, 8, 8)
    batch[:, 0, 1, 2] = 5.0
    batch[:, 1, 6, 5] = 3.0
    network = _Two()
    maps = grad_cam(network, batch, torch.tensor([0, 1]), network.features).numpy()
    assert maps.shape == (2, 8, 8)
    assert np.unravel_index(maps[0].argmax(), (8, 8)) == (1, 2)
    assert np.unravel_index(maps[1].argmax(), (8, 8)) == (6, 5)
    assert maps.max() == 1
    assert maps.sum() == pytest.approx(2)


def test_what_speaks_against_a_class_is_cut_off():
    batch = torch.zeros(1, 3, 8, 8)
    batch[:, 0] = -1.0
    network = _Two()
    assert grad_cam(network, batch, torch.tensor([0]), network.features).abs().max() == 0


def test_weights_and_gradients_stay_as_they_are():
    network = _Two()
    with torch.inference_mode(False):
        grad_cam(network, torch.rand(1, 3, 8, 8), torch.tensor([0]), network.features)
    assert network.features.weight.grad is None
    assert not network.features._forward_hooks


def test_the_last_layer_wide_enough_is_explained():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.Conv2d(4, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, stride=4, padding=1),
        nn.Flatten(),
        nn.Linear(4 * 2 * 2, 7),
    )
    batch = torch.zeros(1, 3, 32, 32)
    assert explained_layer(network, batch) is network[2]


def test_a_network_without_a_wide_layer_is_refused():
    with pytest.raises(ValueError, match=str(MIN_CELLS)):
        explained_layer(nn.Flatten(), torch.zeros(1, 3, 8, 8))
