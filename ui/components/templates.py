"""Templates of the page's HTML, by Jinja2: every value that is not HTML already is escaped where it is placed. A
template lies beside the Python file that fills it and goes by its path below ui/.

In a template `t` gives the page's words by their key, `count`, `percent`, `size` and the others of `formatting` give
numbers, all in the language that is spoken while it is filled. Python chooses what is shown, the template how.
"""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..i18n.translate import format_number, translate
from . import formatting


def text(key: str, **values: Any) -> Markup:
    """The words under `key` as HTML. A value that is HTML stays HTML, all else is escaped."""
    places = {name: f"\0{name}\0" for name, value in values.items() if isinstance(value, Markup)}
    words = escape(translate(key, **values | places))
    for name, place in places.items():
        words = words.replace(place, values[name])
    return words


def fixed(number: float, digits: int) -> str:
    """A number for the browser, with a point in every language: 0.5 -> "0.5000"."""
    return f"{number:.{digits}f}"


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1]),
    autoescape=True,
    undefined=StrictUndefined,  # a value that nobody gave is a mistake, not an empty place
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,  # they change with the code alone: each is compiled once, and its file not looked at again
)
environment.globals |= {"t": text, "fixed": fixed, "number": format_number} | {
    form.__name__: form
    for form in (
        formatting.percent,
        formatting.gap_share,
        formatting.teacher_share,
        formatting.points,
        formatting.count,
        formatting.size,
        formatting.millions,
        formatting.latency,
        formatting.duration,
        formatting.times,
    )
}


def render(template: str, /, **values: Any) -> Markup:
    """The template at that path below ui/, filled."""
    return Markup(environment.get_template(template).render(values))
