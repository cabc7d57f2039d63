"""Sources of transfer texts. A component is a file with `add_texts(builder, inputs)`, which makes its texts of the
SourceInputs, offers them by `builder.add(text, source, origin)` and yields events. Where it needs
what may be missing, `check(config)` raises before a run begins. Those in `transfer_set.SOURCES` are asked, one after
another."""
