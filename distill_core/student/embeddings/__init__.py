"""Sources of starting vectors. A component is a file with `make(vocabulary, teacher, width, config, generator, say)`,
which returns a float32 table (vocabulary.size, width) whose padding row is zero."""
