"""The architectures of zoo.py, small and with seeded random weights."""
import torch
import torch.nn.functional as F
from torch import nn


class Logits(nn.Module):
    """A model of transformers as a function of the picture alone."""

    def __init__(self, net, of="logits"):
        super().__init__()
        self.net, self.of = net, of

    def forward(self, x):
        return getattr(self.net(x), self.of)


class Frames(Logits):
    """Of a clip [N,C,T,H,W]; transformers takes frames first."""

    def forward(self, x):
        return super().forward(x.transpose(1, 2))


def hf(model, config, of="logits", wrapper=Logits, **settings):
    import transformers
    return wrapper(getattr(transformers, model)(getattr(transformers, config)(num_labels=10, **settings)), of)


def conv(i, o, k=3, s=1, g=1, act=nn.ReLU, rank=2):
    layer, norm = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1], (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[rank - 1]
    return nn.Sequential(layer(i, o, k, s, k // 2, groups=g, bias=False), norm(o), act() if act else nn.Identity())


def head(channels, classes=10, rank=2):
    pool = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[rank - 1]
    return nn.Sequential(pool(1), nn.Flatten(), nn.Linear(channels, classes))


class Net(nn.Module):
    """features, then head."""

    def __init__(self, features, head):
        super().__init__()
        self.features, self.head = features, head

    def forward(self, x):
        return self.head(self.features(x))


class Residual(nn.Module):
    def __init__(self, body, act=nn.ReLU, short=None):
        super().__init__()
        self.body, self.short, self.act = body, short or nn.Identity(), act() if act else nn.Identity()

    def forward(self, x):
        return self.act(self.body(x) + self.short(x))


def residual(i, o, s=1, rank=2, groups=1, extra=()):
    body = nn.Sequential(conv(i, o, s=s, rank=rank), conv(o, o, g=groups, act=None, rank=rank), *extra)
    return Residual(body, short=conv(i, o, 1, s, act=None, rank=rank) if (i, s) != (o, 1) else None)


class SqueezeExcite(nn.Module):
    def __init__(self, c, gate=nn.Sigmoid):
        super().__init__()
        self.weights = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c // 4, 1), nn.ReLU(), nn.Conv2d(c // 4, c, 1), gate())

    def forward(self, x):
        return x * self.weights(x)


class Branches(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Dense(nn.Module):
    def __init__(self, i, growth, layers):
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(i + k * growth), nn.ReLU(),
                                                  nn.Conv2d(i + k * growth, growth, 3, padding=1)) for k in range(layers))

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


class Shuffle(nn.Module):
    def __init__(self, c):
        super().__init__()
        half = c // 2
        self.branch = nn.Sequential(conv(half, half, 1), conv(half, half, 3, g=half, act=None), conv(half, half, 1))

    def forward(self, x):
        a, b = x.chunk(2, 1)
        n, c, h, w = x.shape
        return torch.cat([a, self.branch(b)], 1).view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def inverted(i, o, k, s, act, squeeze, expand=3):
    m = i * expand
    body = [conv(i, m, 1, act=act), conv(m, m, k, s, m, act)] + ([SqueezeExcite(m, nn.Hardsigmoid)] if squeeze else [])
    body = nn.Sequential(*body, conv(m, o, 1, act=None))
    return Residual(body, None) if (i, s) == (o, 1) else body


class Attention(nn.Module):
    """Of [.., T, C]."""

    def __init__(self, c, heads=2, places=None):
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(c, 3 * c), nn.Linear(c, c), heads
        self.bias = nn.Parameter(torch.randn(heads, places, places) * 0.1) if places else None

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        shares = (q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5
        if self.bias is not None:
            shares = shares + self.bias
        return self.proj((shares.softmax(-1) @ v).transpose(1, 2).reshape(n, t, c))


def mlp(c, act=nn.GELU):
    return nn.Sequential(nn.Linear(c, 2 * c), act(), nn.Linear(2 * c, c))


class Block(nn.Module):
    def __init__(self, c, places=None):
        super().__init__()
        self.norm1, self.attn, self.norm2, self.mlp = nn.LayerNorm(c), Attention(c, places=places), nn.LayerNorm(c), mlp(c)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """As timm writes it: a class token, registers behind it, positions."""

    def __init__(self, c=32, places=24, registers=0, read="token", depth=3):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, c, 16, 16)
        self.cls_token = nn.Parameter(torch.randn(1, 1, c)) if read != "mean" else None
        self.registers = nn.Parameter(torch.randn(1, registers, c)) if registers else None
        self.pos_embed = nn.Parameter(torch.randn(1, places, c) * 0.5)
        self.blocks = nn.Sequential(*[Block(c) for _ in range(depth)])
        self.norm, self.head, self.read = nn.LayerNorm(c), nn.Linear(c, 10), read

    def forward(self, x):
        x = self.patch_embed(x).flatten(2).transpose(1, 2) + self.pos_embed
        before = [t.expand(x.shape[0], -1, -1) for t in (self.cls_token, self.registers) if t is not None]
        x = self.norm(self.blocks(torch.cat(before + [x], 1) if before else x))
        return self.head(x.mean(1) if self.read == "mean" else x[:, 0])


class TorchVit(nn.Module):
    """As torchvision writes it: nn.MultiheadAttention in nn.TransformerEncoder."""

    def __init__(self, c=32, places=24, norm_first=True):
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, c, 16, 16), nn.Parameter(torch.randn(1, 1, c))
        self.positions = nn.Parameter(torch.randn(1, places + 1, c) * 0.5)
        layer = nn.TransformerEncoderLayer(c, 2, 2 * c, 0.0, "gelu", batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 3, nn.LayerNorm(c), enable_nested_tensor=False)
        self.head = nn.Linear(c, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.encoder(x)[:, 0])


class Partition(nn.Module):
    """MaxViT's attention: within windows of p x p, or over a grid of p x p that spans the picture."""

    def __init__(self, c, p, grid):
        super().__init__()
        self.block, self.p, self.grid = Block(c, p * p), p, grid

    def forward(self, x):  # [N,H,W,C]
        n, h, w, c = x.shape
        p, a, b = self.p, h // self.p, w // self.p
        if self.grid:
            y = x.view(n, p, a, p, b, c).permute(0, 2, 4, 1, 3, 5).reshape(-1, p * p, c)
            return self.block(y).view(n, a, b, p, p, c).permute(0, 3, 1, 4, 2, 5).reshape(n, h, w, c)
        y = x.view(n, a, p, b, p, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, p * p, c)
        return self.block(y).view(n, a, b, p, p, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)


class MaxVitBlock(nn.Module):
    def __init__(self, i, o, s, p=4):
        super().__init__()
        self.mbconv = nn.Sequential(conv(i, 2 * o, 1, act=nn.GELU), conv(2 * o, 2 * o, 3, s, 2 * o, nn.GELU),
                                    SqueezeExcite(2 * o), nn.Conv2d(2 * o, o, 1))
        self.windows, self.grid = Partition(o, p, False), Partition(o, p, True)

    def forward(self, x):
        return self.grid(self.windows(self.mbconv(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


class CoAtNetBlock(nn.Module):
    def __init__(self, i, o, places):
        super().__init__()
        self.pool, self.block = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(i, o, 1)), Block(o, places)

    def forward(self, x):
        x = self.pool(x)
        return self.block(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape)


class Mixer(nn.Module):
    def __init__(self, c=32, places=24, affine=False):
        super().__init__()
        self.stem = nn.Conv2d(3, c, 16, 16)
        norm = (lambda: nn.Identity()) if affine else (lambda: nn.LayerNorm(c))
        places_mlp = (lambda: nn.Linear(places, places)) if affine else (lambda: mlp(places))
        self.blocks = nn.ModuleList(nn.ModuleDict(dict(norm1=norm(), tokens=places_mlp(), norm2=norm(), channels=mlp(c)))
                                    for _ in range(2))
        self.norm, self.head = norm(), nn.Linear(c, 10)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = x + block["tokens"](block["norm1"](x).transpose(1, 2)).transpose(1, 2)
            x = x + block["channels"](block["norm2"](x))
        return self.head(self.norm(x).mean(1))


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """As torchvision writes it: channels last within the block."""

    def __init__(self, c):
        super().__init__()
        self.dwconv, self.norm, self.mlp = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c), mlp(c)
        self.gamma = nn.Parameter(torch.full((c, 1, 1), 0.5))

    def forward(self, x):
        return x + self.gamma * self.mlp(self.norm(self.dwconv(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


class NonLocal(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.q, self.k, self.v = nn.Conv2d(c, c // 2, 1), nn.Conv2d(c, c // 2, 1), nn.Conv2d(c, c, 1)

    def forward(self, x):
        q, k, v = self.q(x).flatten(2), self.k(x).flatten(2), self.v(x).flatten(2)
        shares = torch.softmax(q.transpose(1, 2) @ k, -1)
        return x + (v @ shares.transpose(1, 2)).view(x.shape)


class Spatial(nn.Module):
    """A spatial transformer in front of a small network."""

    def __init__(self):
        super().__init__()
        self.where = nn.Sequential(conv(3, 8, s=4), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 6))
        self.features, self.head = nn.Sequential(conv(3, 16, s=2), conv(16, 16, s=2)), head(16)

    def forward(self, x):
        theta = self.where(x).view(-1, 2, 3) * 0.1 + torch.eye(2, 3, dtype=x.dtype)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return self.head(self.features(F.grid_sample(x, grid, align_corners=False)))


class Unet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.enc1, self.enc2, self.mid = conv(3, 8), conv(8, 16), conv(16, 16)
        self.up, self.dec2, self.dec1 = nn.ConvTranspose2d(16, 16, 2, 2), conv(32, 8), conv(16, 8)
        self.out = nn.Conv2d(8, classes, 1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        y = self.mid(F.max_pool2d(b, 2))
        y = self.dec2(torch.cat([self.up(y), b], 1))
        y = F.interpolate(y, size=a.shape[2:], mode="bilinear", align_corners=False)
        return self.out(self.dec1(torch.cat([y, a], 1)))


class Yolo(nn.Module):
    """Two scales, boxes decoded, [N,4+K,A] as recent YOLOs give them."""

    def __init__(self, classes=6):
        super().__init__()
        self.stem, self.c3, self.c4 = conv(3, 8, s=4, act=nn.SiLU), conv(8, 16, s=2, act=nn.SiLU), conv(16, 16, s=2, act=nn.SiLU)
        self.neck = conv(32, 16, act=nn.SiLU)
        self.heads = nn.ModuleList([nn.Conv2d(16, 4 + classes, 1), nn.Conv2d(16, 4 + classes, 1)])

    def forward(self, x):
        a = self.c3(self.stem(x))
        b = self.c4(a)
        a = self.neck(torch.cat([a, F.interpolate(b, scale_factor=2.0, mode="nearest")], 1))
        y = torch.cat([head(f).flatten(2) for head, f in zip(self.heads, (a, b))], 2)
        box, scores = y.split([4, y.shape[1] - 4], 1)
        return torch.cat([box.sigmoid() * 64, scores.sigmoid()], 1)


class Crnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(conv(3, 8, s=4), conv(8, 16, s=2))
        self.lstm, self.head = nn.LSTM(16, 12, batch_first=True, bidirectional=True), nn.Linear(24, 10)

    def forward(self, x):
        return self.head(self.lstm(self.features(x).mean(2).transpose(1, 2))[0].mean(1))


class EcgLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.gru, self.head = conv(12, 16, 7, 4, rank=1), nn.GRU(16, 16, batch_first=True), nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.gru(self.features(x).transpose(1, 2))[0].mean(1))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.table, self.head = nn.Sequential(conv(3, 8, s=4), conv(8, 16, s=2)), nn.Linear(5, 16), nn.Linear(32, 10)

    def forward(self, image, table):
        return self.head(torch.cat([self.features(image).mean((2, 3)), self.table(table).relu()], 1))


class Clip(nn.Module):
    """Frames folded into the batch, averaged at the end."""

    def __init__(self):
        super().__init__()
        self.features, self.head = nn.Sequential(conv(3, 8, s=4), conv(8, 16, s=2)), nn.Linear(16, 10)

    def forward(self, x):  # [N,C,T,H,W]
        n, c, t, h, w = x.shape
        y = self.features(x.transpose(1, 2).reshape(n * t, c, h, w)).mean((2, 3))
        return self.head(y.view(n, t, -1).mean(1))


def sequence(*layers):
    return nn.Sequential(*layers)


WIDE, SQUARE = (3, 64, 96), (3, 64, 64)
vit_sizes = dict(image_size=(64, 96), patch_size=16, hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=64)
square_vit = dict(vit_sizes, image_size=64)

# name: (make, shape of one input, automatic layer, how that layer lies). The last: "first" (channels), "last", or the
# number of tokens before the grid, or that and the grid.
MODELS = {
    # convolutional networks
    "resnet": (lambda: hf("ResNetForImageClassification", "ResNetConfig", embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1]), WIDE, "net.resnet.encoder", "first"),
    "resnet_bottleneck": (lambda: hf("ResNetForImageClassification", "ResNetConfig", embedding_size=8, hidden_sizes=[16, 32], depths=[2, 2], layer_type="bottleneck"), WIDE, "net.resnet.encoder", "first"),
    "resnext": (lambda: Net(sequence(conv(3, 16, s=2), residual(16, 16, groups=4), residual(16, 32, 2, groups=8)), head(32)), WIDE, "features.2", "first"),
    "se_resnet": (lambda: Net(sequence(conv(3, 16, s=2), residual(16, 32, 2, extra=[SqueezeExcite(32)])), head(32)), WIDE, "features.1", "first"),
    "resnet_v2_bit": (lambda: hf("BitForImageClassification", "BitConfig", embedding_size=32, hidden_sizes=[32, 64], depths=[1, 1], num_groups=8), WIDE, "net.bit.norm", "first"),
    "densenet": (lambda: Net(sequence(conv(3, 16, s=2), Dense(16, 8, 3), nn.Conv2d(40, 20, 1), nn.AvgPool2d(2), Dense(20, 8, 3), nn.BatchNorm2d(44), nn.ReLU()), head(44)), WIDE, "features.6", "first"),
    "inception": (lambda: Net(sequence(conv(3, 16, s=2), Branches(conv(16, 8, 1), sequence(conv(16, 8, 1), conv(8, 8, 3)), sequence(conv(16, 8, 1), conv(8, 8, 5)), sequence(nn.MaxPool2d(3, 1, 1), conv(16, 8, 1)))), head(32)), WIDE, "features.1", "first"),
    "xception": (lambda: Net(sequence(conv(3, 16, s=2), Residual(sequence(nn.ReLU(), conv(16, 16, 3, g=16, act=None), conv(16, 32, 1, act=None), nn.MaxPool2d(3, 2, 1)), None, conv(16, 32, 1, 2, act=None)), conv(32, 48, 1)), head(48)), WIDE, "features.2", "first"),
    "vgg": (lambda: Net(sequence(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)), sequence(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256, 32), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(32, 10))), WIDE, "features.4", "first"),
    "squeezenet": (lambda: Net(sequence(conv(3, 16, s=2), nn.MaxPool2d(2), conv(16, 4, 1), Branches(conv(4, 16, 1), conv(4, 16, 3))), sequence(nn.Conv2d(32, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())), WIDE, "features.3", "first"),
    "shufflenet": (lambda: Net(sequence(conv(3, 16, s=2), Shuffle(16), Shuffle(16), conv(16, 32, 1, 2)), head(32)), WIDE, "features.3", "first"),
    "mobilenet_v1": (lambda: hf("MobileNetV1ForImageClassification", "MobileNetV1Config", depth_multiplier=0.25, image_size=64), WIDE, "net.mobilenet_v1.layer.25", "first"),
    "mobilenet_v2": (lambda: hf("MobileNetV2ForImageClassification", "MobileNetV2Config", depth_multiplier=0.25, image_size=64), WIDE, "net.mobilenet_v2.conv_1x1", "first"),
    "mobilenet_v3": (lambda: Net(sequence(conv(3, 8, 3, 2, act=nn.Hardswish), inverted(8, 8, 3, 1, nn.ReLU, True), inverted(8, 12, 5, 2, nn.Hardswish, True), inverted(12, 12, 5, 1, nn.Hardswish, True), conv(12, 32, 1, act=nn.Hardswish)), sequence(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 32), nn.Hardswish(), nn.Linear(32, 10))), WIDE, "features.4", "first"),
    "efficientnet": (lambda: hf("EfficientNetForImageClassification", "EfficientNetConfig", width_coefficient=0.25, depth_coefficient=0.5, hidden_dim=320, image_size=64), WIDE, "net.efficientnet.encoder", "first"),
    "regnet": (lambda: hf("RegNetForImageClassification", "RegNetConfig", embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], groups_width=4), WIDE, "net.regnet.encoder", "first"),
    "hgnet_v2": (lambda: hf("HGNetV2ForImageClassification", "HGNetV2Config"), WIDE, "net.encoder", "first"),
    "convnext": (lambda: hf("ConvNextForImageClassification", "ConvNextConfig", hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], layer_scale_init_value=0.5), WIDE, "net.convnext.encoder", "first"),
    "convnext_v2": (lambda: hf("ConvNextV2ForImageClassification", "ConvNextV2Config", hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1]), WIDE, "net.convnextv2.encoder", "first"),
    "convnext_channels_last": (lambda: Net(sequence(nn.Conv2d(3, 16, 4, 4), LayerNorm2d(16), ConvNextBlock(16), nn.Conv2d(16, 32, 2, 2), ConvNextBlock(32)), sequence(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(32), nn.Linear(32, 10))), WIDE, "features.4", "first"),
    "convmixer": (lambda: Net(sequence(nn.Conv2d(3, 24, 8, 8), nn.GELU(), nn.BatchNorm2d(24), Residual(sequence(nn.Conv2d(24, 24, 5, padding=2, groups=24), nn.GELU(), nn.BatchNorm2d(24)), None), nn.Conv2d(24, 24, 1), nn.GELU(), nn.BatchNorm2d(24)), head(24)), WIDE, "features.6", "first"),
    "non_local": (lambda: Net(sequence(conv(3, 16, s=4), NonLocal(16), residual(16, 32, 2)), head(32)), WIDE, "features.2", "first"),
    "spatial_transformer": (Spatial, WIDE, "features", "first"),
    # transformers with tokens
    "vit": (lambda: hf("ViTForImageClassification", "ViTConfig", **vit_sizes), WIDE, "net.vit.layers.2.layernorm_before", 1),
    "vit_timm": (Vit, WIDE, "blocks.2.norm1", 1),
    "vit_mean": (lambda: Vit(read="mean"), WIDE, "norm", 0),
    "vit_registers": (lambda: Vit(registers=4), WIDE, "blocks.2.norm1", 5),
    "vit_torch": (TorchVit, WIDE, "encoder.layers.2.norm1", 1),
    "vit_torch_post_norm": (lambda: TorchVit(norm_first=False), WIDE, "encoder.layers.1", 1),
    "vit_msn": (lambda: hf("ViTMSNForImageClassification", "ViTMSNConfig", **square_vit), SQUARE, "net.vit.layers.2.layernorm_before", 1),
    "ijepa": (lambda: hf("IJepaForImageClassification", "IJepaConfig", **square_vit), SQUARE, "net.ijepa.layernorm", 0),
    "deit": (lambda: hf("DeiTForImageClassification", "DeiTConfig", **square_vit), SQUARE, "net.deit.layers.2.layernorm_before", 2),
    "deit_distilled": (lambda: hf("DeiTForImageClassificationWithTeacher", "DeiTConfig", **square_vit), SQUARE, "net.deit.layers.2.layernorm_before", 2),
    "beit": (lambda: hf("BeitForImageClassification", "BeitConfig", use_relative_position_bias=True, layer_scale_init_value=0.5, **square_vit), SQUARE, "net.beit.layers.2", 1),
    "data2vec": (lambda: hf("Data2VecVisionForImageClassification", "Data2VecVisionConfig", use_shared_relative_position_bias=True, layer_scale_init_value=0.5, **square_vit), SQUARE, "net.data2vec_vision.encoder", 1),
    "dinov2": (lambda: hf("Dinov2ForImageClassification", "Dinov2Config", **dict(square_vit, mlp_ratio=2)), SQUARE, "net.dinov2.layernorm", 1),
    "dinov2_registers": (lambda: hf("Dinov2WithRegistersForImageClassification", "Dinov2WithRegistersConfig", **dict(square_vit, mlp_ratio=2)), SQUARE, "net.dinov2_with_registers.layernorm", 5),
    "dinov3": (lambda: hf("DINOv3ViTModel", "DINOv3ViTConfig", of="pooler_output", num_register_tokens=4, **square_vit), WIDE, "net.model.layer.2.norm1", 5),
    "clip": (lambda: hf("CLIPVisionModelWithProjection", "CLIPVisionConfig", of="image_embeds", projection_dim=16, **square_vit), SQUARE, "net.vision_model.encoder.layers.2.layer_norm1", 1),
    "siglip": (lambda: hf("SiglipVisionModel", "SiglipVisionConfig", of="pooler_output", **square_vit), SQUARE, "net.post_layernorm", 0),
    "mlp_mixer": (Mixer, WIDE, "norm", 0),
    "resmlp": (lambda: Mixer(affine=True), WIDE, "blocks.1.channels", 0),
    # windows, pyramids, hybrids
    "swin": (lambda: hf("SwinForImageClassification", "SwinConfig", image_size=64, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 2], window_size=4), SQUARE, "net.swin.layernorm", 0),
    "swin_v2": (lambda: hf("Swinv2ForImageClassification", "Swinv2Config", image_size=64, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 2], window_size=4), SQUARE, "net.swinv2.layernorm", 0),
    "maxvit": (lambda: Net(sequence(conv(3, 16, s=2, act=nn.GELU), MaxVitBlock(16, 16, 2), MaxVitBlock(16, 32, 2)), head(32)), WIDE, "features.2", "first"),
    "coatnet": (lambda: Net(sequence(conv(3, 16, s=2), residual(16, 16, 2), CoAtNetBlock(16, 24, 96), CoAtNetBlock(24, 32, 24)), head(32)), WIDE, "features.3", "first"),
    "levit": (lambda: hf("LevitForImageClassification", "LevitConfig", image_size=128, hidden_sizes=[32, 48, 64], num_attention_heads=[2, 2, 2], depths=[1, 1, 1], key_dim=[8, 8, 8]), (3, 128, 128), "net.levit.encoder", 0),
    "mobilevit": (lambda: hf("MobileViTForImageClassification", "MobileViTConfig", image_size=64, hidden_sizes=[16, 24, 32], neck_hidden_sizes=[8, 8, 16, 16, 16, 24, 48], num_attention_heads=2), SQUARE, "net.mobilevit.conv_1x1_exp", "first"),
    "mobilevit_v2": (lambda: hf("MobileViTV2ForImageClassification", "MobileViTV2Config", image_size=64, width_multiplier=0.25), SQUARE, "net.mobilevitv2.encoder", "first"),
    "pvt": (lambda: hf("PvtForImageClassification", "PvtConfig", image_size=64, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 2], num_attention_heads=[1, 2, 2, 2], sequence_reduction_ratios=[4, 2, 1, 1]), SQUARE, "net.pvt.encoder.block.3.1.layer_norm_1", 1),
    "pvt_v2": (lambda: hf("PvtV2ForImageClassification", "PvtV2Config", image_size=64, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 2]), WIDE, "net.pvt_v2.encoder", "first"),
    "poolformer": (lambda: hf("PoolFormerForImageClassification", "PoolFormerConfig", hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1]), WIDE, "net.norm", "first"),
    "cvt": (lambda: hf("CvtForImageClassification", "CvtConfig", embed_dim=[8, 16, 32], num_heads=[1, 2, 2], depth=[1, 2, 3]), SQUARE, "net.cvt.encoder.stages.2.layers.2.layernorm_before", 1),
    "segformer": (lambda: hf("SegformerForImageClassification", "SegformerConfig", hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 2]), WIDE, "net.segformer.stages.3", "first"),
    "focalnet": (lambda: hf("FocalNetForImageClassification", "FocalNetConfig", image_size=64, embed_dim=16, hidden_sizes=[16, 32], depths=[1, 1], focal_levels=[2, 2], focal_windows=[3, 3]), SQUARE, "net.focalnet.layernorm", 0),
    "hiera": (lambda: hf("HieraForImageClassification", "HieraConfig", image_size=(64, 64), embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 2], patch_kernel=(7, 7)), SQUARE, "net.hiera.encoder", 0),
    "swiftformer": (lambda: hf("SwiftFormerForImageClassification", "SwiftFormerConfig", image_size=64, embed_dims=[16, 24, 32, 48], depths=[1, 1, 1, 1]), SQUARE, "net.norm", "first"),
    # clips and signals
    "r3d": (lambda: Net(sequence(conv(3, 8, s=2, rank=3), residual(8, 16, 2, rank=3)), head(16, rank=3)), (3, 8, 32, 48), "features.1", "first"),
    "frames_in_batch": (Clip, (3, 4, 32, 48), None, None),
    "videomae": (lambda: hf("VideoMAEForVideoClassification", "VideoMAEConfig", wrapper=Frames, num_frames=4, tubelet_size=2, **dict(square_vit, image_size=32)), (3, 4, 32, 32), "net.videomae.encoder", (0, (2, 2, 2))),
    "ecg": (lambda: Net(sequence(conv(12, 16, 7, 4, rank=1), residual(16, 32, 4, rank=1)), head(32, 5, 1)), (12, 256), "features.1", "first"),
    "ecg_gru": (EcgLstm, (12, 256), "gru", "last"),
    # other outputs and inputs
    "crnn": (Crnn, WIDE, "features.1", "first"),
    "unet": (Unet, WIDE, "dec1", "first"),
    "yolo": (Yolo, WIDE, "heads.1", "first"),
    "two_inputs": (TwoInputs, (WIDE, (5,)), "features.1", "first"),
}
