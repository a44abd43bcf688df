from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.__main__ import main
from ml.data.duplicates import near_duplicate_groups
from ml.data.ferplus import load_ferplus
from ml.data.records import FaceRecord, tabulate, votes_for
from ml.data.shifted import copies_across, drop_copies_across, tainted
from ml.data.splits import (
    FIRST_MANIFEST,
    SPLITS,
    SplitManifest,
    make_split,
    parse_manifest,
    read_manifest,
)
from ml.data.votes import majority
from tests.unit.ml.conftest import generated_records
from tests.unit.ml.data_tools import annotation_files, write_files


def _photo(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7)).astype(np.uint8)
    return cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)


def _table_with_near_duplicates():
    votes = (8, *([0] * 9))
    records = []
    for number in range(60):
        photo = _photo(number)
        brighter = cv2.convertScaleAbs(photo, alpha=0.9, beta=12)
        records.append(FaceRecord(f"{number}", photo, votes))
        records.append(FaceRecord(f"{number} brighter", brighter, votes))
        records.append(FaceRecord(f"{number} mirrored", photo[:, ::-1].copy(), votes))
    return tabulate(records)


def _across_sets() -> list[FaceRecord]:
    """Pairs: a grey 48-pixel photograph, and the same larger and in colour in another set."""
    votes = (8, *([0] * 9))
    records = []
    for number in range(80):
        photo = _photo(number)
        large = cv2.resize(photo, (100, 100), interpolation=cv2.INTER_CUBIC)
        colour = cv2.applyColorMap(large, cv2.COLORMAP_BONE)
        records.append(FaceRecord(f"{number}", photo, votes, "ferplus"))
        records.append(FaceRecord(f"{number} colour", colour, votes, "rafdb"))
    return records


def test_committed_split_has_no_overlap():
    manifest = read_manifest(FIRST_MANIFEST)
    assert manifest.overlaps() == []
    sizes = [sum(side == split for side in manifest.split_of.values()) for split in SPLITS]
    assert sum(sizes) == 30_618
    assert sizes[1] == pytest.approx(0.1 * sum(sizes), rel=0.02)
    assert sizes[2] == pytest.approx(0.1 * sum(sizes), rel=0.02)


def test_an_overlap_is_seen():
    lines = ["aaaa 1 train", "bbbb 1 test", "cccc 2 validation"]
    assert parse_manifest(lines, "made").overlaps() == [1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [(["aaaa 1 train", "aaaa 2 test"], "aaaa twice"), (["aaaa 1 holdout"], "line 1")],
)
def test_a_malformed_manifest_is_refused(lines, said):
    with pytest.raises(ConfigurationError, match=said):
        parse_manifest(lines, "made")


def test_near_duplicates_stay_on_one_side_and_strangers_apart():
    table = _table_with_near_duplicates()
    groups = near_duplicate_groups(table.images)
    assert len(set(groups.tolist())) == 60
    assert (groups.reshape(60, 3) == groups.reshape(60, 3)[:, :1]).all()
    manifest = make_split(table, seed=1)
    assert manifest.overlaps() == []
    assert {len(manifest.rows(table, split)) % 3 for split in SPLITS} == {0}


def test_split_is_stratified_and_repeatable():
    table = tabulate(generated_records(40))
    first, second = make_split(table, seed=3), make_split(table, seed=3)
    assert first.to_bytes() == second.to_bytes()
    assert first.sha256 != make_split(table, seed=4).sha256


def test_manifest_survives_being_written_and_read(tmp_path):
    manifest = make_split(tabulate(generated_records(5)), seed=0)
    path = tmp_path / "split.txt.gz"
    path.write_bytes(manifest.to_bytes())
    assert read_manifest(path) == manifest
    with pytest.raises(ConfigurationError, match=r"nowhere\.gz"):
        read_manifest(tmp_path / "nowhere.gz")


def test_the_strict_split_is_the_committed_one_without_some_held_out_pictures():
    committed, strict = read_manifest(FIRST_MANIFEST), read_manifest()
    assert strict.split_of.items() <= committed.split_of.items()
    assert strict.overlaps() == []
    gone = Counter(committed.split_of[key] for key in committed.split_of.keys() - strict.split_of)
    assert gone == {"validation": 157, "test": 135}


def test_the_strict_split_has_no_photograph_on_two_sides(shared_data):
    """On the smaller part of FER+, where the committed split has some."""
    part = load_ferplus(shared_data / "ferplus-train-valid.zip", parts=("FER2013Valid",))
    table = tabulate(part)
    assert copies_across(table.images, read_manifest(FIRST_MANIFEST).sides(table))
    assert copies_across(table.images, read_manifest().sides(table)) == []


def _cut(seed: int, left: int, top: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (5, 5)).astype(np.uint8)
    scene = cv2.resize(coarse, (58, 58), interpolation=cv2.INTER_CUBIC)
    return scene[top : top + 48, left : left + 48].copy()


