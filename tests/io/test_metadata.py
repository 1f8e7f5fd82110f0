"""Metadata that would be a lie in the new file, and what is left out when it is to be stripped."""

from __future__ import annotations

import logging
import struct
from dataclasses import replace
from xml.dom import minidom

import numpy as np
import pytest
import tifffile
from PIL import Image

import siren_sr
from siren_sr import io
from siren_sr.io.xmp import resized_xmp

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
SPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "HDRGainMap": "http://ns.apple.com/HDRGainMap/1.0/",
    "apdi": "http://ns.apple.com/pixeldatainfo/1.0/",
    "GDepth": "http://ns.google.com/photos/1.0/depthmap/",
    "Device": "http://ns.google.com/photos/dd/1.0/device/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
}
PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" {spaces} '
    'dc:source="mine &amp; yours" tiff:ImageWidth="9" {attributes}><dc:format>image/jpeg</dc:format>{elements}'
    '</rdf:Description></rdf:RDF></x:xmpmeta>   <?xpacket end="w"?>'
)
DIRECTORY = (
    '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="video/mp4" '
    'Item:Semantic="MotionPhoto" Item:Length="4711"/></rdf:li></rdf:Seq></Container:Directory>'
)


def packet(attributes="", elements=""):
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())
    return PACKET.format(spaces=spaces, attributes=attributes, elements=elements).encode()


@pytest.mark.parametrize(("attributes", "elements"), [
    ('GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"', DIRECTORY),
    ('GCamera:MicroVideo="1" GCamera:MicroVideoOffset="4711"', ""),
    ('hdrgm:Version="1.0"', DIRECTORY.replace("MotionPhoto", "GainMap")),
    ("", "<hdrgm:GainMapMax><rdf:Seq><rdf:li>2.3</rdf:li></rdf:Seq></hdrgm:GainMapMax>"),
    ('HDRGainMap:HDRGainMapVersion="65536"', "<apdi:AuxiliaryImageType>urn:x</apdi:AuxiliaryImageType>"),
    ('GDepth:Format="RangeInverse"', "<Device:Container><rdf:Seq/></Device:Container>"),
    ('xmpNote:HasExtendedXMP="0123456789ABCDEF"', ""),
])  # fmt: skip
@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp"])
def test_videos_and_maps_that_are_not_there_are_not_announced(tmp_path, extension, attributes, elements):
    like = io.ImageFile(PIXELS, "JPEG", xmp=packet(attributes, elements))
    io.write_image(tmp_path / f"a{extension}", np.repeat(PIXELS, 2, axis=1), like)
    written = io.read_image(tmp_path / f"a{extension}").xmp
    root = minidom.parseString(written[written.index(b"<x:") : written.index(b"</x:xmpmeta>") + 12])
    description = root.getElementsByTagName("rdf:Description")[0]
    names = [name for name, _ in description.attributes.items() if not name.startswith("xmlns:")]
    assert sorted(names) == ["dc:source", "rdf:about", "tiff:ImageWidth"]
    assert description.getAttribute("dc:source") == "mine & yours"
    assert description.getAttribute("tiff:ImageWidth") == "18"
    assert [child.nodeName for child in description.childNodes] == ["dc:format"]
    assert written.endswith(b'   <?xpacket end="w"?>')


def test_what_announces_nothing_stays_as_it_is():
    plain = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a  b = "odd but mine"/></x:xmpmeta>'
    assert resized_xmp(plain, 5, 6) == plain
    assert resized_xmp(None, 5, 6) is None
    kept = packet('GCamera:BurstID="7"')
    assert b'GCamera:BurstID="7"' in (resized_xmp(kept, 5, 6) or b"")


