"""The engine's messages on the page: their rows and examples by themselves."""

import json

from distill_core.data.leakage import CONTAINS, KEEP_OPTION, REMOVED, UNLABELLED_SHARES
from distill_core.messages import message, message_data
from ui.i18n.names import split_details, translate_message
from ui.i18n.translate import use_language

ROWS = message("{n:~row|rows} {numbers}", n=2, numbers="3, 9")
INSIDE = message(CONTAINS, n=2, split="test", rows=ROWS, one=3, text="good (a): b.", other=7, there="so good (a): b.")
LEAK = message(REMOVED, what=INSIDE, n=2, leaks=KEEP_OPTION)


def test_rows_and_examples_stand_by_themselves_in_each_language() -> None:
    sentence, details = split_details(LEAK)
    assert sentence == (
        "2\u00a0training rows overlap with test rows. They were left out, so that the scores stay fair. To train on "
        "them all the same, set “Overlaps: keep”."
    )
    assert details == "rows 3, 9; row 3 “good (a): b.”, row 7 there “so good (a): b.”"
    with use_language("de"):
        sentence, details = split_details(json.loads(json.dumps(message_data(LEAK))))
    assert sentence.startswith("2\u00a0Trainingszeilen überschneiden sich mit Zeilen von test. Sie fehlen nun")
    assert details == "Zeilen 3, 9; Zeile 3 „good (a): b.“, dort Zeile 7 „so good (a): b.“"


def test_an_example_alone_and_several_pairs_of_rows_are_details_too() -> None:
    example = message(UNLABELLED_SHARES, n=1, split="test", text="so it goes", leaks=KEEP_OPTION)
    assert split_details(example)[1] == "“so it goes”"
    pairs = [message("rows {rows}", rows="1 (a) + 2 (b)"), message("rows {rows}", rows="3 (a) + 4 (b)"), "…"]
    several = message("{n:text|texts} of train with two different labels ({rows}): kept out of the labelled rows, left "
                      "to the teacher as transfer text.", n=2, rows=pairs)  # fmt: skip
    with use_language("de"):
        assert split_details(several)[1] == "Zeilen 1 (a) + 2 (b); Zeilen 3 (a) + 4 (b); …"


def test_what_has_no_details_stays_as_it_is() -> None:
    for plain in (message("Resumed."), "Stands in test (rows 3, 9)."):
        assert split_details(plain) == (translate_message(plain), "")
