"""Files are read and written here: images and sounds as NumPy arrays exactly as stored, with their metadata.

Nothing is lost in silence. What a format cannot hold is refused, and `check_writable` refuses it before any
computing. A file is written whole or not at all (`atomic_write`).

Colour is never converted: 8 bit stays 8 bit and 16 stays 16, gray stays gray, alpha stays unpremultiplied.
Palettes become RGB (RGBA if they hold transparency) and 1-bit images become gray 0 and 255. CMYK, float and
32-bit images, animations and many-page files are refused.
"""

from .atomic import atomic_write, check_folder
from .audio import AUDIO_FORMATS, AudioFile, AudioFormat, check_audio_writable, read_audio, write_audio
from .coefficients import read_jpeg_coefficients
from .formats import IMAGE_FORMATS, ImageFormat, format_name
from .image import MAX_PIXELS, ImageFile
from .jpeg import SUBSAMPLINGS, JpegTables, pillow_jpeg_tables, read_jpeg_tables
from .memory import available_memory, check_memory, is_lack_of_memory, total_memory
from .names import SOUND_SUFFIXES
from .read import read_image, read_stream
from .save import save, upright_image
from .source import Source, is_stream
from .tensors import check_tensors_path, checksum, read_tensors, write_tensors
from .tiff import LEFT_OUT
from .write import check_metadata, check_writable, stripped, write_image

__all__ = [
    "AUDIO_FORMATS",
    "IMAGE_FORMATS",
    "LEFT_OUT",
    "MAX_PIXELS",
    "SOUND_SUFFIXES",
    "SUBSAMPLINGS",
    "AudioFile",
    "AudioFormat",
    "ImageFile",
    "ImageFormat",
    "JpegTables",
    "Source",
    "atomic_write",
    "available_memory",
    "check_audio_writable",
    "check_folder",
    "check_memory",
    "check_metadata",
    "check_tensors_path",
    "check_writable",
    "checksum",
    "format_name",
    "is_lack_of_memory",
    "is_stream",
    "pillow_jpeg_tables",
    "read_audio",
    "read_image",
    "read_jpeg_coefficients",
    "read_jpeg_tables",
    "read_stream",
    "read_tensors",
    "save",
    "stripped",
    "total_memory",
    "upright_image",
    "write_audio",
    "write_image",
    "write_tensors",
]
