import numpy as np
import pytest
import torch
from problems import field

from siren_sr import derivatives
from siren_sr.derivatives import inverse
from siren_sr.training import objectives


@pytest.mark.parametrize("shape", [(3, 17, 22), (2, 2, 5), (1, 1, 9), (1, 9, 1), (1, 3, 2), (1, 1, 1)])
def test_the_inverse_undoes_the_laplacian(shape):
    image = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = inverse.inverse_laplacian(derivatives.image_laplacian(image))
    difference = found - image
    expected = difference.mean((1, 2), keepdim=True).expand_as(difference)
    torch.testing.assert_close(difference, expected, rtol=0, atol=1e-12)


def test_the_inverse_is_the_solution_of_the_matrix():
    height, width = 7, 6
    units = torch.eye(height * width, dtype=torch.float64).reshape(-1, height, width)
    matrix = derivatives.image_laplacian(units).reshape(height * width, -1).T.numpy()
    image = torch.rand(1, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    right = derivatives.image_laplacian(image)
    solved = np.linalg.lstsq(matrix, right.flatten().numpy(), rcond=None)[0]
    found = inverse.inverse_laplacian(right).flatten().numpy()
    np.testing.assert_allclose(found - found.mean(), solved - solved.mean(), atol=1e-12)


def test_in_the_norm_of_the_image_all_frequencies_count_alike():
    target = torch.zeros(1, 33, 33, dtype=torch.float64)
    x = torch.linspace(0, torch.pi, 33, dtype=torch.float64).expand(1, 33, 33)
    waves = [torch.cos(k * x) for k in (1, 8)]
    image = [float(objectives.laplacian(target, norm="image")(field(w))) for w in waves]
    derivative = [float(objectives.laplacian(target)(field(w))) for w in waves]
    for loss, wave in zip(image, waves, strict=True):
        assert loss == pytest.approx(float(wave.square().mean()), rel=1e-9)
    assert derivative[1] > 1000 * derivative[0]


def test_what_no_image_explains_is_left_out():
    found = inverse.inverse_laplacian(torch.full((1, 5, 6), 2.0))
    torch.testing.assert_close(found, torch.zeros(1, 5, 6))


@pytest.mark.parametrize("options", [{"norm": "energy"}, {"norm": "image", "method": "analytical"}])
def test_norms_are_checked(options):
    with pytest.raises(ValueError, match="norm="):
        objectives.laplacian(torch.zeros(1, 4, 4), **options)
