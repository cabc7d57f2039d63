"""New texts from the labelled ones by small changes: the augmenter, and its rules as components."""
