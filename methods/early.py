"""``+es``: the shorter schedule."""

from __future__ import annotations

import dataclasses

import weightbench as wb


class EarlySchedule(wb.Wrapper):
    """Three quarters of the steps, the learning rate falling at two thirds and five sixths of them.

    "Early stopping" in Ren et al. 2018, section 4.2, is this: 60,000 steps with decays at 40,000
    and 50,000, where the full schedule has 80,000 with decays at 40,000 and 60,000.
    """

    def recipe(self, recipe: wb.Recipe) -> wb.Recipe:
        """Shorten what the inner weighter leaves."""
        recipe = self.inner.recipe(recipe)
        steps = max(round(recipe.steps * 0.75), 1)
        return dataclasses.replace(recipe, steps=steps, milestones=(2 / 3, 5 / 6))


wb.register_wrapper("es", EarlySchedule)
