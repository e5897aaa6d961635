"""Stable Diffusion as one would write it with diffusers alone: graphflow's results are compared with it byte for byte.

Nothing here imports graphflow. Seen with diffusers 0.42.1, transformers 5.23 and torch 2.13 on a CPU:

**Texts.** `encode_prompt(prompt, device, num_images_per_prompt, do_classifier_free_guidance, negative_prompt,
prompt_embeds, negative_prompt_embeds, lora_scale, clip_skip)` gives (positive, negative | None), each (1, 77, C),
contiguous; each equals its text encoded alone. Unlike `__call__` it tracks gradients: wrap it in `torch.no_grad`.
Embeddings given with `text_encoder=None, tokenizer=None` give equal bytes in all three classes, at any guidance; at
guidance ≤ 1 a negative that is given is not read. `clip_skip` n takes `hidden_states[-(n + 1)]` and the final norm, for
the positive text only; n = 0 equals none. The calls themselves fail with it (`CLIPTextModel` has no `text_model`) and
ignore it beside embeddings. A text of more than 77 tokens is cut with two log lines.

**Draws** of one latent's size: text2img 1; img2img 2, from latents 1; inpaint 3 (9 channels at strength 1: 2), from
latents 1. Drawn in the order: VAE posterior of the picture, noise, VAE posterior of the masked picture. The generator
ends in the same state for every `output_type`; decoding draws nothing.

**Decoding** equals `output_type="pil"` in all three classes as
`vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]`, then `image_processor.postprocess(…, "pil")`:
x · 0.5 + 0.5, clamped, as float32 numpy, × 255, rounded half to even. Also under `torch.no_grad` only.

**Strides.** `preprocess` gives pixels in channels-last strides, the VAE's encoder latents likewise, img2img from a
picture too, and so through all later img2img. The same values made contiguous encode, decode and denoise to other bits
(1e-6 to 1e-5); put back with `contiguous(memory_format=torch.channels_last)` they give the same bits again. Inpainting
and text2img give contiguous latents.

**Inpainting.** Latents as `image` need `masked_image_latents` of any value and size with 4 channels each, even NaN: a
UNet of 4 channels does not read them. Outside the mask (the binary mask, every eighth pixel) latents come back equal.
A picture with `masked_image_latents` gives the same bytes as without, by one draw and one encoding less. A UNet of 9
channels takes latents without complaint where both are given, but then reads unmasked ones.
`padding_mask_crop` is `get_crop_region(mask, width, height, pad)`, both cropped and resized by `_resize_and_fill`, the
call without it, `apply_overlay(mask, picture, painted, crop)`: equal bytes with 4 and 9 channels, so latents can be cut
out of it by hand although the class refuses `output_type="latent"`.

**Steps.** `int(steps * strength)` rounds down what floats give: 50 × 0.58 is 28. PNDM calls back once more than its
steps, Heun nearly twice as often: count by `num_timesteps`. A callback may return {}; what it raises comes through, and
the next call gives equal bytes.

**Schedulers.** The constructors rewrite the scheduler they are given: steps_offset to 1, text2img and img2img also
clip_sample to False, inpaint instead skip_prk_steps to True. One assigned to `pipe.scheduler` afterwards is not
rewritten. The classes that make sigmas raise numpy's DeprecationWarnings on `__array__`.

**Half precision.** `variant="fp16"` without `dtype` loads the UNet and VAE as float32 but the text encoder as float16.
"""

from tests.plain.scripts import chain, embed, img2img, inpaint, text2img

__all__ = ["chain", "embed", "img2img", "inpaint", "text2img"]
