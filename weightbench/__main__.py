"""``python -m weightbench``."""

from weightbench.cli import main

main(prog_name="weightbench")
