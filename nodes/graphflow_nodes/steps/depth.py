"""The step that estimates depth."""

from __future__ import annotations

from graphflow.catalog.authoring import Context, step
from graphflow.values.raster import Image


@step(version=1)
def estimate(image: Image, context: Context) -> Image:
    """Estimate the nearness of each pixel, from 0 (farthest) to 255 (nearest), at the picture's size.

    Source: DepthEstimationPipeline of transformers.
    """
    import numpy as np
    import torch

    model, processor = context.borrow("depth_estimator"), context.borrow("image_processor")
    inputs = processor(images=image.pil(), return_tensors="pt").to(model.device, model.dtype)
    with torch.no_grad():
        outputs = model(**inputs)
    (found,) = processor.post_process_depth_estimation(outputs, [(image.height, image.width)])
    depth = found["predicted_depth"].cpu().numpy()
    if depth.max() == depth.min():
        # A flat scene has no nearest pixel.
        return Image.of(np.zeros(depth.shape, np.uint8))
    depth = (depth - depth.min()) / (depth.max() - depth.min())
    return Image.of((depth * 255).astype(np.uint8))
