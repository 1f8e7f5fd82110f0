"""The network that tells blur: what it is shown, what it answers, and its file."""

import pytest
import torch
from skimage import data

from siren_sr import io
from siren_sr.superres.degradation import blur
from siren_sr.superres.degradation.blur_network import FORMAT, BlurNetwork, load, network, save, widths
from siren_sr.superres.downsample import Downsample


def gray(sigma: float) -> torch.Tensor:
    picture = torch.from_numpy(data.astronaut()[:256, 100:356].mean(-1) / 255)[None]
    return Downsample.between((256, 256), (128, 128), kernel=sigma)(picture).float()


def look(image: torch.Tensor) -> blur.Found:
    found = blur.look(image)
    assert found is not None
    return found


def test_the_widths_grow_evenly():
    ratios = widths()[1:] / widths()[:-1]
    torch.testing.assert_close(ratios, ratios[:1].expand(len(ratios)))


def test_the_more_blur_the_wider():
    def expected(sigma: float) -> float:
        found = look(gray(sigma))
        assert float(found.chances.sum()) == pytest.approx(1)
        return float(found.chances[1:] @ widths() / found.chances[1:].sum())

    found = [expected(sigma) for sigma in (0.8, 1.6, 2.4, 3.2)]
    assert found == sorted(found)


def test_the_shape_turns_with_the_image():
    offsets = torch.arange(16, dtype=torch.float64) - 7.5
    down, across = (torch.exp(-0.5 * (offsets / sigma) ** 2) for sigma in (3.0, 1.2))
    picture = torch.from_numpy(data.astronaut()[:256, 100:356].mean(-1) / 255)[None]
    image = Downsample.between((256, 256), (128, 128), kernel=down[:, None] * across)(picture)
    one, turned, mirrored = (look(x) for x in (image, image.mT, image.flip(2)))
    torch.testing.assert_close(one.chances, turned.chances, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(one.shape, -turned.shape * torch.tensor([1.0, -1.0]), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(one.shape, mirrored.shape * torch.tensor([1.0, -1.0]), rtol=0, atol=0.05)


def test_contrast_hardly_matters():
    image = gray(2.0)
    strong, weak = look(image), look(0.25 + 0.5 * image)
    assert int(strong.chances.argmax()) == pytest.approx(int(weak.chances.argmax()), abs=1)


def test_a_file_keeps_it(tmp_path):
    with torch.random.fork_rng():
        model = BlurNetwork(8, 8, 8)
        save(model, tmp_path / "a.safetensors", notes={"licence": "MIT"})
        again = load(tmp_path / "a.safetensors")
        image, noise = torch.rand(1, 1, 32, 40), torch.zeros(1)
    assert again.config() == model.config()
    torch.testing.assert_close(again(image, noise).logits, model(image, noise).logits, rtol=0.02, atol=0.02)


def test_reading_draws_nothing(tmp_path):
    save(network(), tmp_path / "a.safetensors")
    state = torch.get_rng_state()
    load(tmp_path / "a.safetensors")
    assert torch.equal(state, torch.get_rng_state())


def test_other_files_are_refused(tmp_path):
    io.write_tensors(tmp_path / "a.safetensors", {"x": torch.zeros(1)}, {"format": "other"}, what="numbers")
    with pytest.raises(ValueError, match=FORMAT):
        load(tmp_path / "a.safetensors")


def test_defaults_of_the_process_change_nothing():
    image = gray(2.0)
    before = look(image)
    network.cache_clear()
    torch.set_default_dtype(torch.float64)
    try:
        after = look(image)
    finally:
        torch.set_default_dtype(torch.float32)
        network.cache_clear()
    torch.testing.assert_close(before.chances, after.chances)
