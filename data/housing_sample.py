"""The sample data: 10,000 invented records in the form of the California housing census. Nothing here was counted."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

PATH = Path(__file__).with_suffix(".csv")
RECORDS = 10_000
SEED = 1990
FLOOR, CAP = 14_999, 500_001

# Corners of the state as longitude and latitude: down the coast, then back up the eastern border.
COAST = np.array([
    (-124.2, 42.0), (-124.1, 41.0), (-124.4, 40.4), (-123.8, 39.3), (-123.0, 38.3), (-122.52, 37.8), (-122.4, 37.2),
    (-121.95, 36.95), (-121.8, 36.8), (-121.95, 36.6), (-121.3, 35.7), (-120.65, 35.15), (-120.6, 34.55),
    (-119.7, 34.4), (-119.2, 34.15), (-118.5, 34.02), (-118.4, 33.74), (-117.9, 33.6), (-117.3, 33.1), (-117.13, 32.54),
])  # fmt: skip
BORDER = np.array([(-114.7, 32.72), (-114.2, 34.3), (-114.65, 35.0), (-120.0, 39.0), (-120.0, 41.99)])
STATE = np.vstack([COAST, BORDER])

# Where people live: longitude, latitude, share of the records, spread in degrees, premium on the log of the price.
CENTRES = np.array(
    [
        (-118.25, 34.03, 0.230, 0.17, 0.15),  # Los Angeles
        (-118.50, 34.22, 0.060, 0.09, 0.15),  # San Fernando Valley
        (-117.88, 33.76, 0.100, 0.13, 0.20),  # Orange County
        (-117.30, 34.03, 0.070, 0.20, -0.30),  # San Bernardino and Riverside
        (-117.08, 32.83, 0.080, 0.14, 0.05),  # San Diego
        (-119.20, 34.28, 0.030, 0.15, 0.15),  # Ventura
        (-119.02, 35.36, 0.025, 0.15, -0.45),  # Bakersfield
        (-119.77, 36.77, 0.035, 0.20, -0.40),  # Fresno
        (-121.70, 36.75, 0.025, 0.15, 0.10),  # Monterey
        (-121.93, 37.33, 0.080, 0.12, 0.35),  # San Jose
        (-122.44, 37.75, 0.050, 0.06, 0.45),  # San Francisco
        (-122.17, 37.80, 0.070, 0.13, 0.20),  # Oakland
        (-121.15, 37.80, 0.035, 0.20, -0.30),  # Stockton and Modesto
        (-121.40, 38.60, 0.060, 0.17, -0.20),  # Sacramento
        (-122.70, 38.42, 0.020, 0.15, 0.10),  # Santa Rosa
        (-121.90, 39.90, 0.030, 0.45, -0.35),  # the north
    ]
)


def inside(points: Array) -> NDArray[np.bool_]:
    """Which points lie in the state: those from which a line due east crosses its outline an odd number of times."""
    x, y = points[:, :1], points[:, 1:]
    (x1, y1), (x2, y2) = STATE.T, np.roll(STATE, -1, axis=0).T
    crosses = ((y1 > y) != (y2 > y)) & (x < x1 + (y - y1) / (y2 - y1) * (x2 - x1))
    return np.asarray(crosses.sum(axis=1) % 2 == 1)


def distances(points: Array, others: Array) -> Array:
    """Degrees from each point to each of the others; a degree of longitude is 0.82 of one of latitude here."""
    return np.asarray(np.hypot((points[:, :1] - others[:, 0]) * 0.82, points[:, 1:] - others[:, 1]))


def coast_distance(points: Array) -> Array:
    """Degrees to the nearest of 30 spots on each stretch of coast."""
    steps = np.linspace(0, 1, 30)[:, None, None]
    spots = COAST[:-1] + steps * (COAST[1:] - COAST[:-1])
    return np.asarray(distances(points, spots.reshape(-1, 2)).min(axis=1))


def places(rng: np.random.Generator) -> Array:
    """Points in the state with two decimals: one in ten anywhere, the others around the centres."""
    count = RECORDS * 2  # one in six falls into the sea or over the border
    centre = CENTRES[rng.choice(len(CENTRES), count, p=CENTRES[:, 2] / CENTRES[:, 2].sum())]
    around = rng.normal(centre[:, :2], centre[:, 3:4] * [1.1, 0.9])
    anywhere = rng.uniform(STATE.min(axis=0), STATE.max(axis=0), (count, 2))
    points = np.where(rng.random((count, 1)) < 0.2, anywhere, around).round(2)
    return np.asarray(points[inside(points)][:RECORDS])


def neighbourhoods(rng: np.random.Generator, points: Array, degrees: float) -> Array:
    """A smooth random field with variance 1: good and bad neighbourhoods about so many degrees across."""
    waves = rng.normal(0, 2 / degrees, (2, 40))
    return np.asarray(np.cos(points @ waves + rng.uniform(0, 2 * np.pi, 40)).sum(axis=1) / np.sqrt(20))


def homes(rng: np.random.Generator, points: Array, wealth: Array) -> pd.DataFrame:
    """What a census would count at each point. Slopes and spreads are set by eye, against the real data's quantiles."""
    town = np.exp(-distances(points, CENTRES) / 0.3).max(axis=1)
    age = (20 + 18 * town - 3 * wealth + rng.normal(0, 12.5, RECORDS)).round().clip(1, 52)
    young = (28 - age) / 10
    income = 1.23 + 0.16 * wealth + 0.12 * town - 0.05 * coast_distance(points).clip(0, 2) + 0.05 * young
    income = np.exp(income + rng.normal(0, 0.42, RECORDS)).clip(0.4999, 15.0001).round(4)
    households = np.exp(6 + 0.18 * young + rng.normal(0, 0.66, RECORDS)).round()
    rooms = 5.15 * (income / 3.5) ** 0.3 * np.exp(0.03 * young + rng.normal(0, 0.16, RECORDS))
    bedrooms = (0.93 + 0.023 * rooms) * rng.lognormal(0, 0.07, RECORDS)
    people = 2.83 * np.exp(rng.normal(0, 0.24, RECORDS) - 0.1 * wealth)
    return pd.DataFrame(
        {
            "longitude": points[:, 0],
            "latitude": points[:, 1],
            "housing_median_age": age,
            "total_rooms": (households * rooms).round(),
            "total_bedrooms": (households * bedrooms).round(),
            "population": (households * people).round(),
            "households": households,
            "median_income": income,
        }
    )


