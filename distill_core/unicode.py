"""Half surrogates: characters that a str may hold but that no file, database or tokenizer takes."""

from typing import Any


def without_surrogates(value: Any) -> Any:
    """The value without half surrogates in it, in the texts of its lists and objects and their names."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [without_surrogates(one) if isinstance(one, str) else one for one in value]
    if isinstance(value, dict):
        return {without_surrogates(name): without_surrogates(one) if isinstance(one, str) else one
                for name, one in value.items()}  # fmt: skip
    return value


def replace_surrogates(text: str) -> str:
    """Text with half surrogates as question marks, one for one."""
    return text.encode("utf-8", "replace").decode("utf-8")
