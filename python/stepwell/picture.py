"""Pictures as notebooks show them."""

import html
import pathlib
import threading

from . import server

FORMATS = {".svg": "svg", ".mmd": "mermaid", ".json": "json"}

LEGEND = (
    ("Success", "#1a7f0c"),
    ("Failed", "#c9290e"),
    ("Cancelled", "#5c6673"),
    ("In Progress", "#0969c8"),
    ("Caught Error", "#b35900"),
)

#: Seconds between two looks at an execution that runs.
LOOK = 1.0


class Picture:
    """A state machine's picture, drawn by the server when it is shown."""

    def __init__(self, client, asked, link=None):
        self._client, self._asked, self._link = client, asked, link

    @property
    def data(self):
        """The HTML, by the name that IPython's own `HTML` has for it."""
        return self._repr_html_()

    def svg(self):
        """An image that needs nothing beside it."""
        return server.draw(self._client, format="svg", **self._asked)

    def text(self):
        """A drawing in characters."""
        return server.draw(self._client, format="text", **self._asked)

    def mermaid(self):
        """In Mermaid's notation."""
        return server.draw(self._client, format="mermaid", **self._asked)

    def save(self, path):
        """Writes it to a file, in the form that the name's ending says: .svg, .mmd, .json, else text."""
        path = pathlib.Path(path)
        drawn = server.draw(self._client, format=FORMATS.get(path.suffix, "text"), **self._asked)
        path.write_text(drawn, encoding="utf-8")

    def _repr_html_(self):
        return _html(self.svg(), legend=False, link=self._link)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self._repr_html_(), "text/plain": self.text()}

    def __repr__(self):
        return self.text()


class ExecutionPicture(Picture):
    """An execution's picture. Shown in a notebook, it changes as long as the execution runs."""

    def __init__(self, client, execution_arn, link=None):
        super().__init__(client, {"executionArn": execution_arn}, link)
        self._arn = execution_arn

    def _repr_html_(self):
        return _html(self.svg(), legend=True, link=self._link)

    def _runs(self):
        described = self._client.describe_execution(executionArn=self._arn)
        return described["status"] in ("RUNNING", "PENDING_REDRIVE")

    def _ipython_display_(self):
        from IPython.display import display

        # Asked before the picture: what has ended by then is drawn as it ended.
        runs = self._runs()
        handle = display(self._repr_mimebundle_(), raw=True, display_id=True)
        if runs and handle is not None:
            threading.Thread(target=self._follow, args=(handle,), daemon=True).start()

    def _follow(self, handle):
        shown, misses, runs = None, 0, True
        pause = threading.Event()
        while runs and misses < 10:
            pause.wait(LOOK)
            try:
                runs = self._runs()
                drawn = self._repr_mimebundle_()
                misses = 0
            except Exception:
                # A server that is started again has the execution still; one that is gone has not.
                misses += 1
                continue
            if drawn != shown:
                handle.update(drawn, raw=True)
                shown = drawn


def _html(svg, legend, link):
    parts = ['<div class="stepwell-picture">']
    if legend:
        parts.append('<div style="font:12px system-ui,sans-serif;margin:4px 0 8px">')
        for name, colour in LEGEND:
            parts.append(
                '<span style="display:inline-block;margin-right:14px"><span style="display:inline-block;width:10px;'
                f'height:10px;margin-right:5px;background:{colour}"></span>{name}</span>'
            )
        parts.append("</div>")
    parts.append(svg)
    if link:
        address = html.escape(link, quote=True)
        parts.append(
            f'<div><a href="{address}" target="_blank" rel="noopener">Inspect in the Stepwell console</a></div>'
        )
    parts.append("</div>")
    return "".join(parts)
