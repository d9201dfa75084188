"""From what is asked for to records: trials, what a step costs, where a number was made."""
