"""Pictures as one would paint them with diffusers alone: graphflow's results are compared with them byte for byte.

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

**Half precision.** `variant="fp16"` without `dtype` loads the UNet and VAE as float32 but text encoders as float16.

# Stable Diffusion XL

What is not said here is as above.

**Texts.** `encode_prompt` gives (positive, negative | None, pooled, negative pooled | None): both encoders'
`hidden_states[-2]` side by side, and the second one's projection. The refiner's four are the last columns of the base's
and the base's pooled ones, bit for bit, also of a negative that is given. None given: the base's are zeros
(`force_zeros_for_empty_prompt`), the refiner's those of "". `clip_skip` n takes `hidden_states[-(n + 2)]` of both, for
the positive only and not for the pooled one; the calls can do it. Embeddings given without encoders and tokenizers
give equal bytes in every class, slices of the base's to the refiner too. Without a negative at guidance > 1 zeros are
taken or, where the flag is false, the call fails; without pooled ones every call fails.

**Components.** Without `vae` text2img runs to latents; img2img and inpaint, also of latents, need the VAE's `.config`
and nothing more of it. `requires_aesthetics_score` must be the checkpoint's, the constructors' default is False. No
constructor of SDXL or ControlNet rewrites the scheduler, the VAE or the UNet.

**Draws**: text2img noise; img2img VAE posterior, noise; inpaint posterior of the picture, noise, posterior of the
masked picture, with 9 channels at strength 1 not the first; all of latents the noise only. With `denoising_start`
img2img draws no noise (of latents nothing: the seed has no effect), inpaint draws as ever. Decoding draws nothing.

**Steps.** Inpaint's default strength 0.9999 leaves out the first step and does not begin with noise alone. Where no
step is left, inpaint raises, img2img gives an empty batch, or with `denoising_start` what it was given; text2img with
`denoising_end` near 0 gives its noise.

**Encoding** of a picture reads mean and standard deviation, where the VAE's config has them, in img2img with or without
ControlNet, never in inpaint. With `force_upcast` pixels go through the embeddings' dtype to float32, and the VAE is
cast in place to float32 and then to that dtype: a float32 VAE beside a float16 UNet is a float16 one afterwards.

**Decoding** equals `output_type="pil"` as: with `force_upcast` a float16 VAE and the latents become float32 first;
`latents * std / scaling_factor + mean`, or `latents / scaling_factor` where the config has none; `decode`,
`postprocess`. The VAE is float16 again afterwards. ControlNet's inpainting knows no mean and std, and upcasts for every
output: its float16 latents come out as float32 and the VAE stays float32. The upcasting warns (FutureWarning). Float16
latents and a float32 VAE fail. For latents inpaint and ControlNet's img2img and inpaint return early: `return_dict` is
not heard, hooks are not freed; img2img hands latents to its watermarker.

**Strides.** Of a picture, img2img gives channels-last latents, the refiner and ControlNet's img2img (SD's too) as
well; all else gives contiguous ones. img2img and decoding give other bits for the same values in other strides,
inpaint the same.

**Sizes told to the UNet** are tuples (height, width), by default eight times the latents; lists fail. Not read are: in
text2img `negative_original_size` and `negative_target_size` unless both are given, and without them
`negative_crops_coords_top_left`; in img2img and inpaint the latter without an aesthetic score (the positive's is
taken); with a score the target sizes; without one the scores. `guidance_rescale` has no effect at guidance ≤ 1.

**Ensemble.** `denoising_end` keeps the timesteps ≥ round(1000 - end * 1000), `denoising_start` those below; then
`strength` is not read. The whole equals its two parts, each with a new generator, for Euler (also Karras or trailing),
DDIM, and of order 1 DPM++ (also Karras), single-step DPM++ and DEIS. Only with the first part's generator: Euler a,
DDPM, LCM, SDE-DPM++ of order 1. Not: DPM++ 2M, UniPC (nor of order 1), Heun, KDPM2, PNDM. img2img's `denoising_end` is
resumed as exactly. `denoising_start` 0.0, 1.0 or an int: the strength counts, but no noise is added. `denoising_end`
0.0 or 1.0: as not given. Inpaint with `denoising_end` gives latents that are noisy inside the mask and clean outside;
inpaint going on from there is not equal to the whole. Noisy latents of text2img stay as noisy outside the mask of
inpaint with `denoising_start`; a picture there is denoised as it is. With it 9 channels at strength 1 fail
(UnboundLocalError).

**Inpaint** takes latents as `image` with 4 channels, at a `height` and `width` of eight times theirs (default: the
UNet's size); outside the mask they come back equal. With 9 channels latents fail. `padding_mask_crop` has the same
exact cut as SD's; where no size is given, it paints at the UNet's size.

# ControlNet

**Draws** are those of the class without ControlNet, so is **decoding** but for SDXL's inpaint; SD's neither upcasts nor
knows mean and std. SD's text2img, and img2img of latents, run to latents without `vae`.

**ControlNets.** Scale 0 gives the bytes of the class without ControlNet. A list of one gives those of one alone, two
in either order the same; one folder may stand twice. A list of scales that is too short leaves the last ControlNets out
without a word. One ControlNet wants a float, several a float or a list of floats; an int fails. Starts and ends
must be as many as the ControlNets, 0 ≤ start < end ≤ 1; step i of n is steered where start ≤ i / n and (i + 1) / n ≤
end, n being the timesteps that strength leaves (PNDM has one more), `denoising_end` not counted in.

**Control pictures** are resized to height and width (Lanczos, tensors nearest). Where none are given they are, rounded
down to eights, those of text2img's control picture, or img2img's and inpaint's picture: a control picture of another
size then fails. Only SD's inpaint refuses a size like 60; the others paint 56. Pixels are 0 to 1, and -1 comes
through; a tensor in any strides gives the bytes of its picture.

**Fitting.** Embeddings of another width, or another dtype than the UNet's, fail in a matrix product; SDXL's ControlNet
on SD is a TypeError. Text2img fails with a UNet of 9 channels. img2img on a checkpoint with an aesthetic score is a
TypeError unless `original_size` is given. The calls take any keyword without complaint: of SDXL's, `guidance_rescale`
and `denoising_start` are read by inpaint only, `denoising_end` by text2img and inpaint, `negative_original_size` and
its like not by inpaint. SD's calls fail with `clip_skip`, SDXL's do not.

**Inpaint** fails with latents (SD and SDXL, with `masked_image_latents` too). `padding_mask_crop` crops the control
picture alike, which must be one of Pillow, and has the same exact cut; where no size is given, it paints at the
picture's.
"""

from tests.plain.control import control_img2img, control_inpaint, control_text2img, inpaint_condition
from tests.plain.kandinsky import (
    kandinsky_decoder,
    kandinsky_img2img,
    kandinsky_inpaint,
    kandinsky_mean,
    kandinsky_prior,
    kandinsky_text2img,
)
from tests.plain.options import with_options
from tests.plain.scripts import chain, embed, img2img, inpaint, text2img
from tests.plain.upscalers import super_resolution, upscale
from tests.plain.weights import weighted, weighted_xl
from tests.plain.xl import ensemble, xl_img2img, xl_inpaint, xl_text2img

__all__ = [
    "chain",
    "control_img2img",
    "control_inpaint",
    "control_text2img",
    "embed",
    "ensemble",
    "img2img",
    "inpaint",
    "inpaint_condition",
    "kandinsky_decoder",
    "kandinsky_img2img",
    "kandinsky_inpaint",
    "kandinsky_mean",
    "kandinsky_prior",
    "kandinsky_text2img",
    "super_resolution",
    "text2img",
    "upscale",
    "weighted",
    "weighted_xl",
    "with_options",
    "xl_img2img",
    "xl_inpaint",
    "xl_text2img",
]
