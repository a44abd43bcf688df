"""The exploratory report: its figures against known answers, its page against its promises."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from include.contracts.labels import EXPRESSIONS
from ml.data.eda.__main__ import main
from ml.data.eda.agreement import agreement, estimate
from ml.data.eda.balance import balances
from ml.data.eda.copies import find_copies
from ml.data.eda.findings import findings
from ml.data.eda.left_out import reasons
from ml.data.eda.page import render
from ml.data.eda.pictures import montage
from ml.data.eda.quality import measures
from ml.data.eda.report import measure
from ml.data.eda.samples import draw_samples
from ml.data.eda.survey import survey
from ml.data.records import VOTE_NAMES, FaceRecord, tabulate, votes_for
from ml.data.splits import SplitManifest, make_split
from tests.unit.ml.data_tools import annotation_files, fer2013_csv, rafdb_mirror, write_files

COUNTS = np.array([400, 20, 60, 800, 1000, 500, 300])


def _page(sets, side=None):
    found = survey(sets, side)
    report = measure(found, make_split(found.table, seed=0))
    return report, render(report, draw_samples(report, seed=0))


@pytest.fixture(scope="module")
def ferplus_page(ferplus_zip):
    return _page([("ferplus", ferplus_zip)])


def _balance(name):
    return next(one for one in balances(COUNTS) if one.name == name)


def test_a_weighted_sampler_draws_equally_and_repeats_the_rare():
    sampler = _balance("weighted_sampler")
    assert sampler.total == pytest.approx(COUNTS.sum() / 7)
    drawn = np.random.default_rng(0).integers(0, 1000, (200, COUNTS.sum() // 7))
    seen = np.mean([len(np.unique(epoch)) for epoch in drawn])
    assert sampler.real[4] == pytest.approx(seen, rel=0.01)
    assert sampler.real[1] == pytest.approx(20, abs=0.01)


def test_cutting_and_filling_reach_equal_classes():
    assert _balance("undersampling").total.tolist() == [20] * 7
    smote = _balance("smote")
    assert smote.total.tolist() == [1000] * 7
    assert smote.real.tolist() == COUNTS.tolist()
    assert smote.synthetic[1] == 980


def test_class_balanced_loss_lies_between_nothing_and_equal():
    loss = _balance("class_balanced_loss")
    assert loss.total.sum() == pytest.approx(COUNTS.sum())
    assert 1 < loss.imbalance < _balance("none").imbalance == 50


def test_an_absent_class_does_not_spoil_the_options():
    for one in balances(np.array([5, 0, 3, 1, 9, 2, 4])):
        assert np.isfinite(one.total).all(), one.name
        assert one.total[1] == 0, one.name


def test_kappa_is_that_of_the_textbook():
    """Fleiss' worked example as on Wikipedia: 10 subjects, 14 raters, kappa 0.210."""
    votes = np.zeros((10, len(VOTE_NAMES)), np.int64)
    votes[:, :5] = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert agreement(votes).kappa == pytest.approx(0.210, abs=0.0005)


def test_shared_votes_are_found_and_spread_by_majority():
    votes = np.array([votes_for("fear", 6), votes_for("fear", 6), votes_for("anger", 10)])
    votes[:2, EXPRESSIONS.index("surprise")] = 4
    found = agreement(votes)
    first, second, share = found.pairs[0]
    assert {EXPRESSIONS[first], EXPRESSIONS[second]} == {"fear", "surprise"}
    assert share == pytest.approx(1)
    fear = EXPRESSIONS.index("fear")
    assert found.spread[fear][EXPRESSIONS.index("surprise")] == pytest.approx(0.4)
    assert found.entropy_bits.tolist() == pytest.approx([0.971, 0.971, 0], abs=1e-3)
    assert agreement(np.array([votes_for("fear")])) is None


def test_the_interval_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(0.7, 0.2, 4000)
    found = estimate(values)
    assert found.value - found.low == pytest.approx(1.96 * 0.2 / 4000**0.5, rel=0.15)
    assert found.low < found.value < found.high
    assert estimate(np.array([])) is None


def test_every_picture_that_is_left_out_has_one_reason():
    votes = np.array(
        [
            votes_for("contempt", 9), votes_for("unknown", 9), votes_for("not_a_face", 9),
            votes_for("anger", 9), votes_for("anger", 5), (0,) * 10,
        ]
    )  # fmt: skip
    votes[4, EXPRESSIONS.index("fear")] = 5
    found = reasons(votes)
    assert [one.rows.tolist() for one in found] == [[0], [1], [2], [4], [5]]
    assert "is not scored" in found[3].consequence
    assert reasons(votes[3:4]) == []


