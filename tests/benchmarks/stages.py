"""What graphflow costs over plain diffusers, as ratios and differences within one run.

Run it on a quiet machine: `python -m tests.benchmarks.stages overhead` (a warm engine, one tiny stage), `cold` (the
command line on the embedded checkpoint, with its own share by a profile), `real` (text2img → inpaint → img2img on a
random Stable Diffusion 1.5 of real size, made in a temporary folder: 4 GB of disk, 12 GB of memory, 10 minutes).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PAIRS = 20


def overhead() -> None:
    """A warm `engine.run` against the plain call on the same components, alternating; nothing is reused."""
    import torch
    from diffusers import StableDiffusionPipeline

    import graphflow as gf
    from tests.tiny import make

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch, gf.Engine() as engine:
        folder = make("sd", Path(scratch))
        graph = gf.Graph()
        given = {name: graph.input(name, "string") for name in ("prompt", "negative_prompt")}
        seed = graph.input("seed", "int")
        stage = graph.add("text2img", checkpoint=str(folder), seed=seed, num_inference_steps=2, **given)
        graph.output(image=stage.image)

        def ours(number: int) -> float:
            start = time.perf_counter()
            engine.run(graph, inputs={**_texts(number), "seed": number})
            return time.perf_counter() - start

        ours(0)
        parts = {component.spec.files.role: module for component, module in engine.pool.loaded}
        scheduler = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None).scheduler
        pipe = StableDiffusionPipeline(
            **parts, scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
        pipe.set_progress_bar_config(disable=True)

        def plain(number: int) -> float:
            start = time.perf_counter()
            generator = torch.Generator("cpu").manual_seed(number)
            pipe(**_texts(number), num_inference_steps=2, height=64, width=64, generator=generator)
            return time.perf_counter() - start

        plain(0)
        pairs = [(ours(2 * number), plain(2 * number + 1)) for number in range(1, PAIRS + 1)]
    more = statistics.median(one - other for one, other in pairs)
    print(f"plain {1e3 * statistics.median(other for _, other in pairs):.1f} ms, graphflow {1e3 * more:+.1f} ms")
    print(f"medians of {PAIRS} alternating pairs; load {os.getloadavg()[0]:.1f}")


def _texts(number: int) -> dict[str, str]:
    return {"prompt": f"a red circle, number {number}", "negative_prompt": f"blue, number {number}"}


def cold() -> None:
    """`graphflow run text2img` and the plain script in fresh processes, alternating; then the time by package."""
    ours: list[float] = []
    plain: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = str(Path(scratch) / "sd")
        subprocess.run([sys.executable, "-c", _EXPORT, folder], check=True)
        command = [sys.executable, "-m", "graphflow", "run", "text2img", "--out", str(Path(scratch) / "run")]
        for _ in range(4):
            for times, call in ((ours, command), (plain, [sys.executable, "-c", _SCRIPT, folder])):
                start = time.perf_counter()
                subprocess.run(call, check=True, capture_output=True)
                times.append(time.perf_counter() - start)
        told = subprocess.run(
            [sys.executable, "-c", _PROFILED, str(Path(scratch) / "profiled")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    for name, times in (("graphflow run text2img", ours), ("the plain script", plain)):
        print(f"{name}: first {times[0]:.1f} s, then " + ", ".join(f"{one:.1f}" for one in times[1:]) + " s")
    print("by package, under the profiler: " + told.stdout.strip().splitlines()[-1])
    print(f"load {os.getloadavg()[0]:.1f}")


_EXPORT = """
import sys
from pathlib import Path
from graphflow_embedded.export import export
export("sd", Path(sys.argv[1]))
"""

_SCRIPT = """
import sys, torch
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained(sys.argv[1], dtype=torch.float32, safety_checker=None)
generator = torch.Generator("cpu").manual_seed(7)
call = {"num_inference_steps": 20, "guidance_scale": 5.0, "generator": generator}
pipe("a yellow circle, night sky", **call).images[0].save(sys.argv[1] + ".png")
"""

# Built-in functions count for the package that calls them.
_PROFILED = """
import cProfile, pstats, sys
from collections import Counter
from pathlib import Path
from graphflow.cli import main
import graphflow, graphflow_nodes
own = {str(Path(one.__file__).parent): one.__name__ for one in (graphflow, graphflow_nodes)}
profile = cProfile.Profile()
profile.runcall(main, ["run", "text2img", "--out", sys.argv[1]])

def package(file):
    for folder, name in own.items():
        if file.startswith(folder):
            return name
    return file.partition("site-packages/")[2].partition("/")[0] or "Python itself"

times = Counter()
for (file, _, _), (_, _, spent, _, callers) in pstats.Stats(profile).stats.items():
    if file != "~":
        times[package(file)] += spent
    else:
        for (caller, _, _), (_, _, share, _) in callers.items():
            times[package(caller)] += share
