"""The rows of each plan that a node may be asked about: read at start, or when a run needs them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protocol.plan.read import read_canonical
from site_node.config import PlanFiles, SiteConfig
from site_node.data.snapshot import Snapshot, load_snapshot
from site_node.folder import StateFolder


@dataclass(frozen=True)
class Rows(Mapping[bytes, Snapshot]):
    """Snapshots by the plans' digests. A plan that settings do not name has the ordinary extract.

    `read` holds those that were read; others are, once, when somebody asks for them.
    """

    config: SiteConfig
    folder: StateFolder
    read: dict[bytes, Snapshot]

    def __getitem__(self, digest: bytes) -> Snapshot:
        """Give a plan's rows.

        Raises
        ------
        KeyError
            If the plan was not proposed here, or there is no extract.
        ProblemsError
            If mapping or extract are not as the plan asks.
        """
        if digest not in self.read:
            self.read[digest] = self._loaded(digest)
        return self.read[digest]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read)

    def __len__(self) -> int:
        return len(self.read)

    def _loaded(self, digest: bytes) -> Snapshot:
        file, extract = self.folder.plan(digest), self.config.extract
        if extract is None or not file.exists():
            raise KeyError(digest.hex())
        plan = read_canonical(file.read_bytes())
        files = PlanFiles(file, digest, extract, self.config.mapping)
        secret = self.folder.seed(self.folder.secret)
        return load_snapshot(self.config.site, plan, files, secret)
