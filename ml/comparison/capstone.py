"""What the capstone reported for its seven networks on four classes.

Its networks saw 48x48 pictures of about 20,214, and the figures are of the validation
pictures that it chose its model by. VGG16, ResNet50V2 and EfficientNetV2-B2 started from
weights trained on another set of pictures (transfer learning).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SOURCE = (
    "A. Saleem, Facial Emotion Detection: Capstone Project, MIT-PE Applied Data Science "
    "Program, March 2024 cohort, table “Models Comparison”"
)


@dataclass(frozen=True, slots=True)
class Reported:
    """One row of its table.

    Attributes:
        model: Its name there.
        parameters: As Keras counts them.
        accuracy: Of validation, 0 to 1.
        log_loss: Of validation, nats.
        pretrained: Whether it started from published weights.
    """

    model: str
    parameters: int
    accuracy: float
    log_loss: float
    pretrained: bool = False


REPORTED: Mapping[str, Reported] = MappingProxyType(
    {
        "baseline_cnn": Reported("cnn_model_1: Baseline (Gray)", 684_036, 0.76, 0.62),
        "rgb_cnn": Reported("cnn_model_2: Baseline (RGB)", 2_765_316, 0.75, 0.67),
        "vgg16": Reported("vgg_model_1: VGG16 (RGB)", 14_714_688, 0.54, 1.05, pretrained=True),
        "resnet50_v2": Reported(
            "resnet_model_1: ResNet50V2 (RGB)", 25_703_876, 0.58, 0.99, pretrained=True
        ),
        "efficientnet_v2_b2": Reported(
            "efficient_model_1: EfficientNetV2B2 (RGB)", 10_253_090, 0.37, 1.36, pretrained=True
        ),
        "complex_cnn_5": Reported("complex_cnn_model_1: Complex CNN (Gray)", 1_839_876, 0.76, 0.60),
        "complex_cnn_6": Reported("complex_cnn_model_2: Complex CNN (Gray)", 3_412_100, 0.74, 0.67),
    }
)
"""By the zoo's name of the same network."""
