"""Templates of the page's HTML, by Jinja2: every value that is not HTML already is escaped where it is placed. A
template lies beside the Python file that fills it and goes by its path below ui/.
"""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ui.components import formatting
from ui.i18n.names import translate_message
from ui.i18n.translate import translate

environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1]),
    autoescape=True,
    undefined=StrictUndefined,  # a value that nobody gave is a mistake, not an empty place
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.globals |= {"t": translate, "t_message": translate_message} | {
    form.__name__: form
    for form in (
        formatting.percent,
        formatting.points,
        formatting.count,
        formatting.size,
        formatting.millions,
        formatting.latency,
        formatting.duration,
        formatting.rounded,
        formatting.times,
    )
}


def render(name: str, /, **values: Any) -> Markup:
    """The template of that name, filled."""
    return Markup(environment.get_template(name).render(values))
