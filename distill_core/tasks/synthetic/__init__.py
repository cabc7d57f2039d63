"""The grammar that writes the built-in reviews."""