def test_a_leak_is_counted_and_said():
    coarse = np.random.default_rng(3).integers(0, 255, (7, 7)).astype(np.uint8)
    photo = cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)
    brighter = cv2.convertScaleAbs(photo, alpha=0.9, beta=12)
    table = tabulate(
        [
            FaceRecord("a", photo, votes_for("anger", 8)),
            FaceRecord("b", brighter, votes_for("fear", 8), "rafdb"),
        ]
    )
    leaking = find_copies(table, np.array(["train", "test"]))
    assert (leaking.across_splits, leaking.across_sets, leaking.disagreeing) == (1, 1, 1)
    assert find_copies(table, np.array(["train", "train"])).across_splits == 0
    assert find_copies(table, np.array(["train", ""])).across_splits == 0


def test_quality_measures_order_pictures_as_eyes_do():
    sharp = np.zeros((48, 48), np.uint8)
    sharp[::4] = 200
    blurred = cv2.GaussianBlur(sharp, (9, 9), 4)
    brightness, contrast, sharpness = (m.values for m in measures(np.stack([sharp, blurred])))
    assert brightness[0] == pytest.approx(brightness[1], rel=0.1)
    assert contrast[0] > contrast[1]
    assert sharpness[0] > sharpness[1] + 1


def test_a_montage_keeps_the_faces_in_reading_order():
    faces = np.stack([np.full((48, 48), value, np.uint8) for value in (10, 90, 170)])
    sheet = montage(faces, columns=2, alt="three")
    assert (sheet.width_px, sheet.height_px) == (98, 98)
    assert sheet.uri.startswith("data:image/png;base64,")


def test_the_page_asks_for_nothing_and_names_every_picture(ferplus_page):
    report, page = ferplus_page
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"<(script|link)\b|url\((?!#)|@import", page)
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) > 15
    assert all(re.search(r'alt="[^"]{10,}"', image) for image in images)
    charts = re.findall(r"<svg [^>]*>", page)
    assert len(charts) == 5
    assert all(re.search(r'role="img" aria-label="[^"]{10,}"', chart) for chart in charts)
    anchors = re.findall(r'href="#([^"]*)"', page)
    assert all(f'id="{anchor}"' in page for anchor in anchors)
    for finding in findings(report):
        assert finding.headline in page
    assert "displays in the eyes of annotators" in page


def test_the_page_is_the_same_for_the_same_data(ferplus_page, ferplus_zip):
    assert _page([("ferplus", ferplus_zip)])[1] == ferplus_page[1]


def test_sets_with_one_label_a_picture_have_no_agreement(tmp_path):
    folder = write_files(tmp_path, {"fer2013.csv": fer2013_csv()})
    report, page = _page([("fer2013", folder)])
    assert report.agreement is None
    assert 'id="agreement"' not in page
    assert "one label per picture" in page


def test_several_sets_are_counted_each(ferplus_zip, tmp_path):
    sets = [
        ("ferplus", ferplus_zip),
        ("rafdb", write_files(tmp_path / "raf", rafdb_mirror())),
        ("annotations", write_files(tmp_path / "queue", annotation_files())),
    ]
    report, page = _page(sets, 48)
    assert [(one.name, one.records, one.colour) for one in report.sets] == [
        ("ferplus", 91, 0), ("rafdb", 7, 7), ("annotations", 2, 1),
    ]  # fmt: skip
    assert sum(one.distinct for one in report.sets) == len(report.table) == 100
    assert "Groups with members of several data sets" in page
    assert "48 to 64 px" in page


def test_copies_are_told_from_pictures_of_an_earlier_set(tmp_path):
    content = fer2013_csv()
    first = write_files(tmp_path / "one", {"fer2013.csv": content + content.split("\n")[1]})
    found = survey([("fer2013", first)], None).sets[0]
    assert (found.records, found.repeated, found.elsewhere, found.distinct) == (8, 1, 0, 7)


def test_pictures_the_manifest_does_not_know_are_shown_as_such(ferplus_zip):
    found = survey([("ferplus", ferplus_zip)], None)
    report = measure(found, SplitManifest({}, {}))
    assert [name for name, _ in report.by_split] == ["not listed"]


def test_the_command_writes_the_page_and_says_what_it_found(
    ferplus_zip, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "new" / "eda.html"
    queue = write_files(tmp_path / "queue", annotation_files())
    monkeypatch.setattr(
        "sys.argv",
        ["eda", "--data", str(ferplus_zip), "--set", f"annotations={queue}", "--side", "48",
         "--out", str(out)],
    )  # fmt: skip
    main()
    assert out.read_text().startswith("<!doctype html>")
    assert f"wrote {out}" in capsys.readouterr().out
