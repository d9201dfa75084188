"""``+select``: the network of the step that did best on the select split."""

from __future__ import annotations

from torch import nn

import weightbench as wb


class Selected(wb.Wrapper):
    """Hands in the network that had the best accuracy on the select split, not the last one.

    Ren et al. 2018 tune their baselines on such a split. The engine looks at it
    ``recipe.evaluations`` times and keeps the best network; this wrapper sees neither data nor
    accuracies. A first phase is not selected, and what comes after (``+ft``) starts from the
    selected network.
    """

    def finish(self, run: wb.Run) -> nn.Module:
        """The engine's choice among the networks of this training."""
        return run.selected_model()


wb.register_wrapper("select", Selected)
