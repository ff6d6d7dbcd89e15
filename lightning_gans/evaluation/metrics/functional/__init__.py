"""Metrics as pure functions of features: float64 results on the CPU, bounded memory, no global random generator."""

from lightning_gans.evaluation.metrics.functional.copying import copying_test, nearest_real_distance, nearest_samples
from lightning_gans.evaluation.metrics.functional.density import (
    LatticeDivergence,
    diluted_log_density,
    gaussian_mixture_log_density,
    kl_js_on_lattice,
)
from lightning_gans.evaluation.metrics.functional.frechet import (
    frechet_distance,
    frechet_distance_from_moments,
    frechet_distance_infinity,
    variance_ratio,
)
from lightning_gans.evaluation.metrics.functional.hue import (
    fill_mask,
    histogram_entropy,
    histogram_total_variation,
    hue_and_chroma,
    hue_histogram,
    mean_colors,
)
from lightning_gans.evaluation.metrics.functional.mmd import (
    maximum_mean_discrepancy,
    maximum_mean_discrepancy_subsets,
    mmd_permutation_test,
)
from lightning_gans.evaluation.metrics.functional.pairwise import (
    PairwisePass,
    authenticity,
    density_coverage,
    one_nn_accuracy,
    precision_recall,
)
from lightning_gans.evaluation.metrics.functional.path_length import perceptual_path_length
from lightning_gans.evaluation.metrics.functional.principal import (
    PrincipalComponents,
    principal_components,
    residual_energy,
)
from lightning_gans.evaluation.metrics.functional.restoration import image_psnr, image_ssim, mean_laplacian, to_luma
from lightning_gans.evaluation.metrics.functional.samples import (
    class_accuracy,
    class_coverage,
    class_entropies,
    inception_score,
    mode_coverage,
    mode_spread,
    num_classes_covered,
    vendi_score,
)
from lightning_gans.evaluation.metrics.functional.sliced_wasserstein import (
    laplacian_pyramid,
    sliced_wasserstein,
    sliced_wasserstein_by_level,
)
from lightning_gans.evaluation.metrics.functional.statistics import FeatureStatistics, ReferenceStatistics
from lightning_gans.evaluation.metrics.functional.transport import (
    OptimalCritic,
    Transport,
    optimal_transport,
    wasserstein_1,
)
from lightning_gans.evaluation.metrics.functional.two_sample import (
    classifier_two_sample_test,
    one_nn_permutation_test,
)

__all__ = [
    "FeatureStatistics",
    "LatticeDivergence",
    "OptimalCritic",
    "PairwisePass",
    "PrincipalComponents",
    "ReferenceStatistics",
    "Transport",
    "authenticity",
    "class_accuracy",
    "class_coverage",
    "class_entropies",
    "classifier_two_sample_test",
    "copying_test",
    "density_coverage",
    "diluted_log_density",
    "fill_mask",
    "frechet_distance",
    "frechet_distance_from_moments",
    "frechet_distance_infinity",
    "gaussian_mixture_log_density",
    "histogram_entropy",
    "histogram_total_variation",
    "hue_and_chroma",
    "hue_histogram",
    "image_psnr",
    "image_ssim",
    "inception_score",
    "kl_js_on_lattice",
    "laplacian_pyramid",
    "maximum_mean_discrepancy",
    "maximum_mean_discrepancy_subsets",
    "mean_colors",
    "mean_laplacian",
    "mmd_permutation_test",
    "mode_coverage",
    "mode_spread",
    "nearest_real_distance",
    "nearest_samples",
    "num_classes_covered",
    "one_nn_accuracy",
    "one_nn_permutation_test",
    "optimal_transport",
    "perceptual_path_length",
    "precision_recall",
    "principal_components",
    "residual_energy",
    "sliced_wasserstein",
    "sliced_wasserstein_by_level",
    "to_luma",
    "variance_ratio",
    "vendi_score",
    "wasserstein_1",
]
