"""Files of pictures, decoded and encoded by Pillow, or by OpenCV where that is absent."""
from __future__ import annotations

import io
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

__all__: list[str] = []


@cache
def _library(name: str) -> Any:
    """An installed package, imported when it is first needed; None where it is absent."""
    try:
        return import_module(name)
    except ImportError:
        return None


def _pillow(what: str) -> Any:
    """Pillow; None where there is OpenCV in its place. ImportError where there is neither."""
    found = _library("PIL.Image")
    if found is None and _library("cv2") is None:
        raise ImportError(f"{what} needs Pillow or OpenCV, and neither is installed: `pip install mxtracer[image]`, or "
                          "`pip install pillow`")
    return found


#: Pillow's names of the formats that are read: those of MXNet, and two more.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "PPM", "WEBP", "GIF")
#: Pixels for which memory is always there, and the most in one byte of a file: a plain JPEG or PNG has up to 350.
_SMALL, _DENSEST = 1 << 22, 2000
_SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".png": "PNG", ".bmp": "BMP", ".dib": "BMP",
             ".tif": "TIFF", ".tiff": "TIFF", ".ppm": "PPM", ".webp": "WEBP"}


def decode(data: Any, color: bool = True, to_rgb: bool = True, what: str = "imdecode") -> np.ndarray:
    """The picture in a file's bytes: uint8, (height, width, 3), or (height, width, 1) unless `color`.

    to_rgb: the order of the channels; otherwise they are blue, green, red.

    The EXIF orientation is ignored, transparency dropped; of numbers of 16 bits the upper 8 are taken. MXNetError for
    bytes that are no picture, or an incomplete one. ImportError if neither Pillow nor OpenCV is installed.
    """
    pillow = _pillow(what)
    if not len(data):
        raise MXNetError(f"{what}: Input cannot be an empty buffer")
    if pillow is None:
        return _by_opencv(data, color, to_rgb, what)
    try:
        picture = _opened(data)
        if picture.format == "JPEG" and not color and picture.mode != "CMYK":
            picture.draft("L", picture.size)
        return _pixels(picture, color, to_rgb)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise errors of many types for malformed files
        raise MXNetError(f"{what}: Decoding failed. Invalid image file: {error}") from None


def _opened(data: Any) -> Any:
    """The picture in a file's bytes, not decoded yet. ValueError for one of more pixels than these bytes can hold."""
    picture = _library("PIL.Image").open(io.BytesIO(data), formats=_FORMATS)
    width, height = picture.size
    if width * height > max(_SMALL, _DENSEST * len(data)):
        raise ValueError(f"{width} x {height} pixels in {len(data)} bytes")
    return picture


def _pixels(picture: Any, color: bool, to_rgb: bool) -> np.ndarray:
    if picture.mode.startswith("I"):  # 16 bits
        found = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)[..., None]
        return np.repeat(found, 3, 2) if color else found
    if color:
        found = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
        return found if to_rgb else found[..., ::-1]
    if picture.mode in ("1", "L", "LA"):
        return np.asarray(picture.convert("L"))[..., None]
    found = np.asarray(picture.convert("RGB"))
    if picture.format == "PNG":  # the arithmetic of libpng, then that of OpenCV
        gray = (found.astype(np.int32) @ np.array((9797, 19234, 3737), np.int32)) >> 15
    else:
        gray = (found.astype(np.int32) @ np.array((4899, 9617, 1868), np.int32) + (1 << 13)) >> 14
    return gray.astype(np.uint8)[..., None]


def _by_opencv(data: Any, color: bool, to_rgb: bool, what: str) -> np.ndarray:
    opencv = _library("cv2")
    flags = (opencv.IMREAD_COLOR if color else opencv.IMREAD_GRAYSCALE) | opencv.IMREAD_IGNORE_ORIENTATION
    found = opencv.imdecode(np.frombuffer(data, np.uint8), flags)
    if found is None:
        raise MXNetError(f"{what}: Decoding failed. Invalid image file")
    return (found[..., ::-1] if to_rgb else found) if color else found[..., None]


def decode_unchanged(data: Any, iscolor: int, what: str) -> np.ndarray:
    """The picture in a file's bytes as OpenCV's `imdecode` gives it: blue, green, red; gray ones (height, width).

    iscolor: 0: gray. 1: three channels. -1: the file's own channels.
    """
    if iscolor >= 0:
        found = decode(data, iscolor != 0, False, what)
        return np.ascontiguousarray(found) if iscolor else found[..., 0]
    if _pillow(what) is None:
        found = _library("cv2").imdecode(np.frombuffer(data, np.uint8), iscolor)
        if found is None:
            raise MXNetError(f"{what}: Decoding failed. Invalid image file")
        return found
    try:
        picture = _opened(data)
        mode = picture.mode
        if mode in ("1", "L") or mode.startswith("I"):
            return np.asarray(picture.convert("L") if mode == "1" else picture)
        if "A" in mode:
            return np.asarray(picture.convert("RGBA"))[..., [2, 1, 0, 3]]
        return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])
    except MemoryError:
        raise
    except Exception as error:
        raise MXNetError(f"{what}: Decoding failed. Invalid image file: {error}") from None


def encode(picture: Any, suffix: str = ".jpg", quality: int = 95) -> bytes:
    """The bytes of a file with a picture.

    picture: uint8, (height, width), or (height, width, 3) in the order blue, green, red.
    suffix: ".jpg", ".png" or another file name's end; MXNetError for an unknown one.
    quality: for JPEG 1 to 100; for PNG the level of compression, where more than 9 is 9.
    """
    pillow, opencv = _pillow("pack_img"), _library("cv2")
    pixels = np.asarray(picture)
    kind = _SUFFIXES.get(suffix.lower())
    if kind is None:
        raise MXNetError(f"a picture cannot be encoded as {suffix!r}: the formats are {', '.join(_SUFFIXES)}")
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise MXNetError(f"a picture to encode is uint8, (height, width) or (height, width, channels), not "
                         f"{pixels.dtype}, {pixels.shape}")
    if pillow is None:
        options = {"JPEG": [opencv.IMWRITE_JPEG_QUALITY, quality],
                   "PNG": [opencv.IMWRITE_PNG_COMPRESSION, min(quality, 9)]}
        return opencv.imencode(suffix, pixels, options.get(kind))[1].tobytes()
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[..., [2, 1, 0, 3][:pixels.shape[2]]])
    file = io.BytesIO()
    settings = {"JPEG": {"quality": quality}, "PNG": {"compress_level": min(quality, 9)}}.get(kind, {})
    pillow.fromarray(pixels).save(file, kind, **settings)
    return file.getvalue()
