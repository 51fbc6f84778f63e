"""Medians of interleaved samples, as Markdown tables."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from textwrap import fill

Sample = Mapping[str, float]


def interleave(
    variants: Mapping[str, Callable[[], Sample]], times: int
) -> dict[str, dict[str, float]]:
    """Take each variant's sample `times` times, one after the other, and return medians by column.

    Interleaving spreads other load of the machine evenly over the variants.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in variants}
    for _ in range(times):
        for name, take in variants.items():
            samples[name].append(take())
    return {
        name: {column: median(sample[column] for sample in taken) for column in taken[0]}
        for name, taken in samples.items()
    }


def show(
    title: str,
    rows: Mapping[str, Mapping[str, float]],
    note: str = "",
    columns: Sequence[str] | None = None,
) -> None:
    """Print a table with a line for each variant, of all columns or some."""
    columns = columns or list(next(iter(rows.values())))
    print(f"\n## {title}\n")
    print(f"| | {' | '.join(columns)} |")
    print(f"| --- |{' ---: |' * len(columns)}")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(number(row[column]) for column in columns)} |")
    if note:
        print(f"\n{fill(note, 120, break_on_hyphens=False)}")


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def ratio(rows: Mapping[str, Mapping[str, float]], ours: str, other: str, column: str) -> str:
    return f"{rows[ours][column] / rows[other][column]:.2f}"
