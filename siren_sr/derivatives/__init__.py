"""Derivatives of networks (exact) and of images (by kernels), their inverses, and the factor between the two.

A network is differentiated at any coordinates, an image at its samples.
"""

from siren_sr.derivatives.exact import Model, gradient, laplacian, nested_autograd, value_and_derivatives
from siren_sr.derivatives.inverse import inverse_gradient, inverse_laplacian, laplacian_of_gradient
from siren_sr.derivatives.kernels import LAPLACIAN_FACTOR, SOBEL_FACTOR, image_gradient, image_laplacian

__all__ = [
    "LAPLACIAN_FACTOR",
    "SOBEL_FACTOR",
    "Model",
    "gradient",
    "image_gradient",
    "image_laplacian",
    "inverse_gradient",
    "inverse_laplacian",
    "laplacian",
    "laplacian_of_gradient",
    "nested_autograd",
    "value_and_derivatives",
]
