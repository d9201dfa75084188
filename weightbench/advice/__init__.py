"""For people with data of their own: the suite from Python, no shell needed."""
