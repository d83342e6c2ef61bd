"""`riskset run start --carrier`: a run goes the way that somebody thinks, or does not start."""

from pathlib import Path

import pytest

from coordinator.config import read_config
from protocol.errors import Exit
from riskset.run_cli import CarrierError, CarrierName, _require_carrier


@pytest.mark.parametrize("used", CarrierName)
@pytest.mark.parametrize("wanted", [None, *CarrierName])
def test_a_run_starts_only_over_the_carrier_of_the_settings(
    tmp_path: Path, used: CarrierName, wanted: CarrierName | None
) -> None:
    path = tmp_path / "coordinator.toml"
    path.write_text(f'carrier = "{used}"\n', encoding="utf-8")
    settings = read_config(path)
    if wanted in (None, used):
        _require_carrier(settings, wanted)
        return
    with pytest.raises(CarrierError, match=f"let {used} carry runs, not {wanted}") as refused:
        _require_carrier(settings, wanted)
    assert refused.value.exit is Exit.USAGE
    assert f'carrier = "{wanted}"' in refused.value.fix
