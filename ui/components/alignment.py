"""The alignment of a student that reads two sentences together: how much the words of each look at the other's."""

from markupsafe import Markup

from distill_core import Alignment

from .templates import render

SHOWN = 60  # pieces of a sentence


def alignment(read: Alignment | None) -> Markup:
    """The alignment drawn, both ways; nothing for a student that reads its sentences one by one."""
    if read is None:
        return Markup()
    first, second = (pieces[:SHOWN] for pieces in read["pieces"])
    there, back = ([shares[:SHOWN] for shares in weights[:SHOWN]] for weights in read["weights"])
    ways = [
        {"name": "there", "rows": first, "columns": second, "shares": there},
        {"name": "back", "rows": second, "columns": first, "shares": back},
    ]
    return render("components/alignment.html", ways=ways)
