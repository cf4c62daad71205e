"""Views of images against torchvision's operations, and what every view must hold to."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as theirs

from autoscidact.embedding.image_views import ImageViews, StoredViews, crop, recolour
from autoscidact.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs" / "loss"


def images(n, size=24, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 255


def test_crop_is_torchvisions():
    """But for the edges, where torchvision does not look beyond the box."""
    x = images(2, 40)
    boxes = torch.tensor([[4, 10, 20, 16], [0, 8, 30, 25]])  # top, left, height, width
    found = crop(x, *(boxes / 40).T)
    for image, view, box in zip(x, found, boxes.tolist(), strict=True):
        expected = theirs.resized_crop(image, *box, [40, 40], InterpolationMode.BILINEAR, antialias=False)
        torch.testing.assert_close(view[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], rtol=0, atol=1e-2)
    torch.testing.assert_close(crop(x, *torch.tensor([[0.0, 0, 1, 1]] * 2).T), x, rtol=0, atol=1e-2)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.4])
@pytest.mark.parametrize("which", ["brightness", "contrast", "saturation"])
def test_light_is_torchvisions(which, factor):
    x = images(3)
    factors = {name: torch.ones(3) for name in ("brightness", "contrast", "saturation")}
    factors[which] = torch.full((3,), factor)
    expected = getattr(theirs, f"adjust_{which}")(x / 255, factor) * 255
    torch.testing.assert_close(recolour(x, **factors), expected, rtol=0, atol=0.05)


def test_each_image_has_its_own_changes_from_the_global_generator():
    x = images(1).expand(50, -1, -1, -1)
    torch.manual_seed(3)
    first = ImageViews()(x)
    torch.manual_seed(3)
    assert torch.equal(ImageViews()(x), first)
    assert not torch.equal(ImageViews()(x), first)
    assert len(first.flatten(1).unique(dim=0)) == 50
    assert first.shape == x.shape
    assert 0 <= float(first.min()) <= float(first.max()) <= 255


def test_flips_and_boxes_are_as_often_and_as_large_as_asked():
    torch.manual_seed(0)
    x = images(1).expand(2000, -1, -1, -1)
    flipped = (ImageViews(crop=0, flip=0.3, jitter=0)(x) != x).flatten(1).any(dim=1)
    assert float(flipped.float().mean()) == pytest.approx(0.3, abs=0.04)
    # In a ramp the spread of values tells how much of it is seen.
    ramp = torch.linspace(0, 255, 64).expand(3000, 3, 64, 64)
    ramp = torch.stack([ramp[:, 0], ramp[:, 0].transpose(1, 2), ramp[:, 0]], dim=1)
    spread = ImageViews(crop=0.25, flip=0, jitter=0)(ramp).flatten(2)
    width, height = (spread.amax(dim=2) - spread.amin(dim=2))[:, :2].T / 255
    area = width * height
    assert float(area.min()) == pytest.approx(0.25, abs=0.03)
    assert float(area.mean()) == pytest.approx(0.6, abs=0.04)


def test_nothing_asked_nothing_done():
    x = images(4)
    assert torch.equal(ImageViews(0, 0, 0)(x), x)


@pytest.mark.parametrize("arguments", [{"crop": 1.5}, {"flip": -0.1}, {"jitter": float("nan")}])
def test_bad_strengths(arguments):
    with pytest.raises(UserError, match=r"loss\.views\."):
        ImageViews(**arguments)


def test_features_are_no_images():
    with pytest.raises(UserError, match=r"encoder\.cached_views=4, or encoder\.cache=false"):
        ImageViews()(torch.zeros(3, 1280))
    with pytest.raises(UserError, match="no stored variants"):
        StoredViews(ImageViews())(torch.zeros(3, 1280))


def test_stored_views_draw_one_variant_of_each_event_and_never_the_image():
    torch.manual_seed(0)
    x = torch.arange(4.0)[None, None] + 10 * torch.arange(3000.0)[:, None, None] + torch.zeros(1, 5, 1)
    view = StoredViews(ImageViews())(x)
    assert view.shape == (3000, 5, 1)
    number = view[:, :, 0] - 10 * torch.arange(3000.0)[:, None]
    assert torch.equal(number, number[:, :1].expand(-1, 5))
    counts = torch.bincount(number[:, 0].long(), minlength=4)
    assert counts[0] == 0
    assert counts[1:].min() > 900


@pytest.mark.parametrize("name", ["simclr_images", "supcon_images"])
def test_configured_views(name):
    config = OmegaConf.load(CONFIGS / f"{name}.yaml")
    assert instantiate(config.views) == ImageViews()
