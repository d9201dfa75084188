"""The checksums of data sets as they are today, which records are held against."""

from __future__ import annotations

from collections.abc import Iterable

from weightbench.registry import is_file_spec
from weightbench.training.task import make_task


def data_today(tasks: Iterable[str], files: bool = False) -> dict[str, str]:
    """sha256 (hex) of each task's data, where the task is installed and its data are at hand.

    Args:
        tasks: specs.
        files: whether tasks in files count too, which runs these files.
    """
    known = {task for task in tasks if files or not is_file_spec(task)}
    made, found = [], {}
    for name in sorted(known):
        try:
            made.append(make_task(name))  # kept, so that each data set is read once
            found[name] = made[-1].data.sha256
        except Exception:
            continue  # from another installation, not at hand, or failing: nothing is known of it
    return found
