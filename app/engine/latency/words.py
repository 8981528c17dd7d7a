"""A measurement in words: the table, the charts, what each face shows alike."""

from __future__ import annotations

from app.engine.latency.charts import LABEL, histogram_lines, milliseconds, timeline_line
from app.engine.latency.figures import histogram, summarise, taken, timeline
from app.engine.latency.measurement import Measurement

HEAD = ("ms", "n", "p50", "p90", "p99", "p99.9", "max", "lost", "host")

ABOUT = {
    "echo": "key at the outer terminal to its echo there",
    "paint": "key event to bytes written to the outer terminal",
    "gap": "gaps between arrivals of keys at the application",
}


def rows(measurement: Measurement) -> list[tuple[str, ...]]:
    """Return the table's rows under ``HEAD``, one a series."""
    found: list[tuple[str, ...]] = []
    for name, samples in measurement.series.items():
        summary = summarise(samples)
        if summary is None:
            found.append((name, "0", *["-"] * 5, str(len(samples)), "-"))
            continue
        values = (summary.p50, summary.p90, summary.p99, summary.p999, summary.max)
        shown = [milliseconds(value) for value in values]
        found.append((name, str(summary.n), *shown, str(summary.lost), f"{summary.busy:.0%}"))
    return found


def headline(measurement: Measurement) -> str:
    """Return what was measured, in one line."""
    c = measurement.conditions
    where = f"in {c.machine}" if c.machine else "in a shell of this host"
    short = "" if measurement.complete else ", interrupted"
    return f"{c.probe}: {ABOUT.get(c.probe, '')}, {where}, {c.columns}x{c.rows}, load: {c.words()}{short}"


def footnote(measurement: Measurement) -> str:
    """Return how keys were sent, and how busy the host was."""
    c, host = measurement.conditions, measurement.host
    if c.probe == "gap":
        pace = "keys at even rates"
    else:
        pace = f"{c.rate:g} keys a second on average, at random moments, seed {c.seed}"
    stolen = f", {host.stolen:.0%} of them taken by the hypervisor" if host.stolen >= 0.005 else ""
    return (
        f"{pace}; {host.cpus} processors{stolen}, load average {host.load_before:.2f} before, "
        f"{host.load_after:.2f} after"
    )


def charts(measurement: Measurement, name: str, width: int) -> list[str]:
    """Return a series' histogram and time line; all series of a measurement have the same bars."""
    everything = [ms for samples in measurement.series.values() for ms in taken(samples)]
    samples = measurement.series[name]
    values = taken(samples)
    if not values:
        return ["no key was answered"]
    bins = histogram(values, low=min(everything), high=max(everything))
    lines = histogram_lines(bins, width)
    spots = timeline(samples, max(min(width - LABEL - 20, len(samples)), 1))
    seconds = max(sample.at for sample in samples) - min(sample.at for sample in samples)
    lines.append(f"{'over time':<{LABEL}} {timeline_line(spots)} {seconds:.0f} s, highest")
    return lines
