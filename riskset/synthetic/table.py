"""Synthetic patients as rows of an extract: UTF-8, commas, decimal points, LF, no field empty."""

from collections.abc import Iterator

from riskset.synthetic.model import Flags, Integers, Patients, Reals

HEADER = (
    "patient_id,age,sex,primary_site,t_stage,n_stage,ras,cea_ng_ml,lesions,max_diameter_cm,"
    "synchronous,extrahepatic,regimen,targeted,strategy,ablation_date,"
    "dfs_days,dfs_event,os_days,os_event,complication,drug_ae"
)
"""The columns of an extract; `fields` gives them in this order, without `patient_id`."""


def fields(patients: Patients) -> list[list[str]]:
    """Write every column as text, in the order of `HEADER` after `patient_id`."""
    return [
        _whole(patients.age_years),
        _either(patients.male, "male", "female"),
        patients.disease.primary_site.tolist(),
        patients.disease.t_stage.tolist(),
        _either(patients.disease.node_positive, "N1-2", "N0"),
        patients.disease.ras.tolist(),
        _tenths(patients.disease.cea_ng_ml),
        _whole(patients.disease.lesions),
        _tenths(patients.disease.diameter_cm),
        _either(patients.disease.synchronous),
        _either(patients.disease.extrahepatic),
        patients.drugs.regimen.tolist(),
        patients.drugs.targeted.tolist(),
        _either(patients.upfront, "upfront", "delayed"),
        patients.ablation_date.astype(str).tolist(),
        _whole(patients.dfs.days),
        _either(patients.dfs.event),
        _whole(patients.os.days),
        _either(patients.os.event),
        _either(patients.complication),
        _either(patients.drug_ae),
    ]


def records(patients: Patients) -> Iterator[str]:
    """Give one line per patient, without `patient_id` and without a line end."""
    return map(",".join, zip(*fields(patients), strict=True))


def numbered(record: str, number: int) -> str:
    """Complete a line with the patient's number in the hospital: P001, P002, ..."""
    return f"P{number:03d},{record}\n"


def _either(flags: Flags, yes: str = "1", no: str = "0") -> list[str]:
    return [yes if flag else no for flag in flags.tolist()]


def _whole(numbers: Integers) -> list[str]:
    return [str(number) for number in numbers.tolist()]


def _tenths(numbers: Reals) -> list[str]:
    return [f"{number:.1f}" for number in numbers.tolist()]
