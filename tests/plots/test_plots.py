import io as stdio

import numpy as np
import pytest
import torch
from PIL import Image
from problems import eight_bit, picture

from siren_sr import Siren, derivatives, fit_signal, io, metrics, omega, plots, solve_poisson
from siren_sr.grids import coordinates, resampling
from siren_sr.network.activity import capture
from siren_sr.plots import pictures
from siren_sr.plots.units import of_fit


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


def test_pictures_are_compared_with_a_reference():
    true = picture(40, 60)
    worse = (true + 0.1).clamp(0, 1)
    figure = plots.comparison({"worse": worse, "true": true}, reference="true", crops=2)
    assert figure.axes[0].get_title() == f"worse, {metrics.psnr(worse, true):.2f} dB"
    assert figure.axes[1].get_title() == "true"
    assert figure.axes[2].get_title() == "|worse − true|"
    error = figure.axes[2].images[0].get_array()
    np.testing.assert_allclose(error, (worse - true).abs().mean(0), atol=1e-6)
    assert sum(len(axes.images) for axes in figure.axes) == 3 * 3
    assert len(figure.axes) == 3 * 3 + 1  # and the bar of the colours


def test_crops_show_the_same_place_pixel_by_pixel_where_most_is_to_be_seen():
    image = np.zeros((120, 160), np.uint8)
    image[72:96, 96:120] = np.random.default_rng(0).integers(0, 255, (24, 24))
    small = image[::2, ::2]
    figure = plots.comparison({"small": small, "large": image}, crops=1)
    np.testing.assert_allclose(figure.axes[3].images[0].get_array() * 255, image[72:96, 96:120], atol=1e-3)
    np.testing.assert_allclose(figure.axes[2].images[0].get_array() * 255, small[36:48, 48:60], atol=1e-3)
    (frame,) = figure.axes[1].patches
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == pytest.approx((95.5, 71.5, 24, 24))


@pytest.mark.parametrize(
    ("shape", "crops"), [((1, 1), 3), ((3, 700), 8), ((30, 30, 3), 8), ((5, 6, 4), 0), ((5, 6, 2), 2)]
)
def test_odd_pictures_can_be_compared(shape, crops, tmp_path):
    figure = plots.comparison({"a": np.full(shape, 90, np.uint8)}, crops=crops)
    figure.savefig(tmp_path / "a.png", dpi=20)
    whole = figure.axes[0].images[0].get_array()
    alpha = shape[2:] in ((2,), (4,))
    expected = (90 / 255) ** 2 + 1 - 90 / 255 if alpha else 90 / 255  # on white
    np.testing.assert_allclose(whole, expected, atol=1e-6)


def test_large_pictures_are_drawn_small():
    figure = plots.comparison({"a": np.zeros((3000, 2000, 3), np.uint8)}, crops=1)
    assert figure.axes[0].images[0].get_array().shape == (600, 400, 3)
    assert max(figure.axes[1].images[0].get_array().shape) <= pictures.MOST


def test_floats_of_any_range_are_seen():
    figure = plots.comparison({"a": np.array([[-5.0, 5.0]]), "b": np.array([[0.0, 5.0]])}, crops=0)
    assert [axes.images[0].get_array().tolist() for axes in figure.axes] == [[[0.0, 1.0]], [[0.5, 1.0]]]


def test_the_spectrum_of_a_wave_peaks_at_its_frequency_whatever_the_size():
    curves = {}
    for size in (64, 128):
        x = (np.arange(size) + 0.5) / size
        curves[str(size)] = np.tile(0.5 + 0.4 * np.sin(2 * np.pi * 12 * x), (size, 1))
    (axes,) = plots.spectra(curves).axes
    peaks = [(line.get_xdata()[line.get_ydata().argmax()], line.get_ydata().max()) for line in axes.lines]
    assert [peak[0] for peak in peaks] == [12, 12]
    assert abs(peaks[0][1] - peaks[1][1]) < 0.5  # dB
    assert [line.get_label() for line in axes.lines] == ["64", "128"]


def test_the_spectrum_of_a_tone_peaks_at_its_frequency():
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    (axes,) = plots.spectra({"tone": tone, "short": tone[:50, None]}, sample_rate=8000).axes
    for line, width in zip(axes.lines, (4, 160), strict=True):
        assert abs(line.get_xdata()[line.get_ydata().argmax()] - 1000) <= width


def test_a_sweep_shows_the_choice_at_the_least_error():
    image = picture(32, 40)
    left, middle, right = plots.sweep(image).axes
    curve = left.lines[0]
    chosen = omega.choose(image)
    assert curve.get_xdata()[curve.get_ydata().argmin()] == pytest.approx(chosen)
    marks = [line.get_xdata()[0] for line in left.lines[1:]]
    assert marks == pytest.approx([chosen, omega.omega_star(image), omega.omega_hr(image, 4)])
    # The first layer's frequencies are up to ω0/2 radians per unit, which is half of the side.
    assert middle.lines[1].get_xdata()[0] == pytest.approx(chosen / 2 * 2 / (2 * np.pi))
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names[3:] == list(omega.MEASURES)
    shown = dict(zip(names, (line.get_xdata()[0] for line in right.lines), strict=True))
    assert shown["brenner"] == pytest.approx(omega.choose(image, "brenner"))


