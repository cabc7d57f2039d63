"""Sources of transfer texts. A component is a file with `add_texts(builder, data, config, pieces, stop, teacher)`,
which offers its texts to the builder by `builder.add(text, source, origin)` and yields events; `teacher` is None where
a transfer set is built without one. Those in `transfer_set.SOURCES` are asked, one after another."""