print(", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.most_common() if seconds >= 0.005))
"""


def real() -> None:
    """The guide's way, the best script by hand and graphflow, alternating, each in processes of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "sd15"
        subprocess.run([sys.executable, __file__, "make", str(folder)], check=True, env=_environment())
        rows: dict[str, list[dict[str, Any]]] = {"guide": [], "best": [], "graphflow": []}
        for _ in range(2):
            for way, found in rows.items():
                told = subprocess.run(
                    [sys.executable, __file__, way, str(folder)],
                    check=True, capture_output=True, text=True, env=_environment(),
                )  # fmt: skip
                found.append(json.loads(told.stdout.strip().splitlines()[-1]))
    print("| way | seconds | peak memory |\n|---|---|---|")
    for way, found in rows.items():
        seconds = ", ".join(f"{one['seconds']:.1f}" for one in found)
        print(f"| {way} | {seconds} | {max(one['peak'] for one in found) / 2**30:.1f} GiB |")
    same = len({one["digest"] for way in ("best", "graphflow") for one in rows[way]}) == 1
    print(f"graphflow's picture {'equals' if same else 'differs from'} that of the best script")


def _environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


PROMPTS = ("a cat", "a dog", "a house")
SIZE, STEPS, STRENGTH = 256, 2, 1.0


def make_real(folder: Path) -> None:
    """A random Stable Diffusion 1.5 of real size: UNet 860 M, VAE 84 M, text encoder 123 M parameters, float32."""
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from tests.tiny import parts

    torch.manual_seed(0)
    tokenizer = parts.tokenizer()
    text = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, projection_dim=768,
        bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=4,
            sample_size=512,
        ),
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        scheduler=PNDMScheduler.from_config({"steps_offset": 1, "skip_prk_steps": True, "set_alpha_to_one": False,
            "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.save_pretrained(folder)


def guide(folder: Path) -> Any:
    """Each stage by its own `from_pretrained`, pictures handed over."""
    import torch
    from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline

    def loaded(kind: Any) -> Any:
        pipe = kind.from_pretrained(folder, safety_checker=None)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def call() -> dict[str, Any]:
        return {"num_inference_steps": STEPS, "generator": torch.Generator("cpu").manual_seed(0)}

    size = {"height": SIZE, "width": SIZE}
    text = loaded(StableDiffusionPipeline)
    image = text(PROMPTS[0], **size, **call()).images[0]
    inpaint = loaded(StableDiffusionInpaintPipeline)
    image = inpaint(PROMPTS[1], image=image, mask_image=_mask(), strength=STRENGTH, **size, **call()).images[0]
    img2img = loaded(StableDiffusionImg2ImgPipeline)
    return img2img(PROMPTS[2], image=image, strength=STRENGTH, **call()).images[0]


def best(folder: Path) -> Any:
    """One set of components, latents handed over, one decode, the text encoder dropped before the UNet comes."""
    import gc

    import torch
    from diffusers import (
        StableDiffusionImg2ImgPipeline,
        StableDiffusionInpaintPipeline,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )

    text = StableDiffusionPipeline.from_pretrained(folder, unet=None, vae=None, safety_checker=None)
    with torch.no_grad():
        told = [text.encode_prompt(prompt, "cpu", 1, True) for prompt in PROMPTS]
    scheduler = text.scheduler
    del text
    gc.collect()
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    vae = StableDiffusionPipeline.from_pretrained(
        folder, unet=None, text_encoder=None, tokenizer=None, safety_checker=None
    ).vae
    rest = dict.fromkeys(("text_encoder", "tokenizer", "safety_checker", "feature_extractor"))

    def call(kind: Any, number: int, **given: Any) -> Any:
        pipe = kind(**rest, unet=unet, vae=vae, scheduler=type(scheduler).from_config(scheduler.config),
            requires_safety_checker=False)  # fmt: skip
        pipe.set_progress_bar_config(disable=True)
        positive, negative = told[number]
        return pipe(
            prompt_embeds=positive, negative_prompt_embeds=negative, num_inference_steps=STEPS,
            generator=torch.Generator("cpu").manual_seed(0), **given,
        ).images  # fmt: skip

    size = {"height": SIZE, "width": SIZE}
    latents = call(StableDiffusionPipeline, 0, output_type="latent", **size)
    latents = call(
        StableDiffusionInpaintPipeline, 1, output_type="latent", image=latents, masked_image_latents=latents,
        mask_image=_mask(), strength=STRENGTH, **size,
    )  # fmt: skip
    return call(StableDiffusionImg2ImgPipeline, 2, image=latents, strength=STRENGTH)[0]


def graphflow(folder: Path) -> Any:
    """The same as a graph, in latents."""
    import graphflow as gf

    graph = gf.Graph()
    common = {"checkpoint": str(folder), "num_inference_steps": STEPS, "seed": 0}
    text = graph.add("text2img", prompt=PROMPTS[0], width=SIZE, height=SIZE, **common)
    mask = graph.input("mask", "mask")
    fill = graph.add("inpaint", image=text.latents, mask=mask, prompt=PROMPTS[1], strength=STRENGTH, **common)
    polish = graph.add("img2img", image=fill.latents, prompt=PROMPTS[2], strength=STRENGTH, **common)
    graph.output(image=polish.image)
    return gf.run(graph, inputs={"mask": _mask()})["image"].pil()


def _mask() -> Any:
    from PIL import Image

    mask = Image.new("L", (SIZE, SIZE))
    mask.paste(255, (SIZE // 4, SIZE // 4, 3 * SIZE // 4, 3 * SIZE // 4))
    return mask


def _timed(way: Any, folder: Path) -> None:
    import hashlib

    start = time.perf_counter()
    picture = way(folder)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "digest": hashlib.sha256(picture.tobytes()).hexdigest()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("overhead", "cold", "real", "make", "guide", "best", "graphflow"))
    parser.add_argument("folder", nargs="?", type=Path, help="of the random checkpoint; for single parts of `real`")
    given = parser.parse_args()
    whole = {"overhead": overhead, "cold": cold, "real": real}
    if given.what in whole:
        whole[given.what]()
    elif given.what == "make":
        make_real(given.folder)
    else:
        _timed({"guide": guide, "best": best, "graphflow": graphflow}[given.what], given.folder)


if __name__ == "__main__":
    main()
