"""The former place of corruptions, for plug-ins that import ``describe`` from here."""

from weightbench._deprecated import moved

__getattr__ = moved(__name__, "weightbench")
