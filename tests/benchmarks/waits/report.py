"""What the benchmark of waits prints and writes."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

COLUMNS = {
    "package": ("package", "{}"),
    "waits": ("waits", "{:,}"),
    "polls": ("polls made", "{:,}"),
    "due": ("due", "{:,}"),
    "on_time_share": ("on time", "{:.1%}"),
    "requests": ("HTTP requests", "{:,}"),
    "connections": ("connections", "{:,}"),
    "cpu_s": ("CPU s", "{:.2f}"),
    "cpu_us_poll": ("CPU µs a poll", "{:.0f}"),
    "cpu_all_us_poll": ("from the start", "{:.0f}"),
    "grown_mb": ("MB grown", "{:.0f}"),
    "kb_wait": ("kB a wait", "{:.1f}"),
    "stall_p50_ms": ("stall p50 ms", "{:.1f}"),
    "stall_p99_ms": ("stall p99 ms", "{:.1f}"),
    "stall_max_ms": ("stall max ms", "{:.0f}"),
    "stretch_max_ms": ("CPU at a stretch ms", "{:.0f}"),
    "stall_at_first_ms": ("max at first", "{:.0f}"),
    "collections": ("full collections", "{}"),
}
ON_THE_PAGE = (
    "package",
    "waits",
    "on_time_share",
    "requests",
    "connections",
    "cpu_us_poll",
    "kb_wait",
    "stall_p99_ms",
    "stall_max_ms",
    "stretch_max_ms",
)
DISTRIBUTIONS = {
    "groq": "airflow-provider-groq",
    "openai": "apache-airflow-providers-openai",
    "anthropic": "apache-airflow-providers-anthropic",
    "common_ai": "apache-airflow-providers-common-ai",
}


def row(result, columns):
    """A result as the cells of a row."""
    if "failed" in result:
        return [result["package"], f"{result['waits']:,}", result["failed"], *[""] * (len(columns) - 3)]
    values = result | {
        "on_time_share": result["on_time"] / result["due"] if result["due"] else 0.0,
        "cpu_us_poll": result["cpu_s"] * 1e6 / max(1, result["polls"]),
        "cpu_all_us_poll": result["cpu_all_s"] * 1e6 / max(1, result["polls_all"]),
        "kb_wait": result["grown_mb"] * 1000 / result["waits"],
    }
    return [COLUMNS[name][1].format(values[name]) for name in columns]


def table(results, columns=tuple(COLUMNS)):
    """All results as a Markdown table."""
    titles = [COLUMNS[name][0] for name in columns]
    rows = [titles, ["---"] * len(columns), *(row(result, columns) for result in results)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def ratios(results):
    """This package's most waits beside the best peer's, per poll and per wait."""
    good = [result for result in results if "failed" not in result and result["polls"] and result["waits"] >= 1000]
    ours = [result for result in good if result["package"] == "groq" and result["waits"] <= 10_000]
    peers = [result for result in good if result["package"] in DISTRIBUTIONS and result["package"] != "groq"]
    if not ours or not peers:
        return "No peer was measured."
    mine = max(ours, key=lambda result: result["waits"])
    cpu = min(result["cpu_s"] / result["polls"] for result in peers)
    cpu_all = min(result["cpu_all_s"] / result["polls_all"] for result in peers)
    memory = min(result["grown_mb"] / result["waits"] for result in peers)
    own = mine["cpu_s"] / mine["polls"]
    own_all = mine["cpu_all_s"] / mine["polls_all"]
    return (
        f"At {mine['waits']:,} waits, a poll takes 1/{cpu / own:.0f} of the CPU of the best peer at 1,000 waits "
        f"(1/{cpu_all / own_all:.0f} with the start of the waits), and a wait "
        f"1/{memory / (mine['grown_mb'] / mine['waits']):.0f} of its memory. "
        f"After all batches had ended on the server, the last of the {mine['events']:,} events came "
        f"{mine['latest_event_s']:.1f} s later (poll interval: 20 s); {mine['without_event']:,} waits had none."
    )


def beside_bare(results):
    """What this package's triggers cost beside the bare loop, by the number of waits."""
    cpu = {(result["package"], result["waits"]): result["cpu_s"] for result in results if "failed" not in result}
    found = ", ".join(
        f"{waits:,} waits cost {cpu['groq', waits] / used:.2f} times"
        for (package, waits), used in cpu.items()
        if package == "bare" and ("groq", waits) in cpu
    )
    return f"CPU beside the bare loop: {found}." if found else ""


def versions():
    lines = []
    for name, distribution in DISTRIBUTIONS.items():
        try:
            lines.append(f"`{name}` is {distribution} {version(distribution)}")
        except PackageNotFoundError:
            lines.append(f"`{name}` ({distribution}) was not installed")
    return "; ".join(lines)


def write(results, docs):
    """Print the results, and write them into a folder of documentation if there is one."""
    print(table(results))
    print()
    print(ratios(results))
    print(beside_bare(results))
    if docs is None:
        return
    chart(results, docs / "performance.svg")
    text = (docs / "performance.md").read_text()
    head, _, rest = text.partition("<!-- waits -->")
    _, _, tail = rest.partition("<!-- end of waits -->")
    figures = (
        f"Measured with Python {platform.python_version()} on {os.cpu_count()} cores; {versions()}.\n\n"
        f"{table(results, ON_THE_PAGE)}\n\n{ratios(results)} {beside_bare(results)}\n\n"
        "![CPU for each poll and memory, over the number of waits](performance.svg)\n"
    )
    (docs / "performance.md").write_text(f"{head}<!-- waits -->\n{figures}<!-- end of waits -->{tail}")


def chart(results, path):
    """CPU and memory over the number of waits, one line for each package."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "the same each time"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    for package in DISTRIBUTIONS:
        points = [result for result in results if result["package"] == package and "failed" not in result]
        if not points:
            continue
        waits = [point["waits"] for point in points]
        axes[0].plot(waits, [p["cpu_s"] * 1e6 / max(1, p["polls"]) for p in points], marker="o", label=package)
        axes[1].plot(waits, [max(0.1, p["grown_mb"]) for p in points], marker="o", label=package)
    for axis, title in zip(axes, ("CPU µs for each poll made", "MB of memory grown"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="waits", title=title)
        axis.grid(visible=True, alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