def test_a_photograph_cut_elsewhere_is_found_on_another_side_only():
    photos = [_cut(1, 5, 5), _cut(1, 9, 3), _cut(1, 4, 6)[:, ::-1].copy(), _cut(2, 5, 5)]
    images = np.stack(photos)
    apart = near_duplicate_groups(images[:2])
    assert apart[0] != apart[1], "whole-picture correlation should miss it"
    assert copies_across(images, np.array(["train", "test", "test", "test"])) == [(0, 1), (0, 2)]
    assert copies_across(images, np.array(["train", "train", "train", "test"])) == []
    assert copies_across(images, np.array(["train", "", "", "test"])) == []
    large = np.stack([cv2.resize(image, (96, 96)) for image in images])
    assert copies_across(large, np.array(["train", "test", "test", "test"])) == [(0, 1), (0, 2)]


def test_training_keeps_its_pictures_and_validation_gives_way_to_test():
    sides = np.array(["train", "test", "validation"])
    assert tainted([(0, 1)], sides).tolist() == [1]
    assert tainted([(1, 2)], sides).tolist() == [2]
    assert tainted([], sides).tolist() == []


def test_a_strict_manifest_leaves_the_copy_out_and_nothing_else():
    votes = (8, *([0] * 9))
    pictures = [_cut(1, 5, 5), _cut(1, 9, 3), _cut(2, 5, 5)]
    table = tabulate([FaceRecord(str(n), p, votes) for n, p in enumerate(pictures)])
    first, second, other = SplitManifest.short_keys(table)
    manifest = SplitManifest(
        {first: "train", second: "test", other: "test"}, {first: 0, second: 1, other: 2}
    )
    strict = drop_copies_across(manifest, table)
    assert strict.split_of == {first: "train", other: "test"}
    assert strict.group_of == {first: 0, other: 2}


@pytest.mark.thorough
def test_the_committed_split_is_made_again_byte_for_byte(shared_data):
    """On all of FER+, so that its near-duplicates are found anew and none lies on two sides."""
    table = tabulate(load_ferplus(shared_data / "ferplus-train-valid.zip"))
    made = make_split(table, seed=20261121)
    assert made.to_bytes() == FIRST_MANIFEST.read_bytes()

    committed = read_manifest(FIRST_MANIFEST)
    sides = np.array([committed.split_of[key[:16]] for key in table.keys])
    groups = np.array([made.group_of[key[:16]] for key in table.keys])
    repeated = np.unique(groups[np.bincount(groups)[groups] > 1])
    assert len(repeated) > 900
    for group in repeated:
        assert len(set(sides[groups == group].tolist())) == 1


def test_strata_are_class_and_source():
    records = [
        FaceRecord(str(number), _photo(number), votes_for(EXPRESSIONS[number % 7]), source)
        for number, source in enumerate(["ferplus"] * 280 + ["rafdb"] * 140)
    ]
    table = tabulate(records)
    manifest = make_split(table, seed=3)
    wanted = {"train": (32, 16), "validation": (4, 2), "test": (4, 2)}
    for split, (ferplus, rafdb) in wanted.items():
        rows = manifest.rows(table, split)
        strata = Counter(zip(rows.sources, majority(rows.votes).tolist(), strict=True))
        expected = {("ferplus", code): ferplus for code in range(7)}
        assert strata == expected | {("rafdb", code): rafdb for code in range(7)}


def test_near_duplicates_stay_together_across_sets_of_other_sizes():
    table = tabulate(_across_sets(), 48)
    manifest = make_split(table, seed=5)
    sides = [manifest.split_of[key[:16]] for key in table.keys]
    assert set(sides) == set(SPLITS)
    assert sides[0::2] == sides[1::2]


def test_an_extended_manifest_keeps_what_was_held_out():
    old = tabulate([r for r in _across_sets() if r.source == "ferplus"])
    base = make_split(old, seed=5)
    everything = tabulate(_across_sets(), 48)
    extended = make_split(everything, seed=6, base=base)
    assert base.split_of.items() <= extended.split_of.items()
    assert base.group_of.items() <= extended.group_of.items()
    sides = [extended.split_of[key[:16]] for key in everything.keys]
    assert sides[0::2] == sides[1::2]
    assert extended.overlaps() == []
    assert make_split(old, seed=7, base=base) == base


def test_a_picture_between_two_sides_is_left_out():
    photo = _photo(1)
    copies = [cv2.convertScaleAbs(photo, alpha=0.9, beta=beta) for beta in (0, 8, 16)]
    table = tabulate([FaceRecord(str(n), copy, (8, *[0] * 9)) for n, copy in enumerate(copies)])
    first, second, between = (key[:16] for key in table.keys)
    base = SplitManifest({first: "train", second: "test"}, {first: 0, second: 1})
    extended = make_split(table, seed=0, base=base)
    assert extended == base
    assert between not in extended.split_of


def test_the_command_splits_several_sets_and_says_what_it_did(
    ferplus_zip, tmp_path, monkeypatch, capsys
):
    queue = write_files(tmp_path / "queue", annotation_files())
    out = tmp_path / "combined.txt.gz"
    command = ["ml.data", "--data", str(ferplus_zip), "--set", f"annotations={queue}"]
    monkeypatch.setattr("sys.argv", [*command, "--side", "48"])
    with pytest.raises(ConfigurationError, match="--out"):
        main()
    monkeypatch.setattr("sys.argv", [*command, "--side", "48", "--out", str(out)])
    main()
    printed = capsys.readouterr().out
    assert "93 distinct pictures" in printed
    assert "  annotations: " in printed
    assert read_manifest(out).sha256 in printed
    assert len(read_manifest(out).split_of) == 93
