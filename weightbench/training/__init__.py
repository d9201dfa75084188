"""The contract of a weighter, tasks, and the training loop that implements the contract."""
