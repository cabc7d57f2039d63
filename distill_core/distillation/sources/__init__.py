"""Sources of transfer texts. A component is a file with `add_texts(builder, inputs)`, which makes its texts of the
SourceInputs, offers them by `builder.add(text, source, origin)` and yields events. Those in `transfer_set.SOURCES` are
asked, one after another."""
