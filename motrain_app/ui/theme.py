"""Sizes and colours of the screen, in one place."""

from collections.abc import Callable
from typing import Any

from bokeh.models import DatetimeAxis

RAIL_WIDTH = 80
INSPECTOR_WIDTH = 320
DRAWER_HEIGHT = 190
TOP_BAR_HEIGHT = 40

INK = {"light": "#333333", "dark": "#d8d8d8"}
GRID = {"light": "#e3e3e3", "dark": "#3c3c3c"}
FONT = "Roboto, Helvetica, Arial, sans-serif"
TEST_COLOUR = "#cc79a7"

TOP_BAR_COLOUR = "#1f5673"  # of both themes: what stands on it is white

THEME: dict[str, Any] = {
    "light": {"palette": {"primary": {"main": TOP_BAR_COLOUR}, "secondary": {"main": "#b5651d"}}},
    "dark": {"palette": {"primary": {"main": "#4f9cc4"}, "secondary": {"main": "#e0a15e"}}},
}
_SHARED: dict[str, Any] = {
    "typography": {"fontSize": 13},
    "components": {
        "MuiAppBar": {"styleOverrides": {"root": {"backgroundColor": f"{TOP_BAR_COLOUR} !important"}}},
        "MuiToolbar": {
            "styleOverrides": {"root": {"minHeight": f"{TOP_BAR_HEIGHT}px !important", "height": f"{TOP_BAR_HEIGHT}px"}}
        },
        # At the side, where Panel puts it, a tip lies on the next button and takes its clicks.
        "MuiTooltip": {
            "defaultProps": {"slotProps": {"popper": {"placement": "bottom"}}},
            "styleOverrides": {
                "popper": {"pointerEvents": "none !important"},
                "tooltip": {"width": "max-content", "maxWidth": 280},
            },
        },
    },
}
for _mode in THEME.values():
    _mode |= _SHARED


# A browser's page styles every legend anew, with letters too large for the drawer, but kinds of models that this names.
PLOT_THEME = {"attrs": {"Legend": {"label_text_font_size": "11px"}}}


def style_figure(figure: Any, *, dark: bool) -> None:
    """Give a Bokeh figure the colours of the page: no ground of its own, and ink that can be read on either."""
    mode = "dark" if dark else "light"
    figure.background_fill_color = figure.border_fill_color = None
    figure.outline_line_color = GRID[mode]
    for axis in figure.axis:
        axis.axis_label_text_color = axis.major_label_text_color = INK[mode]
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = INK[mode]
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "11px"
        axis.axis_label_text_font_style = "normal"
        if isinstance(axis, DatetimeAxis):
            axis.ticker.desired_num_ticks = 4  # more would touch in the narrow plots of the drawer
    for grid in figure.grid:
        grid.grid_line_color = GRID[mode]
    for legend in figure.legend:
        legend.label_text_color = INK[mode]
        legend.label_text_font, legend.label_text_font_size = FONT, "11px"
        legend.glyph_width = legend.glyph_height = 12
        legend.label_standoff, legend.margin = 2, 0
        legend.title = None
        legend.spacing = legend.padding = 0
        legend.background_fill_color = legend.border_line_color = None


def plot_style(*, dark: bool) -> Callable[[Any, Any], None]:
    """Return a HoloViews hook that styles a plot as `style_figure` does."""
    return lambda plot, element: style_figure(plot.state, dark=dark)
