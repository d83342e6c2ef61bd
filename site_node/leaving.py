"""A hospital that leaves a study lets the others go on without it (SPEC 7.4)."""

from pathlib import Path

from protocol.canonical import canonical_json
from protocol.errors import Exit, FederationError
from protocol.governance.signed import Consent, make_consent
from site_node.config import read_config
from site_node.folder import StateFolder
from site_node.node import read_federation


class ConsentFileError(FederationError):
    """A consent cannot be written where it was wanted."""

    code = "consent-file"
    exit = Exit.USAGE
    fix = "name a new file in a folder that is there"


def write_consent(config_path: Path, study: str, out: Path) -> Consent:
    """Sign a consent and write it to a new file: the others' hospitals will ask for it.

    Raises
    ------
    ProblemsError, FolderError
        If settings or keys are not as they have to be.
    ConsentFileError
        If the file is there already or cannot be written.
    """
    config = read_config(config_path)
    folder = StateFolder(config.state)
    federation = read_federation(folder).name
    signed = make_consent(folder.seed(folder.identity), federation, study, config.site)
    told = {"study": study, "site": signed.site, "signature": signed.signature.hex()}
    try:
        with out.open("xb") as file:
            file.write(canonical_json(told) + b"\n")
    except OSError as error:
        raise ConsentFileError(
            f"{out}: {(error.strerror or 'cannot be written').lower()}"
        ) from None
    return signed
