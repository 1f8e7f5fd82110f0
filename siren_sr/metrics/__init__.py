"""How close two signals are: MSE, PSNR and SSIM, over all values or on the luma of the super-resolution
literature.

Both arguments are of the same kind and shape: tensors (..., H, W), so (C, H, W) for an image, (C, 2, H, W)
for its gradient and (C, T) for audio; or arrays (H, W[, C]). Values are in the user's range: floats as they
are, uint8 and uint16 divided by 255 and 65535. Everything is computed in float64 (float32 on devices without
it).
"""

from siren_sr.metrics.quality import BT601, mse, psnr, psnr_y, rgb_to_y, ssim, ssim_y
from siren_sr.metrics.statistics import Summary, summary

__all__ = ["BT601", "Summary", "mse", "psnr", "psnr_y", "rgb_to_y", "ssim", "ssim_y", "summary"]
