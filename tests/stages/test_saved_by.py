"""Folders that other pipelines of diffusers saved paint what their parts paint in the pipeline of the family."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import graphflow as gf

SAVED_BY = {
    "LatentConsistencyModelPipeline": "sd",
    "LatentConsistencyModelImg2ImgPipeline": "sd",
    "StableDiffusionControlNetPipeline": "sd",
    "StableDiffusionControlNetImg2ImgPipeline": "sd",
    "StableDiffusionControlNetInpaintPipeline": "sd",
    "StableDiffusionXLControlNetPipeline": "sdxl",
    "StableDiffusionXLControlNetImg2ImgPipeline": "sdxl",
    "StableDiffusionXLControlNetInpaintPipeline": "sdxl",
}


def painted(checkpoint):
    graph = gf.Graph()
    call = {"prompt": "a red circle", "num_inference_steps": 2, "seed": 5}
    graph.output(image=graph.add("text2img", checkpoint=str(checkpoint), **call).image)
    return gf.run(graph)["image"].array


@pytest.mark.parametrize("class_name", SAVED_BY)
def test_a_folder_saved_by_another_pipeline_is_a_checkpoint_of_its_family(class_name, tiny, tmp_path):
    source, target = tiny(SAVED_BY[class_name]), tmp_path / "saved"
    shutil.copytree(source, target)
    index = json.loads((target / "model_index.json").read_text()) | {"_class_name": class_name}
    if "ControlNet" in class_name:
        shutil.copytree(tiny("controlnet_xl" if "XL" in class_name else "controlnet_canny"), target / "controlnet")
        index["controlnet"] = ["diffusers", "ControlNetModel"]
    (target / "model_index.json").write_text(json.dumps(index))
    assert np.array_equal(painted(target), painted(source))
