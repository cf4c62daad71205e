"""How the tissue samples of OSF gqutd are arranged."""

CLASSES = (
    "mouse_brain",
    "mouse_heart",
    "mouse_kidney",
    "mouse_liver",
    "mouse_lung",
    "mouse_pancreas",
    "mouse_spleen",
    "rat_liver",
)
"""Healthy tissues, one training folder each."""

DISEASE = "NAFLD"
"""Class of mouse liver with non-alcoholic fatty liver disease."""

LIVER = "mouse_liver"
"""The healthy tissue that it is compared with."""

ADDRESS = "https://osf.io/gqutd/"
STAINS = ("mt", "he")
"""Masson's trichrome, the paper's; and haematoxylin and eosin."""

TEST = "test"
"""Pool of the two independent test folders; the training folders are in none."""


def training_folder(tissue: str, stain: str) -> str:
    """Name of the folder, or archive, with the training tiles of a tissue."""
    return f"{stain}_{tissue}"


def test_folders(stain: str) -> dict[str, str]:
    """Class to the name of the folder, or archive, with its independent test tiles."""
    return {LIVER: f"normal_{stain}_{LIVER}", DISEASE: f"{DISEASE}_anomaly_{stain}_{LIVER}"}
