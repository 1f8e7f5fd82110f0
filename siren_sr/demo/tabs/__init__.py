"""The widgets of the page. The modules in here import Gradio, which comes with an extra."""
