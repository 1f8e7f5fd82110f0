"""The tab that shows a saved fit."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import gradio as gr

from siren_sr import io
from siren_sr.demo import pictures, words
from siren_sr.demo.exploring import SCREEN, place, render
from siren_sr.demo.view import View
from siren_sr.fitting.fit import Fit

TAB = "explore"
NONE = "There is no fit yet: choose a file that was saved."
LARGE = 4096  # pixels of the longer side of what is downloaded, at most
KINDS = {
    "Zoom in": ("zoom", 2.0, 0.0),
    "Zoom out": ("zoom", 0.5, 0.0),
    "Left": ("move", 0.0, -0.5),
    "Right": ("move", 0.0, 0.5),
    "Up": ("move", -0.5, 0.0),
    "Down": ("move", 0.5, 0.0),
    "Whole picture": ("whole", 0.0, 0.0),
}
"""What the buttons do."""

Shown = tuple[Any, ...]


class ExploringTab:
    """The widgets and what they do."""

    def __init__(self) -> None:
        """Build the tab."""
        self._fit, self._view = gr.State(None, time_to_live=3600), gr.State(None)
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                file = gr.File(
                    label="A saved fit (.safetensors)", file_types=[".safetensors"], height=160, elem_id="fit"
                )
                with gr.Row():
                    buttons = {name: gr.Button(name, size="sm", min_width=90) for name in KINDS}
                side = gr.Slider(256, LARGE, 2048, step=256, label="Pixels of the longer side of the download")
                save = gr.Button("Render this part", elem_id="render-part")
                part = gr.DownloadButton("Download", interactive=False, elem_id="download-part")
            with gr.Column(scale=5, min_width=300):
                self._status = gr.HTML(
                    words.note("Choose a saved fit, or enlarge a photograph and press Explore it."),
                    elem_id="explore-status",
                )
                self._picture = gr.Image(
                    label="Click to look closer",
                    format="png",
                    interactive=False,
                    elem_id="view",
                    buttons=["fullscreen"],
                )
        self._outputs = [self._fit, self._view, self._status, self._picture]
        common: dict[str, Any] = {"concurrency_id": "view", "concurrency_limit": 2, "api_visibility": "private"}
        file.upload(self._load, file, self._outputs, **common)
        state = [self._fit, self._view]
        for name, button in buttons.items():
            button.click(self._step(name), state, self._outputs, **common)
        self._picture.select(self._closer, state, self._outputs, **common)
        save.click(self._save, [*state, side], [self._status, part], **common)

    def wire(self, button: Any, fit: Any, tabs: Any) -> None:
        """Let another tab's button show the fit that its state holds here."""
        button.click(self._take, fit, [*self._outputs, tabs], api_visibility="private")

    def _take(self, fit: Fit | None) -> Shown:
        return (*self._opened(fit), gr.Tabs(selected=TAB))

    def _load(self, path: str) -> Shown:
        try:
            fit = Fit.load(path)
            pictures.as_picture(fit)
        except Exception as error:
            return None, None, words.problem(error), None
        return self._opened(fit)

    def _opened(self, fit: Fit | None) -> Shown:
        return self._show(fit, None if fit is None else View.whole(*fit.shape))

    def _step(self, name: str) -> Any:
        """What the button of this name does."""

        def step(fit: Fit | None, view: View | None) -> Shown:
            kind, down, right = KINDS[name]
            if view is not None:
                if kind == "whole":
                    view = View.whole(view.rows, view.columns)
                else:
                    view = view.zoomed(down) if kind == "zoom" else view.moved(down, right)
            return self._show(fit, view)

        return step

    def _closer(self, fit: Fit | None, view: View | None, event: gr.SelectData) -> Shown:
        if view is not None:
            rows, columns = view.size(SCREEN)
            column, row = event.index
            view = view.closer((row + 0.5) / rows, (column + 0.5) / columns, 2)
        return self._show(fit, view)

    def _show(self, fit: Fit | None, view: View | None) -> Shown:
        if fit is None or view is None:
            return None, None, words.problem(ValueError(NONE)), None
        try:
            pixels = render(fit, view, SCREEN)
        except Exception as error:
            return fit, view, words.problem(error), None
        return fit, view, words.note(place(view)), pixels

    def _save(self, fit: Fit | None, view: View | None, side: float) -> tuple[str, Any]:
        if fit is None or view is None:
            return words.problem(ValueError(NONE)), gr.update()
        try:
            # Gradio serves the files in this folder; old ones are removed.
            path = os.path.join(tempfile.mkdtemp(dir=os.environ["GRADIO_TEMP_DIR"]), "part.png")
            io.write_image(path, render(fit, view, int(side)))
        except Exception as error:
            return words.problem(error), gr.update()
        rows, columns = view.size(int(side))
        return words.note(f"Rendered {columns} x {rows} pixels."), gr.update(value=path, interactive=True)