def test_a_sweep_of_a_sound_has_its_rules_in_hertz():
    tone = np.sin(2 * np.pi * 440 * np.arange(4000) / 8000)
    left, middle, _ = plots.sweep(tone, sample_rate=8000).axes
    assert [line.get_xdata()[0] for line in left.lines[1:]] == pytest.approx(
        [omega.choose(tone, sample_rate=8000), 8000]
    )
    assert middle.get_xlabel() == "frequency in Hz"
    reach = 8000 * 2 / (2 * np.pi) / 0.5  # of ω_r: radians per unit, two of which are half a second
    assert middle.lines[2].get_xdata()[0] == pytest.approx(reach)
    only = plots.sweep(tone, sample_rate=8000, marks={"mine": 30}).axes[2]
    assert [label.get_text() for label in only.get_yticklabels()] == ["mine"]


def test_a_constant_has_a_sweep():
    plots.sweep(torch.full((3, 8, 9), 0.25))


@pytest.mark.parametrize("tiles", [False, True])
def test_a_summary_shows_signal_network_training_and_units(tiles, tmp_path):
    image = eight_bit(picture(40, 44))
    fit = fit_signal(image, steps=3, tiles=tiles, **({} if tiles else {"hidden_features": 16}))
    figure = plots.summary(fit, image)
    figure.savefig(tmp_path / "a.png", dpi=30)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "given"
    name, score = titles[1].removesuffix(" dB").split(", ")
    assert name == "network"
    assert float(score) == pytest.approx(metrics.psnr(fit.reconstruction, image), abs=0.05)  # before it is rounded
    layers = [f"layers.{i}" for i in range(3)]
    assert [title for title in titles if title in (*layers, "spectrum", "training")] == [
        "spectrum",
        "training",
        *layers,
    ]
    training = figure.axes[titles.index("training")].lines[0]
    assert list(training.get_ydata()) == [e.psnr for e in fit.history if np.isfinite(e.psnr)]
    shown = figure.axes[1].images[0].get_array()
    np.testing.assert_allclose(shown * 255, fit.reconstruction, atol=0.51)
    assert plots.summary(fit).axes[0].get_title() == "network"


def test_the_units_of_tiles_are_what_the_tiles_compute():
    fit = fit_signal(picture(100, 44), steps=2, tiles=True)
    layers = of_fit(fit)
    count = len(fit.model.networks.weights[0])
    assert count > 1
    outputs_of = layers[-1].activation.reshape(count, -1, 3)
    points = coordinates.grid([round(outputs_of.shape[1] ** 0.5)] * 2)
    for tile, outputs in enumerate(outputs_of):
        torch.testing.assert_close(outputs, fit.model.networks(points, slice(tile, tile + 1)))
    assert torch.equal(layers[0].activation, layers[0].pre_activation.sin())


def test_the_units_of_one_network_are_captured():
    fit = fit_signal(picture(8, 10), steps=2, hidden_features=16)
    expected = capture(fit.model, coordinates.grid((8, 10)), gradients=False)
    assert all(torch.equal(a.activation, b.activation) for a, b in zip(of_fit(fit), expected, strict=True))


def test_a_sound_has_a_summary(tmp_path):
    tone = (8000 * np.sin(np.arange(4000) / 5)).astype(np.int16)
    fit = fit_signal(tone, sample_rate=8000, steps=3, tiles=True)
    figure = plots.summary(fit, tone)
    figure.savefig(tmp_path / "a.png", dpi=30)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["given", "network", "error"]
    band = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert np.abs(band).max() == pytest.approx(8000 / 32767, rel=0.01)  # of full scale
    assert len(plots.summary(fit_signal(torch.linspace(0, 1, 30), steps=2, hidden_features=8)).axes) > 5


def test_an_enlargement_stands_beside_the_bicubic_one():
    true = picture(24, 32)
    small = resampling.resize(true, (12, 16)).clamp(0, 1)
    bicubic = resampling.resize(small, (24, 32)).clamp(0, 1)
    figure = plots.enlargement(small, true, reference=true, crops=1)
    titles = [axes.get_title() for axes in figure.axes[:6]]
    assert titles[:4] == ["given", f"bicubic, {metrics.psnr(bicubic, true):.2f} dB", "siren_sr, inf dB", "true"]
    assert titles[4:] == ["|bicubic − true|", "|siren_sr − true|"]
    assert len(plots.enlargement(small, true, crops=0).axes) == 4


def test_a_turned_photograph_is_drawn_upright_and_alpha_on_white():
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    pixels = np.random.default_rng(0).integers(0, 255, (8, 12, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:, :6, 3] = 0
    file = io.ImageFile(pixels, "PNG", exif=exif)
    shown = plots.enlargement(file, file, crops=0).axes[0].images[0].get_array()
    upright = np.rot90(pixels, -1)
    np.testing.assert_allclose(shown[6:] * 255, upright[6:, :, :3], atol=1e-3)
    assert (shown[:6] == 1).all()


def test_nothing_of_pyplot_is_touched():
    import matplotlib.pyplot

    before = dict(matplotlib.rcParams)
    plots.sweep(np.eye(8))
    plots.comparison({"a": np.eye(8)})
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.pyplot.get_fignums() == []


def test_a_figure_shows_itself_without_pyplot():
    figure = plots.images({"a": np.eye(8)})
    figure.set_dpi(50)
    with Image.open(stdio.BytesIO(figure._repr_png_())) as shown:
        assert shown.size == tuple(figure.get_size_inches() * 50)


def test_the_training_of_a_poisson_problem_is_that_of_its_derivatives():
    image = picture(8, 9)
    gradient = derivatives.image_gradient(image)
    fit = solve_poisson(gradient=gradient, mean=0.5, steps=2, hidden_features=8, return_fit=True)
    labels = [axes.get_ylabel() for axes in plots.summary(fit, image).axes]
    assert "PSNR of the derivatives in dB" in labels
