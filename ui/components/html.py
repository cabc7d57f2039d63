"""Numbers as people read them and small pieces of HTML. Every text that comes from data passes `esc` first."""

import difflib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ui.components.formatting import count, percent
from ui.i18n.names import split_details
from ui.i18n.translate import translate


def esc(text: Any) -> str:
    """`text` so that HTML shows it as it stands."""
    return html.escape(str(text), quote=True)


def bars(probabilities: Mapping[str, float], who: str) -> str:
    """One bar a label, the likeliest first in bold. `who` is "teacher" or "student" and gives the colour."""
    best = max(probabilities, key=lambda label: probabilities[label], default=None)
    rows = "".join(
        f'<div class="bar{" best" if label == best else ""}"><span class="name">{esc(label)}</span>'
        f'<span class="track"><i style="--share:{max(0.0, min(1.0, share)):.4f}"></i></span>'
        f'<span class="value">{percent(share)}</span></div>'
        for label, share in probabilities.items()
    )
    return f'<div class="bars {who}">{rows}</div>'


def balance(counts: Mapping[str, int]) -> str:
    """One stacked bar with its legend: how many rows each label has."""
    total = sum(counts.values()) or 1
    parts = "".join(f'<i style="--share:{n / total:.4f}"></i>' for n in counts.values())
    names = "".join(
        f"<li><i></i>{esc(label)} <b>{count(n)}</b> ({percent(n / total, 0)})</li>" for label, n in counts.items()
    )
    return f'<div class="balance"><div class="stack" aria-hidden="true">{parts}</div><ul>{names}</ul></div>'


def split(counts: Mapping[str, int], names: Mapping[str, str]) -> str:
    """One stacked bar with its legend; the keys of `counts` are classes and give the colours, `names` their words."""
    total = sum(counts.values()) or 1
    parts = "".join(f'<i class="{esc(key)}" style="--share:{n / total:.4f}"></i>' for key, n in counts.items() if n)
    told = "".join(
        f'<li><i class="{esc(key)}"></i>{esc(names[key])} <b>{count(n)}</b> ({percent(n / total)})</li>'
        for key, n in counts.items()
    )
    return f'<div class="balance split"><div class="stack" aria-hidden="true">{parts}</div><ul>{told}</ul></div>'


def confusion(counts: Sequence[Sequence[int]], labels: Sequence[str], who: str, name: str) -> str:
    """True labels down, answers across: how many rows, and shaded by their share of the label's rows. `who` gives the
    colour."""
    rows = []
    for index, (label, row) in enumerate(zip(labels, counts, strict=True)):
        total = sum(row) or 1
        cells = [
            f'<span class="cell-share{" hit" if index == at else ""}" style="--share:{n / total:.3f}">'
            f"<b>{count(n)}</b> <small>{percent(n / total, 0)}</small></span>"
            for at, n in enumerate(row)
        ]
        rows.append([esc(label), *cells])
    return table([translate("compare.confusion.corner"), *labels], rows, name, kind=f"confusion {who}")


def note(text: str, level: str = "info") -> str:
    """A sentence set off from the text; `level` is info, warning or error."""
    role = ' role="alert"' if level == "error" else ""
    return f'<p class="note {esc(level)}"{role}>{esc(text)}</p>'


def notes(items: Iterable[tuple[str, str]]) -> str:
    """Several (level, sentence) notes."""
    return "".join(note(text, level) for level, text in items)


def findings(items: Iterable[tuple[str, str]], head: str) -> str:
    """What was found in rows, (level, message) each, the warnings first: a mark and a sentence, row numbers and
    examples folded away. `head` stands above them."""
    told = sorted(items, key=lambda item: item[0] != "warning")
    if not told:
        return ""
    lines = []
    for level, said in told:
        mark, name = ("⚠", translate("finding.warning")) if level == "warning" else ("✓", translate("finding.info"))
        sentence, rows = split_rows(said)
        line = (
            f'<span class="mark" aria-hidden="true">{mark}</span><span class="sr">{esc(name)}: </span>{esc(sentence)}'
        )
        body = f"<details><summary>{line}</summary><p>{esc(rows)}</p></details>" if rows else f"<p>{line}</p>"
        lines.append(f'<li class="{esc(level)}">{body}</li>')
    return f'<h2>{esc(head)}</h2><ul class="findings">{"".join(lines)}</ul>'


def split_rows(said: Any) -> tuple[str, str]:
    """A finding in words, and its rows and examples as a sentence of their own."""
    sentence, rows = split_details(said)
    return sentence, rows[0].upper() + rows[1:] + "." if rows else ""


def why(text: str, step: str = "") -> str:
    """The one sentence with which a step begins; a `step` has a lesson about it, which opens in a tab of its own, so
    that nothing typed is lost."""
    more = head = ""
    if step:
        # for those who listen, and where the focus goes when the step opens: the tab above says it to the eye
        head = f'<h2 class="sr" tabindex="-1">{esc(translate(f"step.{step}"))}</h2>'
        name = esc(translate("learn.open", step=translate(f"step.{step}")))
        link = f'class="lesson-link" href="./learn#{step}" target="_blank"'
        more = f'<a {link} aria-label="{name}" title="{name}">?</a>'
    return f'{head}<p class="why">{esc(text)}{more}</p>'


def diff(before: str, after: str) -> str:
    """`after` with what changed against `before` marked word by word, as <del> and <ins>."""
    old, new = re.findall(r"\s+|\w+|[^\w\s]", before), re.findall(r"\s+|\w+|[^\w\s]", after)
    found = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = "".join(old[a:b]), "".join(new[c:d])
        if kind == "equal":
            found.append(esc(come))
            continue
        if gone.strip():
            found.append(f"<del>{esc(gone)}</del>")
            if come and gone[-1:].strip() and come[:1].strip():
                found.append(" ")
        if come:
            found.append(f"<ins>{esc(come)}</ins>" if come.strip() else esc(come))
    return "".join(found)


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], name: str, classes: Sequence[str] = (), kind: str = ""
) -> str:
    """A table of cells that are HTML already. The first cell of a row is its header; `kind` is a class of the table."""
    top = "".join(f'<th scope="col">{esc(cell)}</th>' for cell in head)
    body = ""
    for index, row in enumerate(rows):
        first, *rest = row
        mark = f' class="{esc(classes[index])}"' if index < len(classes) else ""
        cells = "".join(
            f'<td data-name="{esc(label)}">{cell}</td>' for label, cell in zip(head[1:], rest, strict=False)
        )
        body += f'<tr{mark}><th scope="row">{first}</th>{cells}</tr>'
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{esc(name)}">'
        f'<table class="plain {kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def status(name: str) -> str:
    """A run's state as a chip."""
    return f'<span class="chip {esc(name)}">{esc(translate(f"status.{name}"))}</span>'
