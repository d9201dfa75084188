"""How far a submission was verified. Loads nothing."""

from typing import Literal, get_args

Badge = Literal["self-reported", "re-scored", "reproduced"]
BADGES: tuple[Badge, ...] = get_args(Badge)  # the weakest first
