"""What a piece of code or a value comes to: a checksum that only what runs can move.

Comments, docstrings, annotations, layout, the names of locals and the place of a module leave it as
it is. Nothing is run that is not loaded already, and the engine's own code takes no part: the
integer ``ENGINE`` stands for that.
"""

from weightbench.identity.values import checksum, checksum_of_text

__all__ = ["checksum", "checksum_of_text"]
