"""Two donors made one by staff, and two again.

All that is a donor's by number moves: gifts, monthly gifts, declarations, pledges and consents;
what comes later by the address goes where these went. Gifts keep the name and address they came
with, receipts their snapshots, accounts their addresses. Each move is kept, so that an undo gives
back exactly what the merge moved, also after further merges of it: what came since stays where it
arrived, and what staff put down to somebody else meanwhile stays there.

A merge waits for nobody, so that it can't come between others who wait for each other: where
something of a donor is being booked it tries again a moment later (`Busy` after some).
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import DatabaseUnavailable
from portal.donors import Consent, Donor, DonorMerge, DonorMove
from portal.gifts.models import Commitment, Gift, Plan
from portal.receipts.declarations import Declaration, list_of_donors, move_declaration
from portal.services import Act, Services

# What moves, by the name that its moves have; declarations move in new versions of theirs.
MODELS: Mapping[str, Any] = {
    "gift": Gift,
    "plan": Plan,
    "pledge": Commitment,
    "consent": Consent,
}
DECLARATION = "declaration"
KINDS = ("gift", "plan", DECLARATION, "pledge", "consent")
# A statement names so many rows.
AT_ONCE = 500
TRIES, PAUSE_SECONDS = 20, 0.1
LOCK_NOT_AVAILABLE = "55P03"
Done = TypeVar("Done")


class NotMergeable(Exception):
    """Two donors that can't be made one; `why` says it in a word."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


# The words of `NotMergeable`.
SAME, UNKNOWN, MERGED, FORGOTTEN, UNDONE = "same", "unknown", "merged", "forgotten", "undone"


class Busy(Exception):
    """Something of one of the donors is being booked just now."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo gave back, by kind, and how many gifts that came since stayed."""

    returned: Mapping[str, int]
    stayed: int


def count_things(session: Session, donor_id: int) -> dict[str, int]:
    """How much a merge would move, by kind."""
    found = {
        what: session.scalar(sa.select(sa.func.count()).where(model.donor_id == donor_id)) or 0
        for what, model in MODELS.items()
    }
    found[DECLARATION] = len(list_of_donors(session, [donor_id]))
    return {what: found[what] for what in KINDS}


def check_pair(session: Session, kept_id: int, gone_id: int) -> tuple[Donor, Donor]:
    """The two donors, or `NotMergeable`."""
    kept, gone = session.get(Donor, kept_id), session.get(Donor, gone_id)
    if kept is None or gone is None:
        raise NotMergeable(UNKNOWN)
    if kept_id == gone_id:
        raise NotMergeable(SAME)
    if kept.merged_into_id is not None or gone.merged_into_id is not None:
        raise NotMergeable(MERGED)
    if "@" not in kept.email or "@" not in gone.email:
        raise NotMergeable(FORGOTTEN)
    return kept, gone


def _act_alone(services: Services, actor: str, work: Callable[[Act], Done]) -> Done:
    """What one act of merging comes to, tried again while others hold what it needs."""
    for _ in range(TRIES):
        try:
            with services.write(actor) as act:
                return work(act)
        except DatabaseUnavailable as error:
            if not _is_held(error):
                raise
            time.sleep(PAUSE_SECONDS)
    raise Busy


def _is_held(error: DatabaseUnavailable) -> bool:
    cause = getattr(error.__cause__, "orig", None)
    return getattr(cause, "sqlstate", None) == LOCK_NOT_AVAILABLE


def merge_donors(services: Services, actor: str, kept_id: int, gone_id: int, why: str) -> int:
    """Put all of `gone_id` down to `kept_id`; the number of the merge. `NotMergeable`, `Busy`."""
    return _act_alone(services, actor, lambda act: _merge(act, kept_id, gone_id, why))


def _merge(act: Act, kept_id: int, gone_id: int, why: str) -> int:
    session = act.session
    _hold(session, {kept_id, gone_id})
    check_pair(session, kept_id, gone_id)
    merge = DonorMerge(kept_id=kept_id, gone_id=gone_id, why=why, actor=act.actor, at=act.now)
    session.add(merge)
    session.flush()
    for what in KINDS:
        rows = _list_rows(session, what, gone_id)
        _keep_moves(session, merge.id, what, rows)
        _put_down(act, what, rows, kept_id)
    related = sa.or_(Donor.id == gone_id, Donor.merged_into_id == gone_id)
    session.execute(sa.update(Donor).where(related).values(merged_into_id=kept_id))
    act.note("donor_merge", f"merge:{merge.id}", {"reason": why})
    return merge.id


