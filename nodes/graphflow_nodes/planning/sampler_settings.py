"""Allowed settings of samplers, so that none fails, or returns NaN, in the middle of a run.

Determined by giving every setting of every class of diffusers values of all kinds; a test repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from graphflow.text_helpers.words import counted

_BETAS = ("linear", "scaled_linear", "squaredcos_cap_v2")
_SOLVERS = ("midpoint", "heun", "logrho", "bh1", "bh2")
_FIXED = ("fixed_small", "fixed_small_log", "fixed_large")

_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "prediction_type": ("epsilon", "sample", "v_prediction"),
    "timestep_spacing": ("linspace", "leading", "trailing"),
    "timestep_type": ("discrete", "continuous"),
    "time_shift_type": ("exponential", "linear"),
    "beta_schedule": _BETAS,
    "interpolation_type": ("linear", "log_linear"),
    "sigma_schedule": ("karras", "exponential"),
    "final_sigmas_type": ("zero", "sigma_min"),
    "solver_order": (1, 2, 3),
    "predictor_order": (1, 2, 3, 4),
    "corrector_order": (1, 2, 3, 4),
    "solver_type": _SOLVERS,
    "algorithm_type": ("dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver", "deis"),
    "solver_p": (None,),
    "tau_func": (None,),
    "shift_terminal": (None,),
}
"""Settings that take one of a few values."""

_PREDICTS_NOISE = ("epsilon", "v_prediction")
_OF_CLASS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "DDPMScheduler": {"beta_schedule": (*_BETAS, "laplace", "sigmoid"), "variance_type": _FIXED},
    "DDPMParallelScheduler": {"beta_schedule": (*_BETAS, "laplace", "sigmoid"), "variance_type": _FIXED},
    "DEISMultistepScheduler": {"algorithm_type": ("deis", "dpmsolver", "dpmsolver++")},
    "DPMSolverMultistepScheduler": {"variance_type": (None,)},
    "DPMSolverSinglestepScheduler": {
        "variance_type": (None,),
        "algorithm_type": ("dpmsolver++", "sde-dpmsolver++", "dpmsolver", "deis"),
    },
    "EDMDPMSolverMultistepScheduler": {
        "prediction_type": _PREDICTS_NOISE,
        "algorithm_type": ("dpmsolver++", "sde-dpmsolver++"),
    },
    "EDMEulerScheduler": {"prediction_type": _PREDICTS_NOISE},
    "EulerAncestralDiscreteScheduler": {"prediction_type": _PREDICTS_NOISE, "beta_schedule": _BETAS[:2]},
    "HeunDiscreteScheduler": {"beta_schedule": (*_BETAS, "exp")},
    "IPNDMScheduler": {"trained_betas": (None,)},
    "KDPM2AncestralDiscreteScheduler": {"prediction_type": _PREDICTS_NOISE, "beta_schedule": _BETAS[:2]},
    "KDPM2DiscreteScheduler": {"prediction_type": _PREDICTS_NOISE},
    "UnCLIPScheduler": {
        "beta_schedule": ("squaredcos_cap_v2",),
        "prediction_type": ("epsilon", "sample"),
        "variance_type": ("fixed_small_log",),
    },
    "LCMScheduler": {"rescale_betas_zero_snr": (False,)},
    "PNDMScheduler": {"prediction_type": _PREDICTS_NOISE},
    "SASolverScheduler": {"variance_type": (None,), "algorithm_type": ("data_prediction", "noise_prediction")},
    "TCDScheduler": {"rescale_betas_zero_snr": (False,)},
    "UniPCMultistepScheduler": {"use_dynamic_shifting": (False,)},
}
"""Exceptions for single classes."""

_RANGES: Mapping[str, tuple[float, float]] = {
    "num_train_timesteps": (50, 100_000),
    "original_inference_steps": (1, 100_000),
    "beta_start": (1e-9, 0.1),
    "beta_end": (1e-9, 0.1),
    "steps_offset": (0, 9),
    "rho": (1, 1000),
    "timestep_scaling": (0, 10_000),
    "sigma_min": (1e-9, 1e9),
    "sigma_max": (1e-9, 1e9),
    "sigma_data": (0, 1e9),
    "lambda_min_clipped": (float("-inf"), 0),
}
"""Smallest and largest value of a number."""

_FROM_THE_FIRST = (
    "DDIMParallelScheduler",
    "DDIMScheduler",
    "DDPMParallelScheduler",
    "DDPMScheduler",
    "PNDMScheduler",
)
"""Classes whose leading steps begin at the first, shifted by steps_offset."""
_EACH_ONCE = (
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "SASolverScheduler",
    "UniPCMultistepScheduler",
)
"""Classes that return NaN if a step occurs twice; their leading steps are spread over one more."""
_EITHER = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
_READ_BY_FEW = ("dynamic_thresholding_ratio", "sample_max_value", "flow_shift")
"""Numbers that may be null, since they are read only if another setting requires it."""


def misfit(class_name: str, key: str, value: Any, default: Any, further: tuple[Any, ...] = ()) -> str:
    """The fix for a setting's value that cannot be used; empty if it can.

    Args:
        class_name: of the scheduler.
        key, value: the setting.
        default: of the class for this setting.
        further: values that only this stage takes.
    """
    if isinstance(value, str) and value in further:
        return ""
    choices = {**_CHOICES, **_OF_CLASS.get(class_name, {})}.get(key)
    if choices is not None:
        found = any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in choices)
        return "" if found else f"write {' or '.join(_written(one) for one in choices)}"
    if isinstance(default, bool):
        fits = isinstance(value, bool) or value in (0, 1) or (value is None and key not in _EITHER)
        return "" if fits else "write true or false"
    if key in _RANGES or isinstance(default, (int, float)):
        return _misfit_number(key, value, default)
    if isinstance(default, Sequence) and not isinstance(default, str):
        return "" if isinstance(value, list) and all(map(_is_number, value)) else "write a list of numbers"
    if key == "trained_betas":
        fits = value is None or (isinstance(value, list) and all(_is_number(one) and 0 < one < 1 for one in value))
        return "" if fits else "write null, or a list of numbers between 0 and 1"
    return ""


def _misfit_number(key: str, value: Any, default: Any) -> str:
    if value is None and (default is None or key in _READ_BY_FEW):
        return ""
    least, most = _RANGES.get(key, (float("-inf"), float("inf")))
    whole = isinstance(default, int) and not isinstance(default, bool)
    fits = _is_number(value) and least <= value <= most and (isinstance(value, int) or not whole)
    if fits:
        return ""
    usual = "" if default is None else f" such as {default}"
    return f"write a {'whole ' if whole else ''}number{usual}"


def conflicts(class_name: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Settings that are valid alone but not together, or not on this machine.

    Args:
        class_name: of the scheduler.
        config: its settings, complete.

    Yields:
        The setting, why it cannot be used, and a fix.
    """
    asked = [key for key in _EITHER if config.get(key)]
    if len(asked) > 1:
        yield asked[1], f"{asked[0]} is true, but only one of them can be", f"write {asked[1]}: false"
    if config.get("use_beta_sigmas") and find_spec("scipy") is None:
        yield "use_beta_sigmas", "it needs the package scipy, which is not installed", "install it: pip install scipy"
    yield from _at_zero(class_name, config)
    if config.get("timestep_type") == "continuous" and config.get("prediction_type") != "v_prediction":
        yield "timestep_type", "it needs prediction_type: v_prediction", "write timestep_type: discrete"
    betas, steps = config.get("trained_betas"), config.get("num_train_timesteps")
    if isinstance(betas, list) and isinstance(steps, int) and len(betas) != steps:
        yield (
            "trained_betas",
            f"it has {counted(len(betas), 'number')}, but num_train_timesteps is {steps}",
            "write null",
        )


