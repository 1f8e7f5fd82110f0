"""Fits for other programs: as ONNX models, as web pages, and as modules that `torch.export` takes."""

from siren_sr.export.formats import EXPORTS, check_export_path, export
from siren_sr.export.module import FitModule
from siren_sr.export.page import export_page, page_of
from siren_sr.export.to_onnx import export_onnx, onnx_model

__all__ = ["EXPORTS", "FitModule", "check_export_path", "export", "export_onnx", "export_page", "onnx_model", "page_of"]
