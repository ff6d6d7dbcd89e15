r"""Write the translator of the lab's page Draw, from outlines to emoji, of a checkpoint of pix2pix.

    lightning_gans fit --config pix2pix --model.generator.base_channels 24 --trainer.max_steps 2400
    python scripts/write_outlines.py CHECKPOINT --output lightning_gans/lab/assets/outlines.safetensors

Weights are stored in half precision. The file says how far its translations of held-out outlines lie from the emoji,
and how little halving changed: mean absolute differences, in units of [-1, 1].
"""

import argparse
from pathlib import Path

from lightning_gans import Pix2Pix
from lightning_gans.data.emoji_images import load_emoji, rows_of
from lightning_gans.engine.saving import load_checkpoint
from lightning_gans.images import from_uint8
from lightning_gans.lab.drawing import load_translator, save_translator

_MOST_BYTES = 8_000_000


def main() -> None:
    """Write the file, read it again, and say what it does."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    options = parser.parse_args()
    content = load_checkpoint(options.checkpoint)
    model = Pix2Pix.load_from_checkpoint(options.checkpoint, map_location="cpu")
    (outlines, records), (emoji, _) = load_emoji("outline"), load_emoji("openmoji")
    rows = rows_of(records, "test")
    sources, images = from_uint8(outlines[rows]), from_uint8(emoji[rows])
    made = model.translate(sources)
    settings = content["hyper_parameters"]["generator"]["init_args"]
    facts = {
        "license": "CC BY-SA 4.0, as the drawings of OpenMoji that it was trained on",
        "steps": content["global_step"],
        "test_l1": round(float((made - images).abs().mean()), 4),
    }
    save_translator(model, options.output, settings, facts)
    halved = (load_translator(options.output).translate(sources) - made).abs().mean()
    size = options.output.stat().st_size
    if size > _MOST_BYTES:
        parser.error(f"{options.output} has {size} bytes, and may have {_MOST_BYTES}: train with fewer channels")
    print(f"{size} bytes in {options.output}, {facts}, halving changes {float(halved):.1g}")


if __name__ == "__main__":
    main()
