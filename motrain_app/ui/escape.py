"""Text from files, made fit for the screen.

Names and attributes of variables, file names, labels of regions: whoever made the file chose them, and most components
show text as HTML, as Markdown or as a template. Some do so where nobody would think of it: titles of cards, choices of
a list, the heads of a table, notices.
"""

import re

from motrain_app.data.problems import shorten

LONGEST_TEXT = 200

# Look-alikes rather than entities: what shows HTML and what shows plain text then show the same, and text that is made
# safe twice stays as it is.
_LOOK_ALIKES = str.maketrans({"<": "‹", ">": "›", '"': "”", "'": "’", "`": "‘", "*": "∗"})
_ENTITY = re.compile(r"&(?=[#A-Za-z])")
_APART = re.compile(
    r"""
    (?<=\])(?=[(\[:])       # a link or a picture in Markdown: [text](address), [text][name], [name]: address
    | (?<=[{$@])(?=\{)      # {{…}}, ${…}, @{…}: templates, and the tooltips of Bokeh
    | (?<=\{)(?=[%#])       # {% … %}
    | (?<=\$)(?=\$)         # $$…$$ and \(…\), \[…\]: mathematics, which can hold links
    | (?<=\\)(?=[(\[])
    """,
    re.VERBOSE,
)


def safe_text(text: object, *, limit: int = LONGEST_TEXT) -> str:
    r"""Return text from a file so that every component shows it as text, and none finds anything in it to run.

    It is for reading only: keep the name itself as the value of a choice or the key of a column, and show this. It does
    not make an address (href, src) safe; addresses from files are shown, never linked.

    Parameters
    ----------
    text
        Anything; the middle of long text is cut.
    limit
        Characters at most, before some of them are set apart.

    Examples
    --------
    >>> safe_text("soil_moisture (m3 m-3)")
    'soil_moisture (m3 m-3)'
    >>> safe_text("<img src=x onerror=alert(1)>")
    '‹img src=x onerror=alert(1)›'
    >>> safe_text("[click](javascript:alert(1)) {{ 7 * 7 }}")
    '[click] (javascript:alert(1)) { { 7 ∗ 7 }}'
    >>> safe_text("R & D &lt;b&gt;")
    'R & D ＆lt;b＆gt;'
    """
    plain = shorten(text, limit=limit).translate(_LOOK_ALIKES)
    return _APART.sub(" ", _ENTITY.sub("＆", plain))
