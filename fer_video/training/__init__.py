"""In: labelled pictures of faces. Out: a multi-task backbone as an ONNX file. The only room that imports torch.

Method: multi-task learning of light networks (arXiv 2103.17107). `train` runs a recipe, `export` writes the network
for fervid, `evaluate` measures any backbone by ONNX Runtime (without torch), `quantize` makes it int8 (without torch).
"""

from fer_video.errors import OptionError

__all__ = ["need_torch"]


def need_torch() -> None:
    """Raises OptionError where the extra [train] is not installed."""
    try:
        import timm as _timm  # noqa: F401
        import torch as _torch  # noqa: F401
    except ImportError as error:
        raise OptionError(f"training needs torch and timm ({error}): pip install 'fervid[train]'") from error
