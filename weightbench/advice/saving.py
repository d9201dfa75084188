"""The folder of an advice: page, suspects, facts, and the network with what using it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from weightbench.advice.answer import Advice
from weightbench.advice.encoding import Encoding
from weightbench.advice.networks import default_network
from weightbench.advice.pictures import pictures
from weightbench.advice.report import page
from weightbench.advice.trainings import Network
from weightbench.data.dataset import DataSet
from weightbench.errors import BadData
from weightbench.files import write_bytes, write_text
from weightbench.texts import csv_cell

_README = """\
A network trained with {method}.

model.pt       its parameters (torch, loaded without running anything)
encoding.json  how columns become numbers, and what the classes are called

From Python, where weightbench is installed:

    import pandas as pd
    from weightbench.advice.saving import load_model

    model = load_model({folder!r})
    table = pd.read_csv("new.csv")
    print(model.predict(table))              # a label for each row
    print(model.probabilities(table)[:3])    # (rows, classes)
"""


class Model:
    """A trained network that takes tables or images as they are.

    Attributes:
        classes: what each output is called.
    """

    def __init__(self, network: nn.Module, encoding: Encoding, classes: list[Any]) -> None:
        self._network, self._encoding, self.classes = network.eval(), encoding, classes

    @torch.no_grad()
    def probabilities(self, features: Any) -> Tensor:
        """(n, K) float32 of n rows: a DataFrame, (n, d) numbers or (n, H, W, C) images.

        Raises:
            BadData: they are not like those the network was trained on.
        """
        encoded = torch.from_numpy(self._encoding.encode(features))
        if encoded.dtype == torch.uint8:
            encoded = encoded.permute(0, 3, 1, 2).float() / 255
        parts = [self._network(part).softmax(1) for part in torch.split(encoded, 2000)]
        return torch.cat(parts)

    def predict(self, features: Any) -> list[Any]:
        """The likeliest class of each row."""
        return [self.classes[i] for i in self.probabilities(features).argmax(1).tolist()]


def load_model(folder: str | Path, network: Network = default_network) -> Model:
    """The network that an advice left in its folder, or in ``model`` of it.

    Args:
        folder: where it is.
        network: what builds it, if it was one of your own.

    Raises:
        BadData: it is not there, or damaged.
    """
    place = Path(folder)
    place = place if (place / "model.pt").exists() else place / "model"
    try:
        kept = json.loads((place / "encoding.json").read_text("utf-8"))
        encoding = Encoding.from_json(kept["encoding"])
        classes: list[Any] = kept["classes"]
        state = torch.load(place / "model.pt", weights_only=True)
        model = network(_like(encoding, len(classes)))
        model.load_state_dict(state)
    except Exception as error:  # a file that is missing, damaged or of another network
        raise BadData(f"{place} holds no network of an advice: {error}") from error
    return Model(model, encoding, classes)


def _like(encoding: Encoding, classes: int) -> DataSet:
    """A data set of one row, for whoever builds a network by the shape of its inputs."""
    import numpy as np

    inputs: Any = (
        np.zeros((1, encoding.width), np.float32)
        if encoding.image is None
        else np.zeros((1, *encoding.image), np.uint8)
    )
    return DataSet("advise", inputs, np.zeros(1, np.int64), classes)


def save(advice: Advice, out: Path) -> None:
    """Write everything to ``out``; each file is there whole or not at all.

    Raises:
        StoreError: the disk refuses.
    """
    write_text(out / "suspects.csv", suspects_csv(advice.suspects))
    write_text(out / "advice.json", json.dumps(facts(advice), indent=2, ensure_ascii=False) + "\n")
    write_text(out / "report.html", page(advice, pictures(advice)))
    if advice.model is not None:
        place = out / "model"
        kept = {
            "encoding": advice.data.encoding.to_json(),
            "classes": list(advice.data.labels.classes),
        }
        write_bytes(place / "model.pt", advice.model.read_bytes())
        write_text(place / "encoding.json", json.dumps(kept, ensure_ascii=False) + "\n")
        text = _README.format(method=advice.verdict.method, folder=str(place))
        write_text(place / "README.txt", text)


def suspects_csv(found: pd.DataFrame) -> str:
    """The rows in question as CSV; no spreadsheet takes a cell for a formula."""
    table = found.copy()
    for column in ("id", "given", "likelier"):
        table[column] = [csv_cell(value) for value in table[column]]
    table["score"] = table["score"].round(4)
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text


def facts(advice: Advice) -> dict[str, Any]:
    """What was found, as plain values."""
    found = advice.verdict
    return {
        "version": 1,
        "data": advice.data.name,
        "rows": len(advice.data.rows),
        "classes": [str(c) for c in advice.data.labels.classes],
        "trusted": int(advice.data.rows.trusted.sum()),
        "judged": len(advice.fitted.judged),
        "verdict": {
            "answer": found.answer, "method": found.method, "text": found.text,
            "rows needed": found.needed,
        },
        "methods": json.loads(advice.table.reset_index().to_json(orient="records")),
        "suspects": {
            "expected wrong": {str(n): round(share, 4) for n, share in expected(advice)},
            "calibrated on trusted rows": advice.found.calibrated,
        },
        "notes": list(advice.notes),
        "seed": advice.plan.seed,
    }  # fmt: skip


def expected(advice: Advice) -> list[tuple[int, float]]:
    """The share of the first n suspects that is expected to be wrong, for some n."""
    rows = len(advice.suspects)
    counts = [n for n in (20, 100, 500, 2000, 10_000) if n < rows] + [rows]
    return [(n, float(advice.suspects["score"].head(n).mean())) for n in counts if n]
