"""How much there is to read: modules and lines of code of both packages. Run by ``make size``.

A line of code is a line that holds at least one token other than a comment; blank lines, comments and docstrings do
not count. Empty modules, such as most ``__init__``, count as modules.
"""

import ast
import io
import tokenize
from statistics import median

from architecture.rules import FUNCTION_LINES_MAX, MODULE_LINES_MAX, Function, Source
from architecture.tree import sources

PACKAGES = ("trader", "desk")
_NO_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


def code_lines(source: Source) -> int:
    """Count the lines of code of one file."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in source.nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def longest_function(source: Source) -> int:
    """Return the length of the longest function of one file, its docstring included."""
    lengths = ((node.end_lineno or 0) - node.lineno + 1 for node in source.nodes if isinstance(node, Function))
    return max(lengths, default=0)


def main() -> None:
    """Print a line per package, and the line for machines last; fail if something is longer than the rules allow."""
    figures = []
    everything = sources()
    for package in PACKAGES:
        files = [source for source in everything if source.path.startswith(f"src/{package}/")]
        lines = [code_lines(source) for source in files]
        largest = max(len(source.text.splitlines()) for source in files)
        print(
            f"{package}: {len(files)} modules, {sum(lines)} lines of code; median module {median(lines):g}, "
            f"largest {max(lines)} ({largest} with prose), longest function {max(map(longest_function, files))}"
        )
        figures.append(f"{package}_modules={len(files)} {package}_code={sum(lines)}")
    lines = [code_lines(source) for source in everything]
    largest = max(len(source.text.splitlines()) for source in everything)
    longest = max(map(longest_function, everything))
    print(
        f"{' '.join(figures)} modules={len(lines)} code={sum(lines)} median={median(lines):g} "
        f"largest_module={largest} longest_function={longest}"
    )
    raise SystemExit(largest > MODULE_LINES_MAX or longest > FUNCTION_LINES_MAX)


if __name__ == "__main__":
    main()
