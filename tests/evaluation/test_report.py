"""Reports on disk: those of this release, and those of 0.1."""

import json

import pytest

from lightning_gans import ConfigError
from lightning_gans.evaluation.report import Report

OF_0_1 = {
    "values": {
        "fid_digits": 3.0,
        "mmd_digits": 0.1,
        "two_sample_accuracy_digits": 0.6,
        "classes_digits": 10.0,
        "is": 9.0,
    },
    "floors": {"fid_digits": 2.0, "mmd_digits": 0.0, "two_sample_accuracy_digits": 0.5, "classes_digits": 10.0},
    "intervals": {"mmd_digits": [0.0, 0.2]},
    "protocol": {
        "features": "digits",
        "mmd": "unbiased MMD^2 over all samples, PolynomialKernel(degree=3, gamma=None, offset=1.0)",
        "floor": "disjoint halves of the real images; FID scaled to the counts compared",
        "fake": {"count": 60},
    },
}


def test_a_report_of_0_1_is_read_under_todays_names(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(OF_0_1))
    report = Report.from_file(path)
    assert report.values == {
        "fid_digits": 3.0,
        "kid_digits": 0.1,
        "one_nn_accuracy_digits": 0.6,
        "num_classes_covered_digits": 10.0,
        "is": 9.0,
    }
    assert report.real_vs_real.keys() == report.values.keys() - {"is"}
    assert report.intervals == {"kid_digits": (0.0, 0.2)}
    assert report.provenance["real_vs_real"] == OF_0_1["protocol"]["floor"]
    assert "floor" not in report.provenance
    path.write_text(json.dumps(report.as_dict()))
    assert Report.from_file(path) == report


def test_another_kernels_mmd_stays_one(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(OF_0_1 | {"protocol": {"mmd": "..., GaussianKernel(bandwidths=(10.0,))"}}))
    assert Report.from_file(path).values["mmd_digits"] == 0.1


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"protocol": {}}'])
def test_what_is_no_report_is_refused(tmp_path, content):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(ConfigError, match="cannot be read as a report"):
        Report.from_file(tmp_path / "report.json")
