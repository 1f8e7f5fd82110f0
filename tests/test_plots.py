import numpy as np
import pytest
import torch
from problems import picture

from siren_sr import Siren, fit_signal, plots
from siren_sr.network.activity import capture


def test_history_draws_every_step(tmp_path):
    fit = fit_signal(picture(8, 8), steps=4, hidden_features=8)
    figure = plots.history({"a": fit, "b": fit}, against="step")
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    x, y = axes.lines[0].get_data()
    assert list(x) == [1, 2, 3, 4]
    assert list(y) == [e.psnr for e in fit.history]
    figure.savefig(tmp_path / "a.png")
    with pytest.raises(ValueError, match="against='epoch' is unknown"):
        plots.history(fit, against="epoch")


def test_images_of_every_kind():
    image = picture(6, 8)
    figure = plots.images({"tensor": image, "gray": image[:1], "array": image.permute(1, 2, 0).numpy()})
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    np.testing.assert_allclose(shown[0], shown[2])
    assert shown[1].shape == (6, 8)


def test_activity_shows_the_frequency_of_the_first_layer(generator):
    # One unit sin(ω·w·x): its spectrum peaks at ω·w/π periods over [-1, 1].
    def constant_(weight, *, omega_0, is_first, generator=None):
        return weight.data.fill_(1.0)

    model = Siren(
        1, 1, hidden_features=1, hidden_layers=0, first_omega_0=torch.pi * 20, first_init=constant_, generator=generator
    )
    figure = plots.activity(capture(model, torch.linspace(-1, 1, 4096)[:, None]))
    assert len(figure.axes) == 6
    assert np.argmax(figure.axes[2].lines[0].get_ydata()) == 20
