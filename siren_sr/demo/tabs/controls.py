"""What tabs with long work share: a button that starts it, one that cancels it, and a line that says how it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from siren_sr.demo import words
from siren_sr.demo.desk import Desk, Job

Updates = dict[Any, Any]


class Controls:
    """The two buttons and the line of a tab.

    Attributes:
        go: The button that starts the work.
        cancel: The button that cancels it.
        status: The line.
    """

    def __init__(self, desk: Desk, tab: str, verb: str) -> None:
        """Build the buttons here; ``verb`` is what the first one says."""
        self._desk, self._tab = desk, tab
        with gr.Row():
            self.go = gr.Button(verb, variant="primary", min_width=120, elem_id=f"{tab}-go")
            self.cancel = gr.Button("Cancel", interactive=False, min_width=90, elem_id=f"{tab}-cancel")
        self.status = gr.HTML()

    def line(self, hint: str) -> None:
        """Build the line here."""
        self.status = gr.HTML(words.note(hint), elem_id=f"{self._tab}-status")

    def wire(self, run: Callable[..., Iterator[Updates]], inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Let the buttons start and cancel ``run``, which passes on what `work` yields."""
        own = [self.status, self.go, self.cancel]
        started = self.go.click(
            run,
            list(inputs),
            [*own, *outputs],
            concurrency_id="work",
            concurrency_limit=self._desk.limits.jobs,
            show_progress="hidden",
            api_visibility="private",
        )
        self.cancel.click(
            self._halt, None, own, queue=False, cancels=[started], show_progress="hidden", api_visibility="private"
        )

    def work(
        self, task: Callable[[Job], Any], tell: Callable[[Any], tuple[str, Updates]], request: gr.Request
    ) -> Iterator[Updates]:
        """Do some work, and say how it goes.

        Args:
            task: The work.
            tell: Function of its result that returns what the line says, and what else is shown.
            request: Who asks.
        """
        busy = {self.go: gr.update(interactive=False), self.cancel: gr.update(interactive=True)}
        try:
            for report in self._desk.run(str(request.session_hash), self._tab, task):
                if report.ended:
                    text, updates = tell(report.result)
                    yield self._ready() | {self.status: words.note(text)} | updates
                else:
                    yield busy | {self.status: words.bar(report)}
        except Exception as error:
            yield self._ready() | {self.status: words.problem(error)}

    def refuse(self, text: str) -> Updates:
        """Say why nothing can begin."""
        return {self.status: words.problem(ValueError(text))}

    def _ready(self) -> Updates:
        return {self.go: gr.update(interactive=True), self.cancel: gr.update(interactive=False)}

    def _halt(self, request: gr.Request) -> Updates:
        self._desk.halt(str(request.session_hash), self._tab)
        return self._ready() | {self.status: words.note(words.CANCELLED)}
