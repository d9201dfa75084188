"""``+posthoc``: logit adjustment after the training (Menon et al., ICLR 2021)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

import weightbench as wb

from .logit_adjust import log_prior


class PostHoc(wb.Wrapper):
    """The judged network's outputs are ``z - tau log pi``, pi the shares of the labels as given.

    Menon et al. 2021, equation 9, tau 1. The training is the inner weighter's and costs no more.
    """

    refuses: ClassVar = {
        "ft": "+posthoc corrects the outputs of the last network: write +ft+posthoc",
        "llr": "+posthoc leaves no last layer to train again: write +llr+posthoc",
        "select": "+posthoc corrects the outputs of the chosen network: write +select+posthoc",
    }

    def __init__(self, inner: wb.Weighter, tau: float = 1.0) -> None:
        super().__init__(inner)
        self.tau = tau

    def finish(self, run: wb.Run) -> nn.Module:
        """What the inner weighter leaves, adjusted."""
        counts = run.labels.bincount(minlength=run.num_classes)
        return Adjusted(self.inner.finish(run), log_prior(counts, self.tau))


class Adjusted(nn.Module):
    """A network of whose outputs ``prior``, (K,) float, is subtracted."""

    def __init__(self, model: nn.Module, prior: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("prior", prior)
        self.prior: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, K) float, from a batch of inputs."""
        outputs: Tensor = self.model(inputs)
        return outputs - self.prior


wb.register_wrapper("posthoc", PostHoc)
