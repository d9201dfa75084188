"""The published board; with the package comes what its numbers are measured by, anchors.json."""
