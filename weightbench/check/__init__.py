"""Conformance of weighters and tasks: rules with stable names, each with what mends it."""

from weightbench.check.rules import RULES, Finding
from weightbench.check.task import check_task
from weightbench.check.weighter import check_weighter

__all__ = ["RULES", "Finding", "check_task", "check_weighter"]
