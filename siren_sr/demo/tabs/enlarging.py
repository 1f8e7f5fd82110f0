"""The tab that enlarges a photograph."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from siren_sr.demo import words
from siren_sr.demo.desk import Desk
from siren_sr.demo.enlarging import FORMATS, Enlarged, work
from siren_sr.demo.tabs.controls import Controls, Updates
from siren_sr.superres.options import AUTO, ESTIMATE, PHOTOGRAPHS
from siren_sr.superres.picture.quality import QUALITIES

TAB = "enlarge"
SUFFIXES = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".avif"]


class EnlargingTab:
    """The widgets and what they do.

    Attributes:
        fit: The state that holds the fit of this visitor, for the tab that explores it.
        explore: The button that goes there.
    """

    def __init__(self, desk: Desk) -> None:
        """Build the tab."""
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                inputs = self._inputs()
                self._controls = Controls(desk, TAB, "Enlarge")
            with gr.Column(scale=5, min_width=300):
                self._controls.line("Choose a photograph, and press Enlarge.")
                self._outputs()
        self.fit = gr.State(None, time_to_live=3600)
        self._controls.wire(self._run, inputs, [*self._shown, self.fit])

    def _inputs(self) -> list[Any]:
        photo = gr.File(label="Photograph", file_types=["image", *SUFFIXES], height=160, elem_id="photo")
        scale = gr.Slider(1, 8, 2, step=0.25, label="Scale", info="1 only removes noise and compression")
        quality = gr.Radio(list(QUALITIES), value="standard", label="Quality", info="how long to try")
        keep = gr.Checkbox(
            True, label="Also train the network", info="a continuous picture, to download and to explore; takes longer"
        )
        with gr.Accordion("More", open=False):
            prior = gr.Radio(
                [("other photographs", PHOTOGRAPHS), ("nothing but this image", "none")],
                value=PHOTOGRAPHS,
                label="Where details come from",
            )
            kernel = gr.Radio(
                [("bicubic, as usual", "bicubic"), ("find it in the image", ESTIMATE)],
                value="bicubic",
                label="What made the image small",
            )
            mend = gr.Checkbox(True, label="Reckon with noise and compression")
            file_format = gr.Radio(list(FORMATS), value="PNG", label="Format of the download")
        return [photo, scale, quality, prior, kernel, mend, keep, file_format]

    def _outputs(self) -> None:
        slider = gr.ImageSlider(
            label="Bicubic (left), siren_sr (right)",
            type="filepath",
            interactive=False,
            max_height=700,
            elem_id="slider",
            visible=False,
        )
        with gr.Row():
            picture = gr.DownloadButton("Download picture", interactive=False, elem_id="download-picture")
            network = gr.DownloadButton("Download network", interactive=False, elem_id="download-network")
            self.explore = gr.Button("Explore it", interactive=False, elem_id="explore-it")
        found = gr.HTML(elem_id="found")
        with gr.Row(visible=False) as spectra:
            left = gr.Image(
                label="Spectrum, bicubic", interactive=False, type="filepath", buttons=["fullscreen", "download"]
            )
            right = gr.Image(
                label="Spectrum, siren_sr", interactive=False, type="filepath", buttons=["fullscreen", "download"]
            )
        self._shown = [slider, picture, network, self.explore, found, spectra, left, right]

    def _run(
        self,
        path: str | None,
        scale: float,
        quality: str,
        prior: str,
        kernel: str,
        mend: bool,
        keep: bool,
        file_format: str,
        request: gr.Request,
    ) -> Iterator[Updates]:
        if path is None:
            yield self._controls.refuse("There is no photograph yet: choose one, or drop it on the page.")
            return
        asked = {
            "scale": scale,
            "quality": quality,
            "prior": None if prior == "none" else prior,
            "kernel": kernel,
            "noise": AUTO if mend else 0.0,
            "compression": AUTO if mend else None,
        }
        task = partial(work, path, keep=keep, file_format=file_format, **asked)
        yield from self._controls.work(task, self._told, request)

    def _told(self, result: Enlarged) -> tuple[str, Updates]:
        slider, picture, network, explore, found, spectra, left, right = self._shown
        return result.text, {
            slider: gr.update(value=result.pair, visible=True),
            picture: gr.update(value=result.download, interactive=True),
            network: gr.update(value=result.network, interactive=result.network is not None),
            explore: gr.update(interactive=result.fit is not None),
            found: words.table(result.found),
            spectra: gr.update(visible=True),
            left: result.spectra[0],
            right: result.spectra[1],
            self.fit: result.fit,
        }
