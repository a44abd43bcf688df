"""One step: SAM, flip consistency, precision, averaged weights, and where weights come from."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from include.contracts.errors import ConfigurationError
from ml.models.preprocessing import IMAGENET_DEVIATION, IMAGENET_MEAN, network_input
from ml.training.augment import augment
from ml.training.examples import Examples
from ml.training.network import make_network, start_from_file
from ml.training.optimisation import at_sharpest_nearby, average_into
from ml.training.recipe import AugmentationPart, DataPart, Recipe
from ml.training.step import Objective, Step, divergence
from tests.unit.ml.conftest import generated_face

CPU = torch.device("cpu")


def _recipe(**changes) -> Recipe:
    content = {
        "name": "step",
        "seed": 5,
        "model": {"width": 0.25, "dropout": 0.0},
        "optimiser": {"learning_rate": 0.01, "weight_decay": 0.01},
        "stages": [{"input_side_px": 32, "epochs": 1, "batch": 8}],
    }
    return Recipe.model_validate(content | changes)


def _bowl() -> tuple[nn.Module, torch.Tensor]:
    network = nn.Sequential(nn.Linear(2, 1, bias=False))
    nn.init.ones_(network[0].weight)
    return network, torch.tensor([[3.0, 4.0]])


def test_sam_takes_its_gradient_rho_away_and_returns():
    network, point = _bowl()
    weight = network[0].weight
    (network(point) ** 2).sum().backward()  # 2 * 7 * (3, 4): direction (0.6, 0.8)
    with at_sharpest_nearby(network, 0.5):
        torch.testing.assert_close(weight.data, torch.tensor([[1.3, 1.4]]))
        (network(point) ** 2).sum().backward()
    torch.testing.assert_close(weight.data, torch.ones(1, 2))
    # At (1.3, 1.4) the answer is 9.5 instead of 7.
    torch.testing.assert_close(weight.grad, 2 * 9.5 * point)


def test_sam_leaves_the_norms_statistics_to_the_real_weights():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.LazyLinear(3))
    pictures = torch.rand(4, 1, 6, 6)
    network(pictures).sum().backward()
    before = network[1].running_mean.clone()
    with at_sharpest_nearby(network, 0.1):
        network(pictures + 1).sum().backward()
    assert torch.equal(network[1].running_mean, before)
    network(pictures + 1)
    assert not torch.equal(network[1].running_mean, before)


def _stepped(recipe: Recipe, *, steps: int = 1) -> tuple[dict[str, torch.Tensor], list[float]]:
    network = make_network(recipe).train()
    averaged = copy.deepcopy(network)
    faces = np.stack([generated_face(n % 7, n) for n in range(28)])
    grey = torch.from_numpy(faces).unsqueeze(1) / 255
    targets = torch.eye(7)[torch.arange(28) % 7]
    examples = Examples(faces, targets.numpy(), recipe.data.names)
    optimiser = torch.optim.SGD(network.parameters(), lr=1)
    step = Step(recipe, Objective(recipe.loss, examples, CPU), network, averaged, optimiser, CPU)
    losses = [step(grey, targets, rate=0.01, seed=9, number=n) for n in range(steps)]
    return {k: v.detach().clone() for k, v in network.state_dict().items()}, losses


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": {"learning_rate": 0.01, "weight_decay": 0.01, "sam_rho": 0.05}},
        {"loss": {"flip_consistency": 1.0}},
        {"precision": "bf16"},
        {"input": {"normalisation": "imagenet"}},
    ],
)
def test_each_option_trains_and_changes_the_step(changes):
    plain, _ = _stepped(_recipe())
    weights, losses = _stepped(_recipe(**changes), steps=12)
    assert losses[-1] < losses[0]
    once, _ = _stepped(_recipe(**changes))
    assert not torch.equal(once["classifier.1.weight"], plain["classifier.1.weight"])
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert weights["classifier.1.weight"].dtype == torch.float32


def test_bf16_is_close_to_fp32():
    (_, exact), (_, half) = _stepped(_recipe()), _stepped(_recipe(precision="bf16"))
    assert half[0] == pytest.approx(exact[0], rel=0.03)


def test_divergence_by_hand():
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    p, q = first.softmax(1), second.softmax(1)
    expected = ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    torch.testing.assert_close(divergence(first, second), expected)
    assert float(divergence(first, first)) == pytest.approx(0, abs=1e-7)


def test_flip_consistency_adds_the_divergence_of_both_answers():
    recipe = _recipe(loss={"flip_consistency": 2.0})
    network = make_network(recipe).train()
    faces = np.stack([generated_face(n % 7, n) for n in range(28)])
    grey = torch.from_numpy(faces).unsqueeze(1) / 255
    with torch.no_grad():
        both = torch.cat([grey, grey.flip(3)])
        mean, deviation = both.mean((1, 2, 3), keepdim=True), both.std((1, 2, 3), correction=0)
        logits = network(((both - mean) / deviation.view(-1, 1, 1, 1)).expand(-1, 3, -1, -1))
        targets = torch.eye(7)[torch.arange(28) % 7]
        plain, mirrored = logits.chunk(2)
        expected = (
            functional.cross_entropy(plain, targets) + functional.cross_entropy(mirrored, targets)
        ) / 2 + 2 * divergence(plain, mirrored)
    _, losses = _stepped(recipe)
    assert losses[0] == pytest.approx(float(expected), rel=1e-4)


def test_averaged_weights_follow_slowly_and_counters_at_once():
    network, averaged = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.constant_(network.weight, 3.0)
    network.num_batches_tracked += 5
    average_into(averaged, network, 10_000, 0.75)
    torch.testing.assert_close(averaged.weight.data, torch.full((2,), 1.5))
    assert int(averaged.num_batches_tracked) == 5
    average_into(averaged, network, 10_000, 0.0)
    torch.testing.assert_close(averaged.weight.data, network.weight.data)


def test_imagenet_normalisation():
    picture = torch.full((1, 40, 40), 128, dtype=torch.uint8)
    result = network_input(picture, 32, normalisation="imagenet")
    expected = [(128 / 255 - m) / d for m, d in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)]
    assert result.shape == (1, 3, 32, 32)
    assert result[0, :, 5, 5].tolist() == pytest.approx(expected, abs=1e-5)


def test_weights_of_another_head_are_taken_without_the_head(tmp_path):
    ages = make_network(_recipe(data={"task": "age"}))
    path = tmp_path / "ages.safetensors"
    save_file({k: v.contiguous() for k, v in ages.state_dict().items()}, path)
    recipe = _recipe(model={"width": 0.25, "weights": str(path)})
    started = make_network(recipe)
    fresh = make_network(_recipe())
    assert torch.equal(started.features[3].conv[0][0].weight, ages.features[3].conv[0][0].weight)
    assert torch.equal(started.classifier[1].weight, fresh.classifier[1].weight)
    # The same head is taken too.
    same = make_network(_recipe(data={"task": "age"}, model={"width": 0.25, "weights": str(path)}))
    assert torch.equal(same.classifier[1].weight, ages.classifier[1].weight)


def test_weights_that_do_not_fit_are_named(tmp_path):
    wider = make_network(_recipe(model={"width": 0.35}))
    path = tmp_path / "wider.safetensors"
    save_file({k: v.contiguous() for k, v in wider.state_dict().items()}, path)
    with pytest.raises(ConfigurationError, match=r"wider\.safetensors is of another network"):
        start_from_file(make_network(_recipe()), path)
    path.write_bytes(b"torn")
    with pytest.raises(ConfigurationError, match=r"wider\.safetensors cannot be read"):
        start_from_file(make_network(_recipe()), path)
    with pytest.raises(ConfigurationError, match=r"nowhere\.safetensors cannot be read"):
        start_from_file(make_network(_recipe()), tmp_path / "nowhere.safetensors")


NOTHING = dict.fromkeys(
    ["flip", "rotation_deg", "shift", "zoom", "gamma", "light_gradient", "erase", "low_resolution"],
    0,
)


def _changed(images: torch.Tensor, **strength) -> torch.Tensor:
    part = AugmentationPart(**(NOTHING | strength))
    return augment(images, images.shape[-1], part, torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "strength",
    [
        {"blur": 1},
        {"noise": 1},
        {"brightness": 0.2},
        {"contrast": 0.5},
        {"randaugment_magnitude": 9},
    ],
)
def test_each_change_is_repeatable_and_bounded(generated_table, strength):
    images = torch.from_numpy(generated_table.images[:12])
    plain = images.unsqueeze(1) / 255
    state = torch.get_rng_state()
    first = _changed(images, **strength)
    torch.rand(3)
    second = _changed(images, **strength)
    torch.set_rng_state(state)
    assert torch.equal(first, second)
    assert (first - plain).abs().max() > 0.05
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1


def test_brightness_and_contrast_stay_in_their_range(generated_table):
    images = torch.from_numpy(generated_table.images)
    plain = images.unsqueeze(1) / 255
    ratio = (_changed(images, brightness=0.2) / plain.clamp_min(1e-3)).flatten(1).median(1).values
    assert 0.799 < float(ratio.min()) < 0.9
    assert 1.1 < float(ratio.max()) < 1.201
    contrast = _changed(images, contrast=0.3).std((1, 2, 3)) / plain.std((1, 2, 3))
    assert 0.69 < float(contrast.min()) < 0.8
    assert 1.1 < float(contrast.max()) < 1.31


def test_randaugment_changes_each_picture_on_its_own(generated_table):
    images = torch.from_numpy(generated_table.images[:1]).expand(12, -1, -1)
    changed = _changed(images, randaugment_magnitude=12)
    assert len({picture.numpy().tobytes() for picture in changed}) > 6


def test_blur_takes_detail_away(generated_table):
    images = torch.from_numpy(generated_table.images[:12])
    detail = [
        (p[..., 1:] - p[..., :-1]).abs().mean()
        for p in (images.unsqueeze(1) / 255, _changed(images, blur=1))
    ]
    assert detail[1] < detail[0]


def test_noise_is_of_its_own_strength_in_each_picture():
    grey = torch.full((400, 48, 48), 128, dtype=torch.uint8)
    changed = _changed(grey, noise=0.5)
    deviation = changed.std((1, 2, 3))
    assert 0.4 < float((deviation < 1e-3).float().mean()) < 0.6
    assert 0.1 < float(deviation.max()) < 0.125
    torch.testing.assert_close(changed.mean(), torch.tensor(128 / 255), atol=1e-3, rtol=0)


def test_only_a_network_of_the_seven_expressions_ships():
    assert _recipe().ships
    assert not _recipe(data={"task": "age"}).ships
    assert not _recipe(data={"classes": ["happiness", "neutral"]}).ships
    assert DataPart(task="age").names[0] == "0-2"
