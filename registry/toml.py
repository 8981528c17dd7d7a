"""From a file's bytes to its TOML, or to what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping

import tomli

from registry.decode import Problems


def parse(content: bytes, problems: Problems) -> Mapping[str, object] | None:
    """Return a file's TOML, or ``None`` after reporting why it is none."""
    try:
        text = content.decode("utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8")
        return tomli.loads(text)
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        problems.error("", "the file is not UTF-8", "save it as UTF-8", line=line)
    except tomli.TOMLDecodeError as fault:
        where = f" (column {fault.colno})" if fault.colno else ""
        problems.error(
            "", f"not valid TOML: {fault.msg}{where}", "correct the line", line=fault.lineno or None
        )
    except (RecursionError, ValueError) as fault:
        problems.error("", f"not readable as TOML: {fault}", "make it simpler, or its numbers shorter")
    return None
