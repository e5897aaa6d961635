"""Train the depth estimator: a small DPT that estimates nearness, in the form that the depth ControlNet needs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DPTConfig, DPTForDepthEstimation

from graphflow_embedded.make import store
from graphflow_embedded.make.data import SIZE, Pictures
from graphflow_embedded.make.loop import Plan, precision, train


def model() -> DPTForDepthEstimation:
    """A DPT of 5 layers on 8 by 8 patches of 16 pixels; large outputs are near, as in MiDaS."""
    config = DPTConfig(
        hidden_size=128,
        num_hidden_layers=5,
        num_attention_heads=4,
        intermediate_size=256,
        image_size=SIZE,
        patch_size=16,
        backbone_out_indices=[1, 2, 3, 4],
        neck_hidden_sizes=[32, 64, 96, 128],
        reassemble_factors=[4, 2, 1, 0.5],
        fusion_hidden_size=48,
        readout_type="project",
        use_auxiliary_head=False,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return DPTForDepthEstimation(config)


def train_depth(plan: Plan, pictures: Pictures, device: torch.device, *, batch: int = 24) -> DPTForDepthEstimation:
    """Train on drawn pictures of every style and their true depth."""
    torch.manual_seed(plan.seed)
    net = model().to(device)
    # The head ends in a ReLU: starting above zero keeps it alive.
    net.head.head[4].bias.data.fill_(0.4)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        del step
        chosen = torch.randint(len(pictures), (batch,), generator=generator).numpy()
        x = torch.from_numpy(pictures.pixels[chosen]).permute(0, 3, 1, 2).float().to(device) / 127.5 - 1
        wanted = torch.from_numpy(pictures.depth[chosen]).float().to(device) / 255
        with precision(device):
            guess = net(x).predicted_depth
        guess = guess.float()
        slopes = sum(F.l1_loss(guess.diff(dim=axis), wanted.diff(dim=axis)) for axis in (1, 2))
        return F.l1_loss(guess, wanted) + slopes

    return train(plan, net, loss_of)


def write_processor() -> None:
    """The preprocessing of pictures for the estimator: 128 by 128, -1 to 1."""
    half = [0.5, 0.5, 0.5]
    config = {
        "image_processor_type": "DPTImageProcessor",
        "do_resize": True,
        "size": {"height": SIZE, "width": SIZE},
        "keep_aspect_ratio": False,
        "ensure_multiple_of": 16,
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": half,
        "image_std": half,
        "do_pad": False,
    }
    store.write_json(store.components() / "depth" / "preprocessor_config.json", config)
