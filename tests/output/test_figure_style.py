"""The house style: sizes, ticks, and that no setting of the user's changes it."""

import matplotlib as mpl
import numpy as np
import pytest

from econml_cli.evaluation.words import worded
from econml_cli.output import figure_style


@figure_style.styled
def drawn(values):
    figure, (axis,) = figure_style.panels(1)
    axis.plot(np.arange(len(values)), values)
    figure_style.log_axis(axis, "y", (min(values), max(values)))
    figure_style.rug(axis, [0.5, 1.0], "deciles")
    axis.set_xlabel("$x_1$")
    figure_style.key(axis)
    figure.draw_without_rendering()
    return figure, axis


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((1e-7, 1.0), {"1", "0.01", "$10^{-6}$"}),
        ((0.02, 1.5), {"0.02", "0.05", "0.1", "0.2", "0.5", "1"}),
        ((0.16, 0.34), {"0.2", "0.24", "0.28", "0.32"}),
        ((900.0, 60000.0), {"1,000", "2,000", "5,000", "10,000"}),
    ],
)
def test_a_logarithmic_axis_has_ticks_that_can_be_read(values, shown):
    _, axis = drawn(values)
    low, high = axis.get_ylim()
    labels = zip(axis.get_yticks(), axis.get_yticklabels(), strict=True)
    seen = [(value, text.get_text()) for value, text in labels if low <= value <= high]
    assert shown <= {text for _, text in seen} and len(seen) <= 12
    assert all(float(text.replace(",", "")) == pytest.approx(value) for value, text in seen if "$" not in text)


@figure_style.styled
def test_ticks_at_given_values_have_no_others_between_them():
    figure, (axis,) = figure_style.panels(1)
    axis.plot([20, 50, 200], [1, 2, 3])
    figure_style.ticks(axis, (20, 50, 200))
    figure.draw_without_rendering()
    shown = [text.get_text() for which in (False, True) for text in axis.get_xticklabels(minor=which)]
    assert [text for text in shown if text] == ["20", "50", "200"]


def test_a_rug_stands_inside_the_axes_where_no_tick_is_and_settings_of_the_user_change_nothing():
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "lines.linewidth": 9, "font.family": "serif"}):
        figure, axis = drawn((1.0, 10.0))
    box, strokes = axis.get_window_extent(), axis.get_lines()[1]
    y = strokes.get_transform().transform(np.column_stack([strokes.get_xdata(), strokes.get_ydata()]))[:, 1]
    half = strokes.get_markersize() / 2 * figure.dpi / 72
    assert np.all(y - half > box.y0) and np.all(y + half < box.y1) and strokes.get_marker() == "|"
    assert axis.xaxis.label.get_size() == 8 and axis.get_lines()[0].get_linewidth() == 1.25
    assert axis.xaxis.label.get_fontname() == "DejaVu Sans"
    key = axis.get_legend().get_window_extent()
    assert key.y1 <= axis.xaxis.label.get_window_extent().y0 + 1 and key.y0 >= 0


def test_one_panel_is_a_column_several_are_a_page_and_a_single_column_stacks_them():
    widths = [figure_style.panels(n)[0].get_figwidth() * 25.4 for n in (1, 2, 3)]
    assert widths == pytest.approx([89, 183, 183])
    figure, axes = figure_style.panels(3, "single")
    figure.draw_without_rendering()
    left = {round(axis.get_position().x0, 3) for axis in axes}
    assert len(left) == 1 and figure.get_figwidth() * 25.4 == pytest.approx(89)


def test_labels_of_the_file_stand_in_place_of_names_in_a_formula():
    labels = {"wage": "hourly wage, USD", "log": "not a function", "odd name": "odd"}
    assert worded("log(wage)", labels) == "log(hourly wage, USD)" and worded("wage", labels) == "hourly wage, USD"
    assert worded("`odd name` + exper", labels) == "odd + exper" and worded("log(wage)", {}) == "log(wage)"
