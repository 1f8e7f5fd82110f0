"""The tab of sounds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from siren_sr.demo import words
from siren_sr.demo.desk import Desk
from siren_sr.demo.sounds import Learned, work
from siren_sr.demo.tabs.controls import Controls, Updates

TAB = "sound"
SUFFIXES = [".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au", ".opus"]
LONGEST = 30  # seconds


class SoundTab:
    """The widgets and what they do."""

    def __init__(self, desk: Desk) -> None:
        """Build the tab."""
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                file = gr.File(label="Sound", file_types=["audio", *SUFFIXES], height=160, elem_id="sound-file")
                seconds = gr.Slider(1, LONGEST, 5, step=1, label="Seconds of it, from its beginning")
                steps = gr.Slider(0, 500, 0, step=10, label="Steps", info="0: as many as usual")
                self._controls = Controls(desk, TAB, "Learn")
            with gr.Column(scale=5, min_width=300):
                self._controls.line("Choose a sound, and press Learn.")
                players = [
                    gr.Audio(
                        label=name,
                        type="filepath",
                        buttons=["download"],
                        interactive=False,
                        visible=False,
                        elem_id=f"sound-{key}",
                    )
                    for key, name in (("before", "The sound"), ("after", "What the network says"))
                ]
                found = gr.HTML(elem_id="sound-found")
                with gr.Row():
                    drawn = [
                        gr.Image(
                            label=name,
                            type="filepath",
                            buttons=["fullscreen", "download"],
                            interactive=False,
                            visible=False,
                        )
                        for name in ("Spectrogram of the sound", "Spectrogram of the network")
                    ]
                with gr.Row():
                    downloads = [
                        gr.DownloadButton(f"Download {name}", interactive=False) for name in ("sound", "network")
                    ]
        self._shown: list[Any] = [*players, *drawn, *downloads, found]
        self._controls.wire(self._run, [file, seconds, steps], self._shown)

    def _run(self, path: str | None, seconds: float, steps: float, request: gr.Request) -> Iterator[Updates]:
        if path is None:
            yield self._controls.refuse("There is no sound yet: choose one.")
            return
        task = partial(work, path, seconds=seconds, steps=int(steps) or None)
        yield from self._controls.work(task, self._told, request)

    def _told(self, result: Learned) -> tuple[str, Updates]:
        files = [*result.sounds, *result.spectrograms]
        updates: Updates = {w: gr.update(value=f, visible=True) for w, f in zip(self._shown[:4], files, strict=True)}
        sound, network, found = self._shown[4:]
        return result.text, updates | {
            sound: gr.update(value=result.sounds[1], interactive=True),
            network: gr.update(value=result.network, interactive=True),
            found: words.table(result.found),
        }
