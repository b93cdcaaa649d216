"""DINOv2 and DINOv3 through transformers: from a local folder, this machine's cache, or the hub, and no other way."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from edge.errors import EdgeError

log = logging.getLogger(__name__)

_KINDS = ("dinov2", "dinov2_with_registers", "dinov3_vit")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_REMEDY = "name efficientnet-lite0, a local folder of DINOv2 or DINOv3, or a hub id"


def load_dino(name: str) -> nn.Module:
    """A DINOv2 or DINOv3 vision transformer of any size, float32, on the CPU.

    Only safetensors are read and no code of a hub is run. What is cached is taken without asking the network.

    Args:
        name: a folder in transformers' format (``config.json``, ``model.safetensors``), or a hub id.

    Raises:
        EdgeError: transformers is missing; the weights are not to be had, are damaged, incomplete, or are of another
            kind of network.
    """
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise EdgeError('DINO backbones need transformers: pip install "efiqa-edge[train,dino]".') from error
    with _quiet():
        try:
            net, missing = _load(name, local=True)
        except Exception as error:  # its kinds differ with transformers' version: dataclass, safetensors, config, ...
            if not (isinstance(error, OSError) and _may_be_on_the_hub(name)):
                raise _refusal(name, error) from error
            log.info("%s: not on this machine, asking the hub", name)
            try:
                net, missing = _load(name, local=False)
            except Exception as error:
                raise _refusal(name, error) from error
    if missing:
        raise EdgeError(
            f"the backbone {name} lacks {len(missing)} of its weights, such as {missing[0]}: download it again."
        )
    return net


def _load(name: str, local: bool) -> tuple[nn.Module, list[str]]:
    """The network, and the names of weights that its files lack and transformers has made up."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(name, local_files_only=local, trust_remote_code=False)
    if config.model_type not in _KINDS:
        raise ValueError(f"its kind is {config.model_type}, not one of {', '.join(_KINDS)}")
    if len(np.unique(config.patch_size)) != 1:
        raise ValueError(f"its patches are not square but {config.patch_size}")
    net, info = AutoModel.from_pretrained(
        name, config=config, local_files_only=local, trust_remote_code=False, use_safetensors=True,
        dtype=torch.float32, output_loading_info=True,
    )  # fmt: skip
    # The mask token belongs to their training; no picture of ours has masked patches.
    return cast("nn.Module", net), sorted(key for key in info["missing_keys"] if not key.endswith("mask_token"))


def _may_be_on_the_hub(name: str) -> bool:
    """Whether to ask for it: the name is a hub id and no folder, and the user has not switched the hub off."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    return _HUB_ID.fullmatch(name) is not None and not Path(name).is_dir() and not HF_HUB_OFFLINE


def _refusal(name: str, error: BaseException) -> EdgeError:
    if not Path(name).is_dir() and not _HUB_ID.fullmatch(name):
        why = "there is no such folder"
    elif isinstance(error, RuntimeError):  # a report of many lines about shapes
        why = "its weights do not fit its config.json"
    else:
        why = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".: ")
    return EdgeError(f"the backbone {name} cannot be loaded ({why}): {_REMEDY}.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence transformers but for the download bar on a terminal; restore its settings afterwards."""
    hub: Any = importlib.import_module("huggingface_hub.utils")
    words: Any = importlib.import_module("transformers.utils.logging")
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    bars, hub_bars = words.is_progress_bar_enabled(), not hub.are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            words.disable_progress_bar()  # the hub's too
            if hub_bars and sys.stderr.isatty():
                hub.enable_progress_bars()
            yield
        finally:
            if bars:
                words.enable_progress_bar()
            (hub.enable_progress_bars if hub_bars else hub.disable_progress_bars)()
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
