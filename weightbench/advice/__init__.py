"""For data of your own: is weighting worth it, with which method, and which labels are wrong."""
