"""Half surrogates: characters that a str may hold but that no file, database or tokenizer takes."""


def replace_surrogates(text: str) -> str:
    """Text with half surrogates as question marks, one for one."""
    return text.encode("utf-8", "replace").decode("utf-8")
