"""Fits for other programs: as ONNX models and as modules that `torch.export` takes."""

from siren_sr.export.formats import EXPORTS, check_export_path, export
from siren_sr.export.module import FitModule
from siren_sr.export.to_onnx import export_onnx, onnx_model

__all__ = ["EXPORTS", "FitModule", "check_export_path", "export", "export_onnx", "onnx_model"]
