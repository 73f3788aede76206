"""The picture as bytes: words laid out once, drawn once, the same bytes for the same numbers."""

import io
import warnings

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from personalize.plots import style
from personalize.plots.style import DPI, EDGE, FONT, PAPER, styled

COMPRESSION = 4  # of 9: more takes longer and gains little
USUAL = (0.12, 0.12, 0.84, 0.76)  # left, bottom, width, height of most axes, as parts of the figure
FAR = 0.06  # of the width: axes that end up that much narrower or wider are looked at once more
LEAST = 0.1  # of either side that the axes keep, however long the names


@styled
def png(ax: Axes | Figure) -> bytes:
    """The picture as PNG bytes, the same for the same numbers: no clock and no name of a program.

    Chinese, Japanese and Korean text is set in the first such font of the machine, where there is
    one. The names and labels in the picture are kept in the file as text, too ("Description"),
    where they can be searched.

    Parameters
    ----------
    ax : axes, whose whole figure is drawn, or the figure

    Returns
    -------
    bytes : a PNG file of 150 dots an inch

    Examples
    --------
    >>> png(style.figure()[1])[1:4]
    b'PNG'
    """
    fig = ax if isinstance(ax, Figure) else ax.figure
    fig.set_dpi(DPI)
    fig.set_facecolor(PAPER)
    canvas, about, buffer = FigureCanvasAgg(fig), PngInfo(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        words = _laid_out(fig)
        canvas.draw()
    texts = dict.fromkeys(map(Text.get_text, words))
    about.add_itxt("Description", "\n".join(texts))
    colors = np.asarray(canvas.buffer_rgba())[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(colors))
    picture.save(buffer, "png", dpi=(DPI, DPI), compress_level=COMPRESSION, pnginfo=about)
    return buffer.getvalue()


def _laid_out(fig: Figure) -> list[Text]:
    """The words of a figure, each with the room it needs.

    Laid out once, as doing it again would move things by a hair.
    """
    layout = fig.get_layout_engine()
    _make_room(fig)
    words = [text for text in fig.findobj(Text) if text.get_visible() and text.get_text()]
    asian = [text for text in words if style.is_cjk(text.get_text())]
    for text in asian:
        text.set_fontfamily([FONT, *style.cjk_family()])
    if asian:
        _make_room(fig)
    if layout is not None:
        _title_at_the_edge(fig)
    fig.set_layout_engine("none")
    return words


def _make_room(fig: Figure) -> None:
    layout = fig.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine) and len(fig.axes) == 1:
        _fit(fig.axes[0])
    elif layout is not None:
        layout.execute(fig)


def _fit(ax: Axes) -> None:
    """Give the axes the room that their words leave, three times as fast as matplotlib does."""
    size = ax.figure.bbox.size
    outside = list(filter(Text.get_in_layout, ax.texts))
    if ax.get_legend():
        outside.append(ax.get_legend())
    ax.set_position(USUAL)
    for _ in range(2):
        inner = ax.get_window_extent()
        outer = ax.get_tightbbox(for_layout_only=True, bbox_extra_artists=outside)
        low = (inner.min - outer.min + EDGE * DPI) / size
        room = np.maximum(1 - (outer.max - inner.max + EDGE * DPI) / size - low, LEAST)
        ax.set_position((*low, *room))
        if abs(room[0] - inner.width / size[0]) < FAR:
            return


def _title_at_the_edge(fig: Figure) -> None:
    """Let the only title start where the figure does, over the names of the rows."""
    titled = [ax for ax in fig.axes if ax.get_title("left")]
    if len(titled) == 1:
        ax = titled[0]
        place, edge = ax.get_position(), EDGE / fig.get_figwidth()
        ax.set_title(ax.get_title("left"), loc="left", x=(edge - place.x0) / place.width)
