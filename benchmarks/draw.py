"""How long a drawing takes in the lab: from PNG to PNG, through the process that holds the translator.

    python benchmarks/draw.py

Outlines of emoji that no training has seen; the browser's part, some milliseconds, is not in it.
"""

import asyncio
import statistics
import time

from lightning_gans.lab.checkpoints import OUTLINES, HeldModel

_WARM_UP, _DRAWINGS = 5, 200


async def main() -> None:
    """Time them one after the other, and print the middle and the slowest in twenty."""
    model = HeldModel(OUTLINES)
    outlines = [await model.request("example", seed=number, outline=True) for number in range(_WARM_UP + _DRAWINGS)]
    spent = []
    for outline in outlines:
        since = time.perf_counter()
        await model.request("translate", image=outline)
        spent.append(1000 * (time.perf_counter() - since))
    model.close()
    spent = spent[_WARM_UP:]
    slow = statistics.quantiles(spent, n=20)[-1]
    print(f"{len(spent)} drawings: {statistics.median(spent):.0f} ms each, 95% within {slow:.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