def prices(rng: np.random.Generator, points: Array, wealth: Array, frame: pd.DataFrame) -> Array:
    """Income, coast, city and neighbourhood make the price, crowding lowers it; an eighth of its variance is chance."""
    coast = coast_distance(points)
    cities = np.exp(-distances(points, CENTRES) / 0.3) @ CENTRES[:, 4]
    crowd = np.log(frame["population"] / frame["households"] / 2.83)
    log = 11.74 + 0.68 * np.log(frame["median_income"] / 3.5) + 0.003 * (frame["housing_median_age"] - 28) - 0.5 * crowd
    log += 0.7 * np.exp(-coast / 0.3) - 0.1 * coast.clip(0, 2.5) + cities
    log += 0.09 * wealth + 0.09 * neighbourhoods(rng, points, 1.0) + rng.normal(0, 0.22, RECORDS)
    return np.asarray(np.exp(log).round(-2).clip(FLOOR, CAP))


def sample() -> pd.DataFrame:
    """The records, the same on every run, target last."""
    rng = np.random.default_rng(SEED)
    points = places(rng)
    wealth = neighbourhoods(rng, points, 0.3)
    frame = homes(rng, points, wealth)
    frame["median_house_value"] = prices(rng, points, wealth, frame)
    counts = frame.columns.difference(["longitude", "latitude", "median_income"])
    frame = frame.astype(dict.fromkeys(counts, "Int64"))
    frame.loc[rng.random(RECORDS) < 0.01, "total_bedrooms"] = pd.NA  # as many as are missing in the real data
    return frame


def main() -> None:
    """Write the sample to its place."""
    sample().to_csv(PATH, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
