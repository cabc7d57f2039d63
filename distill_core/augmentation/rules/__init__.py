"""Rules that make new texts of the labelled ones. A part is a file with RATE, LEVEL and

`prepare(corpus, language) -> (rule, "")`, or (None, why it is off); `corpus` holds the training sentences as words.

The level says what `rule` takes and gives. Words are tuples, `rng` is all that it may draw from.
"word"     rule(words, index, rng) -> the word that stands in place of words[index]
"span"  rule(words, rng) -> a Loan of another training text, or None
"text"     rule(words, rng) -> the positions that stay, at least one
"""
