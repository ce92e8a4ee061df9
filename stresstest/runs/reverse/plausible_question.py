"""A question by plausibility put to a staged book: what is searched for, from which starts, and what is told of the move found."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from stresstest.config import RunFile
from stresstest.errors import Reason, StressTestError
from stresstest.executors import Executor, make_executor
from stresstest.results.manifest import Manifest
from stresstest.results.plausible import AccountDistance, CovarianceUsed, Event, FactorMove, Plausible, SampleDay
from stresstest.runs.console import Console
from stresstest.runs.explaining import account_code
from stresstest.runs.planning import load_rulebook_of
from stresstest.runs.reverse.answers import events_of
from stresstest.runs.reverse.asked import check_ready
from stresstest.runs.reverse.covariance import MoveTerms, sample_of
from stresstest.runs.reverse.plausible_story import FIGURES, story
from stresstest.runs.staging import stage, workers
from stresstest.runs.writing import resources_of
from stresstest.scenarios.generators.history import day, shift_of
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.stress.plausible import delta_gamma, linear, system
from stresstest.stress.plausible.exposures import curvature, exposures
from stresstest.stress.plausible.revaluation import Revaluation
from stresstest.stress.plausible.search import largest, nearest
from stresstest.stress.plausible.seeds import nearest_day, seeds
from stresstest.stress.plausible.targets import target_of
from stresstest.stress.reverse.measuring import Measurer
from stresstest.stress.reverse.story import Storyteller
from stresstest.stress.reverse.targets import parse_target

Floats = npt.NDArray[np.float64]

Found = tuple[Plausible, ScenarioSet | None]
"""What was found, and the move as a scenario set of one; None where the target was not reached, or is at base."""

CORRELATED = 0.9
"""Least correlation of every two factors in the second look at how far a move is: in a crisis all markets move together."""
SCENARIO = "reverse.plausible"
"""Id of the scenario found."""
_LISTED = 10
"""Accounts that are named."""
_SAME = 1e-9
"""Relative difference within which a figure found by search is that of the closed form."""
_MOST_PARTS = 100
"""Accounts in default up to which a search looks at each of them on its own."""


class Question:
    """A book staged for one question, for as long as the context lasts."""

    def __init__(
        self, settings: RunFile, target: str, question: Literal["target", "worst"], asked: MoveTerms, manifest: Manifest | None, console: Console
    ) -> None:
        self._settings, self._text, self._worst = settings, target, question == "worst"
        self._asked, self._manifest, self._console = asked, manifest, console
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="stresstest-plausible-")))
            # How a library of linear algebra divides its sums among threads moves their last bits.
            opened.enter_context(threadpool_limits(limits=1, user_api="blas"))
            self._begin(folder, opened.enter_context(make_executor(self._settings.executor, workers(self._settings), folder)))
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _begin(self, folder: Path, executor: Executor) -> None:
        for name, value in (("the distance", self._asked.within), ("the horizon", self._asked.horizon_days), ("df - 2", self._asked.df - 2.0)):
            if not (np.isfinite(value) and value > 0.0):
                raise StressTestError(Reason.USAGE, f"{name} must be above zero", hint="Write a number, for example 10.")
        wanted = parse_target(self._text)
        rulebook = load_rulebook_of(self._settings)
        with self._console.stage("snapshot"):
            book = stage(self._settings, rulebook, folder)
        check_ready(book, rulebook, self._settings, self._manifest, self._console)
        if not (self._worst and wanted.kind in ("uncollateralised-loss", "cover-1", "cover-2")):
            stated = resources_of(self._settings, book.default_fund)
            wanted = wanted.settled(None if stated is None else stated.total, self._settings.resources.insurance_fund)
        code = None if wanted.account is None else account_code(book, wanted.account)
        self.target = target_of(self._text, wanted, code, book.dimensions.accounts.height)
        sample = sample_of(book, self._asked, self._settings.snapshot)
        self.moves, self.estimated = sample.moves, sample.estimated
        self.covariance, self.root, self.sample = sample.covariance, sample.root, sample.over_horizon
        self._expose(Measurer(book, rulebook, executor))

    def _expose(self, measurer: Measurer) -> None:
        self.book, self.rulebook = measurer.book, measurer.rulebook
        self.revalued = Revaluation(measurer, self.target, self.estimated.factors, self.estimated.kinds)
        with self._console.stage("exposures"):
            self.exposures = exposures(self.revalued.cushions, np.sqrt(np.diagonal(self.covariance)))
            self.at_base = float(self.revalued.figure(np.zeros((1, len(self.covariance))))[0])
            self.seeds = seeds(
                self.covariance,
                self.exposures,
                self.target,
                self.revalued.code,
                self.revalued.units(),
                self.revalued.cushions,
                self.sample,
                self._asked.within,
                self._settings.seed,
            )
        self.white = self._whitened(self.seeds.directions)

    def _whitened(self, moves: Floats) -> Floats:
        return np.asarray(np.linalg.solve(self.root, moves.T).T, dtype=np.float64)

    def _figure(self, z: Floats) -> Floats:
        return self.revalued.figure(z @ self.root.T)

    def _held(self, z: Floats) -> Callable[[Floats], Floats]:
        figure = self.revalued.held_figure(self.root @ z)
        return lambda moves: figure(moves @ self.root.T)

    def _parts(self, z: Floats) -> Callable[[Floats], Floats]:
        if self.target.of_owners:
            held = self._held(z)
            return lambda moves: held(moves)[:, np.newaxis]
        pools = self.revalued.binding(self.root @ z)
        return lambda moves: -self.revalued.cushions_of(pools, moves @ self.root.T).T

    def likeliest(self) -> Found:
        """The move with the smallest distance found at which the target is hit."""
        if self.at_base > self.target.level:
            return self._document("target", np.zeros(len(self.covariance)), self.at_base, None, "exact", 0), None
        with self._console.stage("search"):
            parts = None if self.target.kind == "uncollateralised-loss" or self.target.count > _MOST_PARTS else self._parts
            found = nearest(self._figure, self.target.level, self._asked.within, self.white, self.at_base, parts)
        if found is None:
            return self._document("target", None, None, None, None, len(self.white)), None
        move = self.root @ (found.crossing.right * found.direction)
        closed = self.seeds.linear
        same = closed is not None and abs(found.crossing.right - closed) <= _SAME * closed
        exact = same and self._closed_form() and self._linear(found.crossing.right)
        document = self._document(
            "target", move, found.crossing.figure_right, found.crossing.figure_left, "exact" if exact else "best found", found.directions
        )
        return document, self._scenario(move, document)

    def worst(self) -> Found:
        """The move within reach found at which the figure of the target is largest."""
        radius = self._asked.within
        inside = np.empty((0, len(self.covariance)))
        if self.target.kind == "uncollateralised-loss":
            together = system.worst(self.covariance, self.exposures.cushion, self.exposures.slope, radius, list(self.seeds.directions))
            inside = self._whitened(together.move[np.newaxis, :])
        elif self.target.count == 1 and not self.target.of_owners:
            inside = self._curved_worst(radius)
        with self._console.stage("search"):
            found = largest(self._figure, radius, self.white, inside, self.at_base, self._held)
        deviations = np.sqrt(np.maximum(((self.exposures.slope @ self.covariance) * self.exposures.slope).sum(axis=1), 0.0))
        closed = float((radius * deviations - self.exposures.cushion).max())
        size = float(np.abs(self.exposures.cushion).max()) + radius * float(deviations.max())
        exact = self._closed_form() and abs(found.figure - closed) <= _SAME * size and self._linear(radius)
        move = self.root @ found.move
        document = self._document("worst", move, found.figure, None, "exact" if exact else "best found", found.directions)
        return document, self._scenario(move, document) if np.any(move) else None

    def _curved_worst(self, radius: float) -> Floats:
        """The worst inside of the nearest pool's slopes and curvature, whitened."""
        pool = int(np.argmin(self.seeds.distances))
        curved = curvature(self.revalued.cushions, np.sqrt(np.diagonal(self.covariance)), self.exposures, pool)
        move = delta_gamma.worst(self.covariance, self.exposures.slope[pool], curved, radius)
        return self._whitened(move[np.newaxis, :])

    def _closed_form(self) -> bool:
        """Whether a linear book has one: the target is that some one pool falls below a line."""
        return not self.target.of_totals and self.target.count == 1

    def _linear(self, reach: float) -> bool:
        """Whether revaluation agrees with the slopes, for all pools, along all directions looked along, as far as `reach`."""
        lengths = np.sqrt((self.white * self.white).sum(axis=1))
        units = self.white / lengths[:, np.newaxis]
        moves = np.concatenate([share * reach * units for share in (0.25, 0.5, 1.0)]) @ self.root.T
        found = self.revalued.cushions(moves)
        expected = self.exposures.cushion[:, np.newaxis] + self.exposures.slope @ moves.T
        size = np.abs(self.exposures.cushion) + np.abs(self.exposures.slope) @ np.abs(moves).max(axis=0)
        return bool((np.abs(found - expected) <= _SAME * np.maximum(size, 1.0)[:, np.newaxis]).all())

    def _scenario(self, move: Floats, document: Plausible) -> ScenarioSet:
        made = self.revalued.scenarios(move[np.newaxis, :])
        name = f"{'Likeliest' if document.question == 'target' else 'Worst inside'}: {self.target.text}"
        source = story(document, self.estimated.words())
        found = dataclasses.replace(made.scenarios[1], id=SCENARIO, name=name, horizon_days=self._asked.horizon_days, source=source)
        return dataclasses.replace(made, scenarios=(made.scenarios[0], found), name="reverse stress by plausibility")

    def _event(self, move: Floats) -> Event | None:
        resolved, _ = resolve(self.revalued.scenarios(move[np.newaxis, :]), self.book.dimensions, self.rulebook.margin_names())
        found = Storyteller(self.book, self.rulebook, events_of(self.book, self.rulebook)).nearest(resolved, 1)
        return None if found is None else Event(**vars(found))

    def _document(
        self, question: Literal["target", "worst"], move: Floats | None, figure: float | None, before: float | None,
        label: Literal["exact", "best found"] | None, directions: int,
    ) -> Plausible:  # fmt: skip
        far = None if move is None else linear.distance(self.covariance, move)
        likely = None if far is None else linear.plausibility(far, len(self.covariance), self._asked.df)
        moved = move is not None and bool(np.any(move))
        found: SampleDay | None = None
        if move is not None and moved:
            place, cosine = nearest_day(self.covariance, move, self.sample)
            found = SampleDay(date=day(int(self.moves.days[place])).isoformat(), cosine=cosine)
        single = self.exposures.slope[0] if len(self.exposures.slope) == 1 and question == "worst" else None
        within = self._asked.within
        return Plausible(
            question=question,
            as_of=self.book.dimensions.as_of.isoformat(),
            target=self.target.text,
            words=self.target.words,
            figure_is=FIGURES[self.target.kind],
            reporting_currency=self.book.dimensions.reporting_currency,
            level=self.target.level,
            within=within,
            label=label,
            distance=far,
            figure_at_base=self.at_base,
            figure_before=before,
            figure=figure,
            moves=() if move is None else self._factor_moves(move),
            half_space=None if likely is None else likely.half_space,
            half_space_t=None if likely is None else likely.half_space_t,
            df=self._asked.df,
            outside_ellipsoid=None if likely is None else likely.outside,
            distance_correlated=self._correlated(move) if move is not None and moved else None,
            distance_linear=self.seeds.linear,
            distance_delta_gamma=self.seeds.delta_gamma,
            box=None if single is None else linear.worst_in_box(self.covariance, single, within),
            one_factor=None if single is None else linear.worst_of_one_factor(self.covariance, single, within),
            nearest_event=self._event(move) if move is not None and moved else None,
            nearest_day=found,
            nearest_accounts=self._accounts(),
            directions=directions,
            covariance=CovarianceUsed(
                factors=self.estimated.factors,
                returns=self._asked.returns,
                horizon_days=self._asked.horizon_days,
                moves=self.estimated.moves,
                first=self.estimated.first.isoformat(),
                last=self.estimated.last.isoformat(),
                shrinkage=self.estimated.shrinkage,
                condition=self.estimated.condition,
            ),
            scenario_id=SCENARIO if moved else None,
            file=None,
        )

    def _factor_moves(self, move: Floats) -> tuple[FactorMove, ...]:
        """All that move, largest in standard deviations first."""
        sizes = self.revalued.sizes(move[np.newaxis, :])[0]
        apart = move / np.sqrt(np.diagonal(self.covariance))
        return tuple(
            FactorMove(
                factor=self.estimated.factors[at],
                shift="absolute" if shift_of(self.estimated.kinds[at]) == "absolute" else "relative",
                size=float(sizes[at]),
                standard_deviations=float(apart[at]),
            )
            for at in np.argsort(-np.abs(apart), kind="stable").tolist()
            if sizes[at] != 0.0
        )

    def _correlated(self, move: Floats) -> float | None:
        """|g'x| / sqrt(g' S* g): to first order at the move, with g = S^-1 x, which the slopes there are parallel to where it is the nearest."""
        slope = np.asarray(np.linalg.solve(self.covariance, move), dtype=np.float64)
        spread = linear.deviation(linear.with_correlation(self.covariance, CORRELATED), slope)
        return float(abs(slope @ move) / spread) if spread > 0.0 else None

    def _accounts(self) -> tuple[AccountDistance, ...]:
        if self.target.of_owners:
            return ()
        first = np.flatnonzero(np.diff(self.revalued.account, prepend=-1))
        nearest = np.minimum.reduceat(self.seeds.distances, first)
        names = self.book.dimensions.accounts["account_id"]
        return tuple(
            AccountDistance(
                account_id=names[int(self.revalued.account[first[at]])], distance=float(nearest[at]) if np.isfinite(nearest[at]) else None
            )
            for at in np.argsort(nearest, kind="stable")[:_LISTED].tolist()
        )
