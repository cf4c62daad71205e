"""Which files there are, what they hold, and how many events of each process the collisions of a year gave."""

from collections.abc import Sequence
from dataclasses import dataclass

from autoscidact.errors import UserError

LUMINOSITY = {2011: 2330.0, 2012: 11580.0}
"""Integrated luminosity of the open data in 1/pb."""

RUNS = {2011: (160_404, 180_252), 2012: (190_456, 208_686)}
"""First and last run of a year's collisions."""

ZZ_CROSS_SECTION = {2011: 0.093 + 0.093 + 0.208, 2012: 0.107 + 0.107 + 0.249}
"""pb of ZZ -> 4e, 4mu and 2e2mu as CMS's public example has them, a factor 1.386 for higher orders included."""

ZZ_FACTOR = 2.63
"""What the generated cross section of ZZ is multiplied by.

CMS's cross sections belong to its simulated samples, most of whose events are Z -> 4l decays and pairs below 12 GeV
that ours lack, so the two totals cannot be compared. The factor therefore makes our selection give what theirs does
where both are complete: the public histograms of those samples hold 10618 4mu, 5967 4e and 6575 2e2mu events between
112 and 178 GeV, which with their weights are 8.78 + 4.93 + 12.66 = 26.4 events in 2012. The shares of the channels
agree (ours 34, 18 and 48 %, theirs 33, 19 and 48 %).

The known higher orders alone would be 1.67: 7.7 pb for two Z bosons of 60 to 120 GeV (CMS, arXiv:1301.4698, its theory
prediction), times (2 * 0.03366)^2 for decays to e or mu, over Pythia's 0.02094 pb. An expected background that is a
third smaller belongs to the uncertainties of this example.
"""


@dataclass(frozen=True)
class OpenFile:
    """A published file.

    Attributes:
        name: of the file.
        sha256: of its content.
        url: where it can be downloaded; None where no address is known.
    """

    name: str
    sha256: str
    url: str | None = None


@dataclass(frozen=True)
class Simulated:
    """A process that CMS simulated, with one sample a year.

    Attributes:
        name: of the process, also in the files' names.
        cross_section: pb of the sample of a year, its choice of decays included.
        n_generated: events of the sample of a year before any selection.
        rate: cross section of the process relative to 2011, the same decays for both years.
    """

    name: str
    cross_section: dict[int, float]
    n_generated: dict[int, int]
    rate: dict[int, float]

    def file(self, year: int) -> str:
        """Name of the file with the sample of a year."""
        return f"simulated_{self.name}_{year}.csv"

    def weight(self, years: Sequence[int], simulated_years: Sequence[int]) -> float:
        """Expected events in `years` for each event selected from the samples of `simulated_years` together.

        A sample stands for a luminosity, its generated events over its cross section. Those of several years add up
        once each is multiplied by the rate of its year, so that k selected events mean a rate k / sum, whatever
        year they come from.
        """
        simulated = sum(self.rate[y] * self.n_generated[y] / self.cross_section[y] for y in simulated_years)
        return sum(self.rate[y] * LUMINOSITY[y] for y in years) / simulated


REDUCIBLE = (
    Simulated(
        "dy50",
        {2011: 2475.0, 2012: 2955.0},
        {2011: 36_408_225, 2012: 29_426_492},
        {2011: 1.0, 2012: 2955.0 / 2475.0},
    ),
    # CMS's example has 10.742 pb for 2012 where 2011 has 9507 pb, which looks like nb; no event of these samples passes
    # the selection, so nothing depends on it.
    Simulated(
        "dy1050",
        {2011: 9507.0, 2012: 10.742},
        {2011: 39_909_640, 2012: 6_462_290},
        {2011: 1.0, 2012: 10.742 / 9507.0},
    ),
    # The sample of 2011 holds decays to two leptons, that of 2012 all decays; so their ratio says nothing of the rate,
    # which is 177.3 and 252.9 pb (M. Czakon, P. Fiedler, A. Mitov, arXiv:1303.6254, with A. Mitov's tables).
    Simulated(
        "ttbar",
        {2011: 19.504, 2012: 200.0},
        {2011: 9_771_205, 2012: 6_423_106},
        {2011: 1.0, 2012: 252.9 / 177.3},
    ),
)
"""Processes with two leptons that are not from a Z boson: Drell-Yan above 50 GeV, from 10 to 50 GeV, top pairs."""

HIGGS_FILE = "MC_Higgs_2012.root"
HIGGS_CROSS_SECTION = {2011: 0.0057, 2012: 0.0065}
"""pb of H -> ZZ -> 4l with l = e, mu, tau at 125 GeV."""

