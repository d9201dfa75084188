"""Wrong edits of the engine, one at a time, each held against the tests nearest to it."""
