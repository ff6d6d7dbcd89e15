"""What a variant costs: lines of code of every model file, without docstrings, comments and blank lines.

python benchmarks/lines.py
"""

import ast
from pathlib import Path

MODELS = Path(__file__).parents[1] / "lightning_gans" / "models"


def code_lines(source: str) -> int:
    r"""Lines that hold code.

    Example:
        >>> code_lines("def f():\n    'Says what.'\n\n    # why\n    return (  # one\n        2\n    )\n")
        4
    """
    held = {n for n, line in enumerate(source.splitlines(), 1) if line.strip() and not line.strip().startswith("#")}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            held -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(held)


def main() -> None:
    """Print a Markdown table, shortest first."""
    counts = {path.stem: code_lines(path.read_text()) for path in MODELS.glob("[a-z]*.py")}
    print("| variant | lines of code |\n|---|---|")
    for name in sorted(counts, key=lambda name: (counts[name], name)):
        print(f"| {name} | {counts[name]} |")


if __name__ == "__main__":
    main()
