"""A board for people: in the terminal, as files, as a page, as figures."""
