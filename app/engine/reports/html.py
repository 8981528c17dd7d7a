"""A run as one HTML page that needs nothing else: the Markdown report, rendered."""

from __future__ import annotations

from html import escape

from markdown_it import MarkdownIt

from app.engine.reports.markdown import markdown
from app.engine.state import RunState

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
pre { background: #8882; padding: .75rem; overflow-x: auto; }
"""


def html(state: RunState, *, cut_off: bool = False) -> str:
    """Return the page; nothing that a guest printed is taken for markup."""
    assert state.started is not None
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(state, cut_off=cut_off))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>vmbench {escape(state.started.run)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )
