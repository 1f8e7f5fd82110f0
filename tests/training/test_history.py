"""The history of a training is a tuple, and shows itself in bounded space."""

import math
import pickle
import re
import xml.dom.minidom

import pytest

from siren_sr.training.history import HEIGHT, LEFT, MOST_POINTS, RIGHT, WIDTH, History
from siren_sr.training.progress import Entry


def entries(count, psnr=lambda step: 10.0 + step, stage=lambda step: 0):
    return [Entry(i, 1 / i, psnr(i), i / 10, 1e-3, stage(i)) for i in range(1, count + 1)]


def drawn(history):
    """The points of every curve in the drawing, which must be proper XML."""
    svg = xml.dom.minidom.parseString("<svg" + history._repr_html_().split("<svg", 1)[1])
    return [
        [tuple(map(float, pair.split(","))) for pair in curve.getAttribute("points").split()]
        for curve in svg.getElementsByTagName("polyline")
    ]


def test_it_is_a_tuple_in_every_way():
    rows = entries(3)
    history = History(rows)
    assert history == tuple(rows)
    assert hash(history) == hash(tuple(rows))
    assert history[1:] == tuple(rows[1:])
    assert (*history, rows[0]) == (*rows, rows[0])
    assert pickle.loads(pickle.dumps(history)) == history


@pytest.mark.parametrize(
    ("history", "text"),
    [
        (History(), "History(no steps)"),
        (History(entries(1)), "History(1 step, loss 1 to 1, PSNR 11.00 to 11.00 dB, 0.1 s)"),
        (History(entries(2, lambda step: math.nan)), "History(2 steps, loss 1 to 0.5, 0.2 s)"),
        (History([Entry(7, 0.5, math.nan, math.nan, 0.1)]), "History(1 step, loss 0.5 to 0.5)"),
    ],
)
def test_a_line_says_how_it_went(history, text):
    assert repr(history) == text
    assert text[8:-1] in history._repr_html_()


def test_the_curve_goes_from_corner_to_corner():
    (curve,) = drawn(History(entries(11)))
    assert len(curve) == 11
    assert (curve[0][0], curve[-1][0]) == (LEFT, WIDTH - RIGHT)
    slopes = {round((y - curve[0][1]) / (x - curve[0][0]), 2) for x, y in curve[1:]}
    assert len(slopes) == 1  # the PSNR rises evenly
    assert all(0 < y < HEIGHT for _, y in curve)


def test_every_stage_has_a_curve_of_its_own():
    assert [len(c) for c in drawn(History(entries(9, stage=lambda step: step // 6)))] == [5, 4]


def test_a_long_history_is_drawn_in_bounded_space():
    history = History(entries(50_000))
    assert len(history._repr_html_()) < 10_000
    (curve,) = drawn(history)
    assert len(curve) <= MOST_POINTS + 1
    assert curve[-1][0] == WIDTH - RIGHT  # the last step is never left out


def test_without_a_score_the_loss_is_drawn():
    text = History(entries(5, lambda step: math.nan))._repr_html_()
    assert "loss, logarithmic" in text
    assert re.search(r">0\.2</text>", text)  # the least loss, 1/5


@pytest.mark.parametrize("history", [History(), History(entries(1)), History([Entry(1, math.inf, math.nan, 1, 1)] * 3)])
def test_where_there_is_no_curve_there_is_a_line(history):
    assert "<svg" not in history._repr_html_()
