"""Model cards: purpose, training, size and measurements of each checkpoint."""

from __future__ import annotations

from graphflow.checkpoints import embedded
from graphflow_embedded.make import figures, store

HEAD = """# embedded/{name}

{about}

- **Class**: `{kind}`; pictures of 128 by 128 pixels, the autoencoder's factor is 8, latents are 4 by 16 by 16.
- **Licence**: Apache-2.0. Weights and training pictures were made by this project itself: every picture is drawn by
  `graphflow_embedded.make` from seeds; no other data or model was used.
- **Training**: {training}
- **Held out**: the combinations in `make/heldout.json` and all seeds from 9,000,000 on; all figures below use these.
- **Limits**: it knows the shapes, colours, sizes, positions, patterns and backgrounds of `make/words.py` and nothing
  else. Other prompts give a picture that does not match them. The autoencoder was made for drawn pictures: photographs
  lose their fine grain and shift slightly in colour.
"""

MEASURES = {
    "sd": ("text2img", "params", "speed", "vae", "judge"),
    "sd-inpaint": ("inpaint", "photographs"),
    "sd-pixel": ("styles",),
    "sd-sketch": ("styles",),
    "controlnet-canny": ("controlnet-canny",),
    "controlnet-depth": ("controlnet-depth",),
    "controlnet-inpaint": ("controlnet-inpaint",),
    "depth": ("depth",),
}


def write_all() -> None:
    """Write `cards/NAME.md` of every checkpoint, and the table of bytes."""
    for name in embedded.names():
        (figures.cards() / f"{name}.md").write_text(card(name), encoding="utf-8")
    (figures.cards() / "README.md").write_text(_table(), encoding="utf-8")


def card(name: str) -> str:
    """The card of one checkpoint in Markdown."""
    manifest, known = embedded.describe(name), figures.kept()
    text = HEAD.format(name=name, about=manifest["about"], kind=manifest["class"], training=manifest["training"])
    text += "\n## Parts\n\n| role | component | bytes |\n|---|---|---:|\n"
    text += "".join(f"| {role} | {part} | {size(part):,} |\n" for role, part in sorted(manifest["components"].items()))
    for measure in MEASURES.get(name, ()):
        if measure in known:
            text += f"\n## Measured: {measure}\n\n"
            text += "| figure | measured (95 % interval) | target | met |\n|---|---|---|---|\n"
            for entry in known[measure]:
                met = "" if entry.met is None else "yes" if entry.met else "no"
                text += f"| {entry.what} | {entry.found} | {entry.wanted} | {met} |\n"
            for picture in dict.fromkeys((measure, name)):
                if (figures.cards() / f"{picture}.jpg").exists():
                    text += f"\n![{picture}]({picture}.jpg)\n"
    return text


def size(part: str) -> int:
    """Bytes of a component's files."""
    return sum(path.stat().st_size for path in (store.components() / part).rglob("*") if path.is_file())


def _table() -> str:
    parts = sorted(path.name for path in store.components().iterdir() if path.is_dir())
    rows = "".join(f"| {part} | {size(part):,} |\n" for part in parts)
    total = sum(size(part) for part in parts)
    cards = "".join(f"- [embedded/{name}]({name}.md)\n" for name in embedded.names())
    return f"# Embedded checkpoints\n\n{cards}\n| component | bytes |\n|---|---:|\n{rows}| **together** | {total:,} |\n"
