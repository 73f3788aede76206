"""The picture as bytes: the same bytes for the same numbers."""

import io
import warnings

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from personalize.plots import style
from personalize.plots.style import DPI, EDGE, FONT, PAPER, styled

COMPRESSION = 4  # of 9: more takes longer and gains little


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
    FigureCanvasAgg(fig)
    fig.set_dpi(DPI)
    fig.set_facecolor(PAPER)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        words = "\n".join(_laid_out(fig))
        about = {"Description": words, "Software": None}
        saving = {"compress_level": COMPRESSION}
        fig.savefig(buffer, format="png", dpi=DPI, metadata=about, pil_kwargs=saving)
    return buffer.getvalue()


def _laid_out(fig: Figure) -> list[str]:
    """The words of a figure, each with the room it needs.

    Laid out once, as doing it again would move things by a hair.
    """
    layout = fig.get_layout_engine()
    if layout is not None:
        layout.execute(fig)
    words = [text for text in fig.findobj(Text) if text.get_visible() and text.get_text()]
    asian = [text for text in words if style.is_cjk(text.get_text())]
    for text in asian:
        text.set_fontfamily([FONT, *style.cjk_family()])
    if layout is not None:
        if asian:
            layout.execute(fig)
        _title_at_the_edge(fig)
        fig.set_layout_engine("none")
    return list(dict.fromkeys(map(Text.get_text, words)))


def _title_at_the_edge(fig: Figure) -> None:
    """Let the only title start where the figure does, over the names of the rows."""
    titled = [ax for ax in fig.axes if ax.get_title("left")]
    if len(titled) == 1:
        ax = titled[0]
        place, edge = ax.get_position(), EDGE / fig.get_figwidth()
        ax.set_title(ax.get_title("left"), loc="left", x=(edge - place.x0) / place.width)
