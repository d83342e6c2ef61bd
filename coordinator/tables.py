"""The tables of the coordinator's journal, for SQLite and PostgreSQL alike.

No column ever holds a number of one hospital: uploads are masked words, and sums are over all.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
)

SCHEMA_VERSION = 2
"""Counts up with every change of a table; a journal of a later version is refused."""

tables = MetaData()

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # which numbers rows by INTEGER alone


class Moment(TypeDecorator[datetime]):
    """A time in UTC, to the microsecond, as text that sorts by time in both databases."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write a time; it must have a time zone."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time in the journal needs its time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read a time."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)


meta = Table(
    "meta",
    tables,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

runs = Table(
    "runs",
    tables,
    Column("run", String(32), primary_key=True),  # the run id in hex
    Column("study", String, nullable=False),
    Column("plan_digest", String(64), nullable=False),
    Column("program", String, nullable=False),
    Column("software", String, nullable=False),  # that created it
    Column("epoch", Integer, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("before", String, nullable=False),  # its state when it was stopped
    Column("code", String, nullable=False, default=""),  # why it stands, for scripts
    Column("reason", String, nullable=False, default=""),  # and for people
    Column("wish", String, nullable=False, default=""),  # what a person asked for meanwhile
    Column("trip", Integer, nullable=False, default=0),  # 0 while keys are gathered
    Column("created", Moment, nullable=False),
    Column("changed", Moment, nullable=False),
    Column("asked", Moment),  # since when the present request is out
    Column("deadline", Moment),
    Column("published", Moment),
)

messages = Table(
    "messages",
    tables,
    Column("number", _NUMBER, primary_key=True),
    Column("run", ForeignKey("runs.run"), nullable=False),
    Column("kind", String, nullable=False),
    Column("trip", Integer, nullable=False),
    Column("site", String, nullable=False),  # empty for the coordinator's own
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("run", "kind", "trip", "site"),
)

events = Table(
    "events",
    tables,
    Column("number", _NUMBER, primary_key=True),
    Column("run", ForeignKey("runs.run"), nullable=False),
    Column("time", Moment, nullable=False),
    Column("kind", String, nullable=False),
    Column("trip", Integer, nullable=False),
    Column("site", String, nullable=False),
    Column("bytes", _NUMBER, nullable=False),
    Column("text", String, nullable=False),
    Index("events_by_run", "run", "kind"),
)

presence = Table(
    "presence",
    tables,
    Column("site", String, primary_key=True),
    Column("connected", Boolean, nullable=False),
    Column("since", Moment, nullable=False),
    Column("peer", String, nullable=False),
    Column("software", String, nullable=False),
)

heads = Table(
    "heads",
    tables,
    Column("site", String, primary_key=True),
    Column("identity", LargeBinary(32), primary_key=True),  # the key that signed it
    Column("lines", _NUMBER, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("time", Moment, nullable=False),
)

proposals = Table(
    "proposals",
    tables,
    Column("plan", String(64), primary_key=True),  # digests in hex
    Column("roster", String(64), primary_key=True),
    Column("study", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("time", Moment, nullable=False),
)

decided = Table(
    "decided",
    tables,
    Column("plan", String(64), primary_key=True),
    Column("roster", String(64), primary_key=True),
    Column("site", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("reply", LargeBinary, nullable=False),  # as the hospital signed it
    Column("time", Moment, nullable=False),
)

rosters = Table(
    "rosters",
    tables,
    Column("federation", String, primary_key=True),
    Column("study", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("file", LargeBinary, nullable=False),  # as authorities sign it in turn
    Column("time", Moment, nullable=False),
)

invitations = Table(
    "invitations",
    tables,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("used", Moment),
    Column("used_by", LargeBinary),  # the identity key that it let in
)

joins = Table(
    "joins",
    tables,
    Column("number", _NUMBER, primary_key=True),
    Column("invitation", String, nullable=False),
    Column("site", String, nullable=False),
    Column("name", String, nullable=False),
    Column("identity", LargeBinary, nullable=False),
    Column("words", String, nullable=False),
    Column("time", Moment, nullable=False),
    Column("state", String, nullable=False),
)
