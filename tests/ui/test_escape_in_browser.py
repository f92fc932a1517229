"""Names that hold scripts, in every component of Panel that shows text, in a real browser, with and without the guard.

The guard's policy would stop most of them even where somebody forgot to make a name safe; so these pages are served
without it first.
"""

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.plotting import figure

from motrain_app.ui.escape import safe_text
from tests.ui.serving import running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]

HIT = "hit()"
PAYLOADS = [
    f"<script>{HIT}</script>",
    f"<img src=x onerror={HIT}>",
    f'"><img src=x onerror="{HIT}">',
    f"'><svg onload='{HIT}'>",
    f"<svg><animate onbegin={HIT} attributeName=x></svg>",
    f"<iframe srcdoc='<script>parent.{HIT}</script>'></iframe>",
    f"<details open ontoggle={HIT}>x</details>",
    f"<input autofocus onfocus={HIT}>",
    f"&lt;img src=x onerror={HIT}&gt;",
    f"&#60;img src=x onerror={HIT}&#62;",
    f"[click](javascript:{HIT})",
    f"<a href='javascript:{HIT}'>click</a>",
    f"![x](x' onerror='{HIT})",
    f"<javascript:{HIT}>",
    "{{ [].constructor.constructor('" + HIT + "')() }}",
    "${" + HIT + "}",
    "@{x}{safe}",
    f"$$\\href{{javascript:{HIT}}}{{click}}$$",
    f"</script><script>{HIT}</script>",
    f"`<img src=x onerror={HIT}>`",
    f"x\n\n<script>{HIT}</script>\n\n[click]: javascript:{HIT}",
]


def plot_of(text):
    """Return a plot with a text wherever a plot has one."""
    plot = figure(title=text, x_axis_label=text, width=200, height=150, tooltips=[(text, "@x")])
    plot.scatter([1], [1], legend_label=text)
    return plot


def showing(texts):
    """Return every component that we know to show text as something else, with each of these texts."""
    table = pd.DataFrame({text: [text] for text in texts})
    options = {text: number for number, text in enumerate(texts)}
    each = [
        part
        for text in texts
        for part in (
            pn.pane.Markdown(text),
            pn.pane.HTML(text),
            pn.pane.Str(text),
            pn.pane.Alert(text),
            pn.widgets.StaticText(label=text, value=text),
            pn.widgets.TextInput(label=text, placeholder=text, description=text, value=text),
            pn.widgets.Button(label=text, description=text),
            pn.widgets.Checkbox(label=text),
            pn.indicators.Number(label=text, value=1),
            pn.Card("x", title=text),
            pn.Tabs((text, "x")),
            pmui.Typography(text),
            pmui.Button(label=text, description=text),
            pmui.Alert(text, title=text),
            pmui.Chip(label=text),
            pmui.TextInput(label=text, description=text, value=text),
            pmui.Paper(pmui.Typography(text)),
            pmui.Card("x", title=text),
        )
    ]
    return [
        pn.Accordion(*((text, "x") for text in texts), active=[0]),
        pn.widgets.MultiChoice(label=texts[0], options=options, value=list(options.values())),
        pn.widgets.Select(options=options),
        pn.widgets.RadioButtonGroup(options=options),
        pn.widgets.Tabulator(table, show_index=False, titles={text: text for text in texts}),
        pmui.Select(label=texts[0], options=options),
        pmui.MultiChoice(label=texts[0], options=options, value=list(options.values())),
        pmui.Breadcrumbs(items=list(texts)),
        *(plot_of(text) for text in texts[1::4]),  # each is dear; the one with mathematics is among them
        *each,
    ]


def hits(page, url):
    """Open a page and click every link; return how often a script ran, what was asked of others, and what is shown."""
    ran, asked = [], []
    page.expose_function("hit", lambda: ran.append(1))
    page.on("dialog", lambda dialog: (ran.append(1), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.locator(".the-end").wait_for()
    page.wait_for_timeout(1500)
    shown = page.get_by_text("‹script›").count()
    page.evaluate(CLICK_ALL)
    page.wait_for_timeout(500)
    return len(ran), [one for one in asked if not one.startswith((url, "data:", "blob:"))], shown


# In shadow roots too; a link that leads away is tried and stopped.
CLICK_ALL = """() => {
    const click = (root) => {
        for (const element of root.querySelectorAll("*")) {
            if (element.shadowRoot) click(element.shadowRoot)
            if (element.tagName == "A" && !element.href.startsWith("http")) element.click()
        }
    }
    click(document)
}"""


def page_of(texts):
    """Return a maker of a page that shows these texts."""

    def page():
        pn.state.onload(lambda: [pn.state.notifications.warning(text, duration=0) for text in texts])
        return pn.Column(*showing(texts), pn.pane.Str("the end", css_classes=["the-end"]))

    return page


@pytest.fixture(scope="module")
def extension():
    """Load what a page of the app loads."""
    pn.extension("tabulator", notifications=True)


@pytest.fixture
def without_policy(monkeypatch):
    """Switch the guard's policy off, so that only `safe_text` stands between a name and the page."""
    monkeypatch.setattr(
        "motrain_app.ui.guard.content_policy",
        lambda host, nonce="": "default-src * 'unsafe-inline' data: blob: 'unsafe-eval'",
    )


def test_the_names_do_run_where_nothing_protects(page, extension, without_policy):
    """Otherwise the tests below would show nothing."""
    with running(page_of(PAYLOADS)) as server:
        ran, _, _ = hits(page, server.url)
    assert ran > 50


def test_safe_names_run_nowhere_even_without_a_policy(page, extension, without_policy):
    with running(page_of([safe_text(text) for text in PAYLOADS])) as server:
        ran, outside, shown = hits(page, server.url)
    assert (ran, outside) == (0, [])
    assert shown > 20, "they are there to be read"


def test_the_policy_alone_stops_what_somebody_forgot_to_make_safe(page, extension):
    with running(page_of(PAYLOADS)) as server:
        ran, outside, _ = hits(page, server.url)
    assert ran == 0
    assert outside == []