def _at_zero(class_name: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Settings that cannot be used with a last sigma of zero: some are refused, some return NaN."""
    if config.get("final_sigmas_type") != "zero":
        return
    method = config.get("algorithm_type")
    if class_name.startswith("DPMSolver") and method not in ("dpmsolver++", "sde-dpmsolver++"):
        why = f"algorithm_type is {method}, which cannot end at zero"
        yield "final_sigmas_type", why, "write final_sigmas_type: sigma_min"
    if class_name == "UniPCMultistepScheduler":
        for key, right in (("solver_type", "bh2"), ("predict_x0", "true"), ("lower_order_final", "true")):
            if not config[key] or config[key] == "bh1":
                yield key, "it returns NaN if final_sigmas_type is zero", f"write {key}: {right}"


def least_steps(class_name: str, config: Mapping[str, Any]) -> int:
    """The fewest denoising steps that a sampler with these settings can run.

    PNDM starts with Runge-Kutta steps over its first four timesteps, unless they are skipped; UnCLIP divides by the
    steps after the first.
    """
    if class_name == "UnCLIPScheduler":
        return 2
    return 4 if class_name == "PNDMScheduler" and not config.get("skip_prk_steps") else 1


def most_steps(class_name: str, config: Mapping[str, Any], wanted: int, *, whole: bool = True) -> int:
    """The most denoising steps, at most `wanted`, that a sampler with these settings can run.

    Args:
        class_name: of the scheduler.
        config: its settings, complete.
        wanted: number of steps.
        whole: whether all of them are run, including the noisiest.
    """
    trained = int(config.get("num_train_timesteps", 1000))
    most = min(wanted, trained, int(config.get("original_inference_steps", trained)))
    if not whole:
        return most
    spacing, offset = config.get("timestep_spacing"), int(config.get("steps_offset", 0))
    if class_name in _EACH_ONCE and spacing == "linspace":
        return min(most, trained - 1)
    if spacing != "leading" or class_name not in (*_FROM_THE_FIRST, *_EACH_ONCE):
        return most
    left_out = 1 if class_name in _EACH_ONCE else 0
    # The noisiest step must be one for which the model was trained.
    noisiest = ((n, (n - 1 + left_out) * (trained // (n + left_out)) + offset) for n in range(most, 0, -1))
    return next((n for n, step in noisiest if step < trained and n + left_out <= trained), 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
