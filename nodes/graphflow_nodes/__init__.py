"""The node types and model families that ship with graphflow, as the catalog looks them up; it imports nothing else."""

NODES: tuple[str, ...] = (
    "graphflow_nodes.conditioning.controlnet_condition:controlnet_condition",
    "graphflow_nodes.conditioning.depth_map:depth_map",
    "graphflow_nodes.conditioning.encode_prompt:encode_prompt",
    "graphflow_nodes.conditioning.image_prior:image_prior",
    "graphflow_nodes.flow.switch:switch",
    "graphflow_nodes.image.animate:animate",
    "graphflow_nodes.image.crop:crop",
    "graphflow_nodes.image.image_grid:image_grid",
    "graphflow_nodes.image.load_image:load_image",
    "graphflow_nodes.image.overlay:overlay",
    "graphflow_nodes.image.pad:pad",
    "graphflow_nodes.image.resize:resize",
    "graphflow_nodes.image.upscale_model:upscale_model",
    "graphflow_nodes.latents.latent_resize:latent_resize",
    "graphflow_nodes.latents.vae_decode:vae_decode",
    "graphflow_nodes.latents.vae_encode:vae_encode",
    "graphflow_nodes.mask.mask_blur:mask_blur",
    "graphflow_nodes.mask.mask_combine:mask_combine",
    "graphflow_nodes.mask.mask_from_color:mask_from_color",
    "graphflow_nodes.mask.mask_grow:mask_grow",
    "graphflow_nodes.mask.mask_invert:mask_invert",
    "graphflow_nodes.mask.mask_shape:mask_shape",
    "graphflow_nodes.mask.mask_threshold:mask_threshold",
    "graphflow_nodes.stages.img2img:img2img",
    "graphflow_nodes.stages.inpaint:inpaint",
    "graphflow_nodes.stages.refiner:refiner",
    "graphflow_nodes.stages.super_resolution:super_resolution",
    "graphflow_nodes.stages.text2img:text2img",
    "graphflow_nodes.stages.upscale:upscale",
)
"""`module:function` of every node type, sorted."""

FAMILIES: tuple[str, ...] = (
    "graphflow_nodes.families.sd:SD",
    "graphflow_nodes.families.sdxl:SDXL",
    "graphflow_nodes.families.sdxl:REFINER",
    "graphflow_nodes.families.kandinsky:KANDINSKY",
    "graphflow_nodes.families.kandinsky:PRIOR",
    "graphflow_nodes.families.latent_upscaler:LATENT_UPSCALER",
    "graphflow_nodes.families.super_resolution:SUPER_RESOLUTION",
    "graphflow_nodes.models.dpt:DPT",
    "graphflow_nodes.models.dpt:DPT_PROCESSOR",
    "graphflow_nodes.models.upscaling_model:UPSCALING_MODEL",
)
"""`module:NAME` of every model family, and of the classes of components that belong to none."""
