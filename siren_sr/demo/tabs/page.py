"""The page: its tabs, and how it looks."""

from __future__ import annotations

import gradio as gr
from gradio.themes import Default

from siren_sr.demo.desk import Desk
from siren_sr.demo.tabs.enlarging import EnlargingTab
from siren_sr.demo.tabs.exploring import TAB as EXPLORE
from siren_sr.demo.tabs.exploring import ExploringTab
from siren_sr.demo.tabs.rebuilding import RebuildingTab
from siren_sr.demo.tabs.sounds import SoundTab

TITLE = "siren_sr"

THEME = Default(
    primary_hue="indigo",
    font=["ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "monospace"],
)
CSS = """
.gradio-container { max-width: 1280px !important; width: 100%; margin: 0 auto; }
.job .track { height: 10px; border-radius: 5px; background: #8884; overflow: hidden; }
.job .track div { height: 100%; background: #4f46e5; }
.job p { margin: 4px 0; }
.job.problem { border-left: 4px solid #b91c1c; padding: 6px 12px; }
.found, .found tr, .found th, .found td { border: 0 !important; }
.found th { text-align: left; font-weight: 500; opacity: .75; padding: 2px 16px 2px 0 !important; vertical-align: top; }
.found td { padding: 2px 0 !important; }
"""


def build(desk: Desk) -> gr.Blocks:
    """The page, whose work is done at a desk."""
    limits = desk.limits
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown(
            "# siren_sr\nSinusoidal networks for pictures and sounds. Everything is computed here: "
            f"files of up to {limits.upload:g} MB stay on this machine, and are removed an hour later or when the "
            "program ends."
        )
        with gr.Tabs() as tabs:
            with gr.Tab("Enlarge a photograph", id="enlarge"):
                enlarging = EnlargingTab(desk)
            with gr.Tab("Explore a network", id=EXPLORE):
                exploring = ExploringTab()
            with gr.Tab("Rebuild and blend", id="rebuild"):
                RebuildingTab(desk)
            with gr.Tab("Sound", id="sound"):
                SoundTab(desk)
        exploring.wire(enlarging.explore, enlarging.fit, tabs)

        def gone(request: gr.Request) -> None:
            desk.halt(str(request.session_hash))

        page.unload(gone)
    page.queue(max_size=32, api_open=False)
    return page
