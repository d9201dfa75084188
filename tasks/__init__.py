"""Built-in tasks, one file a data-set family, registered through the same door as anybody's."""