@pytest.mark.parametrize("broken", [
    packet('hdrgm:Version="1.0"').replace(b"</rdf:RDF>", b""),
    packet('hdrgm:Version="1.0"').replace(b"<x:xmpmeta", b'<!DOCTYPE a [<!ENTITY b "c">]><x:xmpmeta'),
    packet('hdrgm:Version="1.0"', "<dc:a>" * 20_000 + "</dc:a>" * 20_000),
    packet('hdrgm:Version="1.0"', " " * 2**22),
    b"http://ns.adobe.com/hdr-gain-map/1.0/",
])  # fmt: skip
def test_an_announcement_that_cannot_be_read_is_left_out(broken):
    assert b"hdrgm:Version" not in (resized_xmp(broken, 5, 6) or b"")


# -------------------------------------------------------------------------------------------- sizes and places


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "siren_sr"]


def write_like(source, target):
    image = io.read_image(source)
    io.write_image(target, image.pixels.repeat(2, axis=0), image)
    return io.read_image(target)


def geotiff(path):
    scale, tie = (33550, 12, 3, (0.5, 0.5, 0.0)), (33922, 12, 6, (0.0, 0.0, 0.0, 440720.0, 3751320.0, 0.0))
    keys = (34735, 3, 4, (1, 1, 0, 0))
    tifffile.imwrite(path, PIXELS, photometric="rgb", extratags=[scale, tie, keys], metadata=None)


def gdal(path):
    tifffile.imwrite(path, PIXELS, photometric="rgb", extratags=[(42113, 2, 0, "-9999", True)], metadata=None)


def imagej(path):
    tifffile.imwrite(path, PIXELS[..., 0], imagej=True, resolution=(2.5, 2.5), metadata={"unit": "um"})


def ome(path):
    tifffile.imwrite(path, PIXELS[..., 0], ome=True, metadata={"axes": "YX", "PhysicalSizeX": 0.4})


@pytest.mark.parametrize("target", ["b.tif", "b.png"])
@pytest.mark.parametrize(("make", "words"), [
    (geotiff, "the georeference (GeoTIFF)"), (gdal, "the georeference (GeoTIFF)"),
    (imagej, "the size of pixels and all else that ImageJ stored"), (ome, "the description of the measurement (OME)"),
])  # fmt: skip
def test_a_warning_tells_of_sizes_and_places_that_are_not_carried(tmp_path, caplog, make, words, target):
    make(tmp_path / "a.tif")
    back = write_like(tmp_path / "a.tif", tmp_path / target)
    expected = f"{words} of the input is not carried over to {tmp_path / target}, since it does not describe"
    assert [text.startswith(expected) for text in said(caplog)] == [True]
    assert (back.dpi, back.left_out) == (None, ())


def test_an_ordinary_tiff_gives_no_warning(tmp_path, caplog):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="rgb", resolution=(300, 300), resolutionunit="inch")
    back = write_like(tmp_path / "a.tif", tmp_path / "b.tif")
    assert back.dpi == (300, 300)
    assert said(caplog) == []


# ---------------------------------------------------------------------------------------------------------- strip


def private():
    """A turned photograph with all that tells of its owner, as a PNG and a TIFF can hold it."""
    exif = Image.Exif()
    exif[271], exif[274], exif[306] = "Camera", 6, "2026:01:02 03:04:05"
    exif.get_ifd(34853)[1] = "N"
    profile = b"\0" * 16 + b"RGB " + b"\0" * 108
    chunks = ((b"gAMA", struct.pack(">I", 45455)), (b"tEXt", b"Author\0somebody"), (b"iTXt", b"Title\0\0\0\0\0x"))
    return io.ImageFile(PIXELS, "", exif.tobytes()[6:], profile, (300.0, 300.0), packet(), chunks, ("a place",))


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp"])
def test_stripped_files_show_the_same_picture_and_tell_nothing_else(tmp_path, caplog, extension):
    kept, stripped = tmp_path / f"kept{extension}", tmp_path / f"stripped{extension}"
    io.write_image(kept, PIXELS, private())
    assert len(said(caplog)) == 1
    caplog.clear()
    io.write_image(stripped, PIXELS, private(), metadata="strip")
    assert said(caplog) == []
    for path, there in ((kept, True), (stripped, False)):
        data = path.read_bytes()
        assert (b"Camera" in data) is there
        assert (b"2026:01:02" in data) is there
        assert (b"mine &amp; yours" in data) is there
        if extension == ".png":
            assert (b"somebody" in data) is there
            assert b"gAMA" in data
    back = io.read_image(stripped)
    exif = Image.Exif()
    exif.load(back.exif)
    assert dict(exif) == {274: 6}
    assert not exif.get_ifd(34853)
    assert back.icc_profile == private().icc_profile
    assert back.xmp is None
    np.testing.assert_array_equal(back.pixels, io.read_image(kept).pixels)


