"""ResNet in one dimension: the paper's size, and torchvision's own blocks on images of one row."""

import pytest
import torch

from autoscidact.encoders.resnet1d import BasicBlock, ResNet1d
from autoscidact.errors import UserError


def test_the_papers_size():
    network = ResNet1d((2, 200), 4)
    assert sum(p.numel() for p in network.parameters()) == 7_220_740
    assert len(network.blocks) == 3 + 4 + 6 + 3


@pytest.mark.parametrize(("before", "after", "stride"), [(8, 8, 1), (8, 16, 2)])
def test_block_is_torchvisions_on_an_image_of_one_row(before, after, stride):
    resnet = pytest.importorskip("torchvision.models.resnet", reason="torchvision is missing")
    ours = BasicBlock(before, after, 3, stride)
    shortcut = None
    if stride > 1:
        shortcut = torch.nn.Sequential(
            torch.nn.Conv2d(before, after, 1, stride, bias=False), torch.nn.BatchNorm2d(after)
        )
    theirs = resnet.BasicBlock(before, after, stride, shortcut)
    with torch.no_grad():
        for target, source in ((theirs.conv1, ours.first[0]), (theirs.conv2, ours.second[0])):
            target.weight.zero_()
            target.weight[:, :, 1] = source.weight  # the rows above and below are padding
        if shortcut is not None:
            shortcut[0].weight[:, :, 0] = ours.shortcut[0].weight
    x = torch.randn(5, before, 30)
    for mode in ("train", "eval"):  # the first call moves the running means, which the second one uses
        expected = getattr(theirs, mode)()(x[:, :, None])[:, :, 0]
        torch.testing.assert_close(getattr(ours, mode)()(x), expected, rtol=1e-5, atol=1e-6)


def test_time_is_averaged_over():
    network = ResNet1d((2, 256), 3, layers=(1, 1), widths=(4, 8)).eval()
    x = torch.zeros(1, 2, 256)
    x[:, :, 96:112] = torch.randn(2, 16)
    with torch.no_grad():
        # Away from the ends a shift by a whole step of all strides changes nothing.
        torch.testing.assert_close(network(x), network(x.roll(16, dims=2)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"input_shape": (15,)}, r"\(channels, length\), not \(15,\)"),
        ({"input_shape": (3, 8, 8)}, "encoder resnet1d"),
        ({"layers": (1, 1)}, "encoder.layers and encoder.widths"),
        ({"layers": (1, 1, 0, 1)}, "at least 1"),
        ({"kernel_size": 4}, "encoder.kernel_size must be odd"),
        ({"stem_kernel": 2}, "encoder.stem_kernel must be odd"),
    ],
)
def test_what_cannot_be_built(settings, match):
    with pytest.raises(UserError, match=match):
        ResNet1d(**{"input_shape": (2, 200), "dim": 4, **settings})
