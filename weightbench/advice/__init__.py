"""For data of your own: is weighting worth it, which labels are wrong; the suite from Python."""