def _hold(session: Session, donor_ids: Collection[int]) -> None:
    """Lock donors, who is merged into them, and what moves with them; or fail at once."""
    theirs = sa.or_(Donor.id.in_(donor_ids), Donor.merged_into_id.in_(donor_ids))
    found = sa.select(Donor).where(theirs).order_by(Donor.id).with_for_update(nowait=True)
    ids = [one.id for one in session.scalars(found.execution_options(populate_existing=True))]
    for model in MODELS.values():
        own = sa.select(model.id).where(model.donor_id.in_(ids)).order_by(model.id)
        session.execute(own.with_for_update(nowait=True)).all()


def _list_rows(session: Session, what: str, donor_id: int) -> list[int]:
    """The numbers of a donor's things; a declaration's is that of its first version."""
    if what != DECLARATION:
        model = MODELS[what]
        return list(session.scalars(sa.select(model.id).where(model.donor_id == donor_id)))
    keys = [one.key for one in list_of_donors(session, [donor_id])]
    first = sa.select(Declaration.id).where(Declaration.key.in_(keys), Declaration.version == 1)
    return list(session.scalars(first))


def _keep_moves(session: Session, merge_id: int, what: str, rows: Sequence[int]) -> None:
    if rows:
        moves = [{"merge_id": merge_id, "what": what, "row_id": row} for row in rows]
        session.execute(sa.insert(DonorMove), moves)


def _put_down(act: Act, what: str, rows: Sequence[int], donor_id: int) -> None:
    """Let some things be a donor's."""
    if what == DECLARATION:
        for one in _find_declarations(act.session, rows).values():
            move_declaration(act, one, donor_id)
        return
    model = MODELS[what]
    for part in _parts(rows):
        values = sa.update(model).where(model.id.in_(part)).values(donor_id=donor_id)
        act.session.execute(values)


def _find_declarations(session: Session, rows: Sequence[int]) -> dict[int, Declaration]:
    """The versions that stand, by the number of the first."""
    found: dict[int, Declaration] = {}
    first = sa.select(Declaration.id, Declaration.key).where(Declaration.id.in_(rows))
    for number, key in session.execute(first).all():
        newest = sa.select(Declaration).where(Declaration.key == key)
        newest = newest.order_by(Declaration.version.desc()).limit(1)
        found[number] = session.scalars(newest).one()
    return found


def _parts(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(rows), AT_ONCE):
        yield rows[at : at + AT_ONCE]


def undo_merge(services: Services, actor: str, merge_id: int) -> Undone:
    """Give back what a merge moved; `NotMergeable` where it is none that stands."""
    return _act_alone(services, actor, lambda act: _undo(act, merge_id))


def _undo(act: Act, merge_id: int) -> Undone:
    session = act.session
    merge = _hold_merge(session, merge_id)
    stayed = _count_stayed(session, merge)
    returned = {what: _give_back(act, merge, what) for what in KINDS}
    merge.undone_at, merge.undone_by = act.now, act.actor
    session.flush()
    _point_anew(session, merge)
    act.note("donor_merge_undo", f"merge:{merge.id}", {})
    return Undone(returned, stayed)


def _hold_merge(session: Session, merge_id: int) -> DonorMerge:
    """A merge that stands, with its donors and who has their things now."""
    merge = session.get(DonorMerge, merge_id)
    if merge is None:
        raise NotMergeable(UNKNOWN)
    gone = session.get_one(Donor, merge.gone_id)
    _hold(session, {merge.kept_id, merge.gone_id} | {gone.merged_into_id or merge.kept_id})
    session.refresh(merge)
    if merge.undone_at is not None:
        raise NotMergeable(UNDONE)
    return merge


def _count_stayed(session: Session, merge: DonorMerge) -> int:
    """Gifts that came by the address since it was merged: nothing says whose else they are."""
    gone = session.get_one(Donor, merge.gone_id)
    moved = sa.exists().where(DonorMove.what == "gift", DonorMove.row_id == Gift.id)
    since = sa.select(sa.func.count(Gift.id)).where(
        Gift.email == gone.email, Gift.donor_id == gone.merged_into_id, ~moved
    )
    return session.scalar(since) or 0


@dataclass(frozen=True, slots=True)
class Step:
    """A move that was not given back: from whom, to whom."""

    move_id: int
    merge_id: int
    gone_id: int
    kept_id: int


