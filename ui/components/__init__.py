"""Components that several pages use: the form, HTML pieces, the header."""
