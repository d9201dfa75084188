"""Built-in weighters, one file a method, registered through the same door as anybody's."""
