"""The tab of Poisson problems."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from siren_sr.demo.desk import Desk
from siren_sr.demo.rebuilding import OPERATORS, PLACES, Rebuilt, blend, rebuild
from siren_sr.demo.tabs.controls import Controls, Updates

TAB = "poisson"


class RebuildingTab:
    """The widgets and what they do."""

    def __init__(self, desk: Desk) -> None:
        """Build the tab."""
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                first = gr.File(label="Picture", file_types=["image"], height=160, elem_id="poisson-first")
                of = gr.Radio(list(OPERATORS), value="gradient", label="Rebuild it from its")
                second = gr.File(
                    label="A second picture, to blend into it",
                    file_types=["image"],
                    height=160,
                    elem_id="poisson-second",
                )
                where = gr.Dropdown(list(PLACES), value="everywhere", label="Blend it into")
                side = gr.Slider(
                    32, 256, 96, step=16, label="Longer side", info="in pixels; larger pictures are reduced"
                )
                steps = gr.Slider(10, 500, 100, step=10, label="Steps")
                self._controls = Controls(desk, TAB, "Rebuild")
            with gr.Column(scale=5, min_width=300):
                self._controls.line("Choose a picture, or two, and press Rebuild.")
                pair = gr.ImageSlider(
                    label="The picture (left) and what was rebuilt (right)",
                    type="filepath",
                    interactive=False,
                    max_height=600,
                    visible=False,
                )
                derivative = gr.Image(
                    label="What the network was given",
                    type="filepath",
                    buttons=["fullscreen", "download"],
                    interactive=False,
                    visible=False,
                    height=300,
                )
                download = gr.DownloadButton("Download", interactive=False)
        self._shown = [pair, derivative, download]
        self._controls.wire(self._run, [first, second, of, where, side, steps], self._shown)

    def _run(
        self,
        first: str | None,
        second: str | None,
        of: str,
        where: str,
        side: float,
        steps: float,
        request: gr.Request,
    ) -> Iterator[Updates]:
        if first is None:
            yield self._controls.refuse("There is no picture yet: choose one.")
            return
        size: dict[str, Any] = {"side": int(side), "steps": int(steps)}
        if second is None:
            task = partial(rebuild, first, of=of, **size)
        else:
            task = partial(blend, first, second, where=where, **size)
        yield from self._controls.work(task, self._told, request)

    def _told(self, result: Rebuilt) -> tuple[str, Updates]:
        pair, derivative, download = self._shown
        return result.text, {
            pair: gr.update(value=result.pair, visible=True),
            derivative: gr.update(value=result.derivative, visible=True),
            download: gr.update(value=result.pair[1], interactive=True),
        }