def test_a_stripped_fit_shows_the_same_picture_and_tells_nothing_else(tmp_path, caplog):
    photo = replace(private(), format="JPEG")
    fit = siren_sr.fit_signal(photo, hidden_features=8, hidden_layers=1, steps=1)
    kept, stripped = tmp_path / "kept.safetensors", tmp_path / "stripped.safetensors"
    fit.save(kept)
    fit.save(stripped, metadata="strip")
    for path, there in ((kept, True), (stripped, False)):
        for text in (b"Camera", b"2026:01:02", b"mine &amp; yours"):
            assert (text in path.read_bytes()) is there
    back = siren_sr.Fit.load(stripped)
    assert back.origin.info.orientation == 6
    assert back.origin.info.icc_profile == private().icc_profile
    np.testing.assert_array_equal(back.render(), siren_sr.Fit.load(kept).render())
    io.write_image(tmp_path / "a.png", PIXELS, back.origin.info)
    assert said(caplog) == []
    assert fit.origin.info.xmp == packet()  # the fit itself stays as it is


def test_stripping_says_what_it_can_be(tmp_path):
    fit = siren_sr.fit_signal(PIXELS, hidden_features=8, hidden_layers=1, steps=1)
    for action in (
        lambda: fit.save(tmp_path / "a.safetensors", metadata="none"),
        lambda: io.write_image(tmp_path / "a.png", PIXELS, metadata="none"),
        lambda: io.check_writable(tmp_path / "a.png", channels=3, dtype="uint8", metadata="none"),
    ):
        with pytest.raises(ValueError, match='metadata is "keep" or "strip"; got \'none\''):
            action()
    long = io.ImageFile(PIXELS, "", xmp=bytes(70000))
    io.write_image(tmp_path / "a.jpg", PIXELS, long, metadata="strip")  # which could not be kept
    assert list(tmp_path.iterdir()) == [tmp_path / "a.jpg"]


def test_a_picture_without_metadata_is_written_as_before(tmp_path):
    for name in ("a.png", "b.png"):
        io.write_image(tmp_path / name, PIXELS, io.ImageFile(PIXELS, ""), metadata="keep" if name < "b" else "strip")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_logger_is_silent_where_nobody_writes(tmp_path, caplog):
    """Reading alone, as a fit does, is no reason for a warning."""
    geotiff(tmp_path / "a.tif")
    with caplog.at_level(logging.DEBUG):
        assert io.read_image(tmp_path / "a.tif").left_out == ("the georeference (GeoTIFF)",)
    assert said(caplog) == []


def test_a_saved_fit_still_warns_when_it_is_rendered_into_a_file(tmp_path, caplog):
    geotiff(tmp_path / "a.tif")
    fit = siren_sr.fit_signal(str(tmp_path / "a.tif"), hidden_features=8, hidden_layers=1, steps=1)
    fit.save(tmp_path / "a.safetensors")
    assert said(caplog) == []
    info = siren_sr.Fit.load(tmp_path / "a.safetensors").origin.info
    io.write_image(tmp_path / "b.png", PIXELS, info)
    assert [text.startswith("the georeference (GeoTIFF)") for text in said(caplog)] == [True]