HIGGS_GENERATED = 299_973
HIGGS_LIGHT_SHARE = 0.452
"""Of those decays, the share of four electrons or muons, 2 * 3.27e-5 + 5.93e-5 of 2.76e-4 (arXiv:1307.1347)."""

_RECORD = "https://opendata.cern.ch/record/5200/files"

FINAL_SELECTION = (
    OpenFile(
        "4mu_2011.csv",
        "b49969df770f15d7bd6c18f0109885931d761d48a323eaa3f903e243ab682770",
        f"{_RECORD}/4mu_2011.csv",
    ),
    OpenFile(
        "4mu_2012.csv",
        "0e0fb5a9159e30491b18b6b7888871e394386827f966d502a2e3cc40bf09065d",
        f"{_RECORD}/4mu_2012.csv",
    ),
    OpenFile(
        "4e_2011.csv",
        "53bcf1e51582bf6a49e52167bc5b594b280c623df66258ddc51ec9ea05f6c8c3",
        f"{_RECORD}/4e_2011.csv",
    ),
    OpenFile(
        "4e_2012.csv",
        "7f5fee3e126a7800dcdd17ed018f46c786ccfeccc9ec82e04c05487be978914e",
        f"{_RECORD}/4e_2012.csv",
    ),
    OpenFile(
        "2e2mu_2011.csv",
        "b218244b0e15fe5209cde85e79b4194a17813e079cf01ea6c6d1fd62ec90348d",
        f"{_RECORD}/2e2mu_2011.csv",
    ),
    OpenFile(
        "2e2mu_2012.csv",
        "65c0fb187623c2ab7790fa8c8ebaaaf8bd3bd861a95b0ed706e0e6f628eb99bd",
        f"{_RECORD}/2e2mu_2012.csv",
    ),
)
"""The 278 candidates of CMS's own selection (CERN Open Data record 5200, CC0)."""

OTHERS = (
    OpenFile("preselected_data_2011.csv", "e46122c91ba6d68e545478840fc8dae72bb3cd93e06abf783a4a91cfa4ee6720"),
    OpenFile("preselected_data_2012.csv", "dc54a466b21664a9f19d735a569648365f54a23eef50bb7177c1b58902700ea5"),
    OpenFile("simulated_dy50_2011.csv", "a9cffb05b6f9d33b1cf1d7ae94b92492fc6b74985297f05edfe831a9edb7ee28"),
    OpenFile("simulated_dy50_2012.csv", "36daf997625243f354cc959563e22e7023c8f3d24f8b7fd669adf2ceae7e4020"),
    OpenFile("simulated_dy1050_2011.csv", "be8843518e3d616c1c088f971fb94c29800ba932adb98636983881c7f762afe5"),
    OpenFile("simulated_dy1050_2012.csv", "8160ba8fc1205fbc555e8f721db6996a32f6f86495bed2f901ba898c5d6feafa"),
    OpenFile("simulated_ttbar_2011.csv", "ac0fadd3941e751b0f571ac10baaf873f71a4c0965f06ba8ac3f072ad9108d5f"),
    OpenFile("simulated_ttbar_2012.csv", "34d1e14e91a28f68a37dad2ff1163fe837859958754237b2274d65f6702d97e4"),
    OpenFile(HIGGS_FILE, "4bf4e6e9aca9b4c3e48d6de8f96b0d6c731fa23d6bcd496c47fa4cbf538be249"),
)
"""Files that come with CMS's Higgs example (CERN Open Data record 5500) and have no address of their own."""


def check_years(key: str, years: Sequence[int]) -> tuple[int, ...]:
    """`dataset.KEY` as years in rising order. Raises UserError unless they are 2011, 2012, or both."""
    if isinstance(years, str | int) or not years or set(years) - set(LUMINOSITY):
        raise UserError(f"dataset.{key}={years}: choose [2011], [2012] or [2011,2012]")
    return tuple(sorted(set(years)))


def zz_weight(cross_section: float, n_generated: int, years: Sequence[int]) -> float:
    """Expected events in `years` for each generated ZZ event; the shape of 2011 (7 TeV) is taken to be that of 2012.

    Args:
        cross_section: pb of the generated process, leading order at 8 TeV.
    """
    rate = sum(LUMINOSITY[y] * ZZ_CROSS_SECTION[y] / ZZ_CROSS_SECTION[2012] for y in years)
    return cross_section * ZZ_FACTOR * rate / n_generated


def higgs_weight(n_generated: float, years: Sequence[int]) -> float:
    """Expected events in `years` for each of `n_generated` decays H -> ZZ -> 4l, tau leptons among them."""
    return sum(LUMINOSITY[y] * HIGGS_CROSS_SECTION[y] for y in years) / n_generated