def _give_back(act: Act, merge: DonorMerge, what: str) -> int:
    """Let what is still where its merges put it be the donor's again; how much that is."""
    steps = _list_steps(act.session, merge.id, what)
    holders = _find_holders(act.session, what, [*steps])
    rows, moves = [], []
    for row, taken in steps.items():
        path = _follow(taken, merge.id)
        if path and holders.get(row) == path[-1].kept_id:
            rows.append(row)
            moves += [step.move_id for step in path]
    _put_down(act, what, rows, merge.gone_id)
    for part in _parts(moves):
        given = sa.update(DonorMove).where(DonorMove.id.in_(part))
        act.session.execute(given.values(returned_at=act.now))
    return len(rows)


def _follow(taken: Sequence[Step], merge_id: int) -> list[Step]:
    """The way of one thing from a merge on, as far as each merge took it from the one before."""
    path: list[Step] = []
    for step in taken:
        if step.merge_id == merge_id or (path and step.gone_id == path[-1].kept_id):
            path.append(step)
        elif path:
            break
    return path


def _list_steps(session: Session, merge_id: int, what: str) -> dict[int, list[Step]]:
    """All moves that hold of what a merge moved, by its number, in their order."""
    its = sa.select(DonorMove.row_id).where(
        DonorMove.merge_id == merge_id, DonorMove.what == what, DonorMove.returned_at.is_(None)
    )
    wanted = (
        sa.select(
            DonorMove.row_id, DonorMove.id, DonorMerge.id, DonorMerge.gone_id, DonorMerge.kept_id
        )
        .join(DonorMerge, DonorMerge.id == DonorMove.merge_id)
        .where(DonorMove.what == what, DonorMove.returned_at.is_(None), DonorMove.row_id.in_(its))
        .order_by(DonorMove.merge_id)
    )
    found: dict[int, list[Step]] = defaultdict(list)
    for row, *step in session.execute(wanted):
        found[row].append(Step(*step))
    return found


def _find_holders(session: Session, what: str, rows: Sequence[int]) -> dict[int, int]:
    """Whose some things are now."""
    if what == DECLARATION:
        return {row: one.donor_id for row, one in _find_declarations(session, rows).items()}
    model = MODELS[what]
    return {
        row: donor_id
        for part in _parts(rows)
        for row, donor_id in session.execute(
            sa.select(model.id, model.donor_id).where(model.id.in_(part))
        )
    }


def _point_anew(session: Session, undone: DonorMerge) -> None:
    """Let each donor of a group that was one lead to who has their things by what stands."""
    root = session.get_one(Donor, undone.gone_id).merged_into_id
    group = list(session.scalars(sa.select(Donor).where(Donor.merged_into_id == root)))
    ids = [one.id for one in group]
    stands = sa.select(DonorMerge.gone_id, DonorMerge.kept_id).where(
        DonorMerge.gone_id.in_(ids), DonorMerge.undone_at.is_(None)
    )
    ways = {row.gone_id: row.kept_id for row in session.execute(stands)}
    for one in group:
        end = one.id
        while end in ways:
            end = ways[end]
        one.merged_into_id = None if end == one.id else end


@dataclass(frozen=True, slots=True)
class ToldMerge:
    """A merge that stands, for readers."""

    merge: DonorMerge
    kept: str
    gone: str
    moved: Mapping[str, int]


PAGE = 50


def list_merges(session: Session) -> list[ToldMerge]:
    """The newest merges that stand, with what each moved and did not get taken back."""
    kept, gone = sa.orm.aliased(Donor), sa.orm.aliased(Donor)
    wanted = (
        sa.select(DonorMerge, kept.email, gone.email)
        .join(kept, kept.id == DonorMerge.kept_id)
        .join(gone, gone.id == DonorMerge.gone_id)
        .where(DonorMerge.undone_at.is_(None))
        .order_by(DonorMerge.id.desc())
        .limit(PAGE)
    )
    found = session.execute(wanted).all()
    counts = _count_moves(session, [row[0].id for row in found])
    return [ToldMerge(merge, to, of, counts[merge.id]) for merge, to, of in found]


def _count_moves(session: Session, merge_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    counted = (
        sa.select(DonorMove.merge_id, DonorMove.what, sa.func.count())
        .where(DonorMove.merge_id.in_(merge_ids), DonorMove.returned_at.is_(None))
        .group_by(DonorMove.merge_id, DonorMove.what)
    )
    found: dict[int, dict[str, int]] = {one: dict.fromkeys(KINDS, 0) for one in merge_ids}
    for merge_id, what, number in session.execute(counted):
        found[merge_id][what] = number
    return found
