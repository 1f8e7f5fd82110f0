"""XMP packets (XML) are corrected here: the new size, and nothing about what the written file does not hold."""

from __future__ import annotations

import re
from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

# These namespaces describe videos, gain maps, depth maps and other pictures that lie in the file beside the picture.
# Each has the start of the names that are meant, where others of it can stay.
_BESIDE = {
    b"http://ns.google.com/photos/1.0/camera/": ("MotionPhoto", "MicroVideo"),
    b"http://ns.google.com/photos/1.0/container/": ("",),
    b"http://ns.google.com/photos/1.0/image/": ("",),
    b"http://ns.google.com/photos/1.0/audio/": ("",),
    b"http://ns.google.com/photos/1.0/depthmap/": ("",),
    b"http://ns.google.com/photos/dd/1.0/": ("",),
    b"http://ns.adobe.com/hdr-gain-map/1.0/": ("",),
    b"http://ns.apple.com/HDRGainMap/1.0/": ("",),
    b"http://ns.apple.com/pixeldatainfo/1.0/": ("",),
    b"http://ns.apple.com/depthData/1.0/": ("",),
    b"http://ns.apple.com/portraitEffectsMatte/1.0/": ("",),
    b"http://ns.apple.com/semanticSegmentationMatte/1.0/": ("",),
    b"http://ns.adobe.com/xmp/note/": ("HasExtendedXMP",),  # the second packet of a JPEG, which is not read
}

_MOST = 2**22  # bytes of a packet that is read as XML, which takes many times as much memory


def resized_xmp(xmp: bytes | None, height: int, width: int) -> bytes | None:
    """Return `xmp` with the new size in pixels, without announcements of what lay beside the picture in its file.

    A packet that announces something and cannot be read as XML is left out whole.
    """
    if xmp and any(namespace in xmp for namespace in _BESIDE):
        xmp = _of_the_picture_alone(xmp)
    for names, value in (
        (b"exif:PixelXDimension|tiff:ImageWidth", width),
        (b"exif:PixelYDimension|tiff:ImageLength", height),
    ):
        xmp = xmp and re.sub(rb"((?:%s)(?:=[\"']|>))\d+" % names, rb"\g<1>%d" % value, xmp)
    return xmp


def upright_xmp(xmp: bytes | None) -> bytes | None:
    """Return `xmp` with the orientation 1 (as stored), if it tells one."""
    return xmp and re.sub(rb"(tiff:Orientation(?:=[\"']|>))\d", rb"\g<1>1", xmp)


def _of_the_picture_alone(xmp: bytes) -> bytes | None:
    """Return the packet without the properties of `_BESIDE`, or None if it is no XML that is safe to read."""
    if len(xmp) > _MOST or b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:
        return None
    start, stop = xmp.find(b"<x:xmpmeta"), xmp.rfind(b"</x:xmpmeta>") + len(b"</x:xmpmeta>")
    if not 0 <= start < stop:
        start, stop = xmp.find(b"<rdf:RDF"), xmp.rfind(b"</rdf:RDF>") + len(b"</rdf:RDF>")
    if not 0 <= start < stop:
        return None
    try:
        root: Any = minidom.parseString(xmp[start:stop]).documentElement
        _prune(root)
        return xmp[:start] + root.toxml("utf-8") + xmp[stop:]
    except (ExpatError, ValueError, RecursionError):
        return None


def _prune(root: Any) -> None:
    """Remove the attributes and elements of `_BESIDE` from a tree."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        for child in list(element.childNodes):
            if child.nodeType == child.ELEMENT_NODE:
                if _is_beside(child):
                    element.removeChild(child)
                else:
                    waiting.append(child)
        for attribute in list(element.attributes.values()):
            if _is_beside(attribute):
                element.removeAttributeNode(attribute)


def _is_beside(node: Any) -> bool:
    """Return whether an element or attribute announces something that lay beside the picture."""
    space = (node.namespaceURI or "").encode()
    for namespace, starts in _BESIDE.items():
        if space == namespace or (space.startswith(namespace) and starts == ("",)):
            return (node.localName or "").startswith(starts)
    return False
